"""Text of the data made safe to look at: no control sequences, no characters that reorder the line."""

from __future__ import annotations

import re

TERMINAL_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC up to their end
    r"|\x1b[ -/]*[0-~]"  # other escapes of two or three characters
    r"|\x9b[0-?]*[ -/]*[@-~]",  # CSI as one character
    re.DOTALL,
)
LINE_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # controls; tab and newline stay
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u206a-\u206f"  # direction marks: shown order = stored order
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"  # byte-order mark, annotation and tag characters
)
SURROGATE = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text as it may be shown: what would move a cursor or turn the reading order is taken out.

    Line breaks of any kind become a newline and lone surrogates, which UTF-8 cannot hold, the
    replacement sign. Markup is left alone: escaping belongs to the format that is written.

    >>> visible("fe\x1b[31mver\u202e!")
    'fever!'
    """
    text = LINE_BREAK.sub("\n", TERMINAL_SEQUENCE.sub("", text))
    return SURROGATE.sub("\ufffd", INVISIBLE.sub("", text))


def one_line(text: str) -> str:
    """The visible text with every run of white space as one space."""
    return " ".join(visible(text).split())


def shortened(text: str, max_chars: int) -> str:
    """The text, cut at a word with a note of how much is missing where it is longer than `max_chars`."""
    if len(text) <= max_chars:
        return text
    kept = text[:max_chars]
    if " " in kept[max_chars // 2 :]:
        kept = kept[: kept.rindex(" ")]
    return f"{kept} … ({len(text) - len(kept):,} more characters)"
