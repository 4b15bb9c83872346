"""Texts made whole and comparable: repairs of characters, of spaces, and the normal form for comparing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Any

from medadapt.records.cleaning.mojibake import ungarbled
from medadapt.records.rows import RowError

Repairs = Counter[str]
"""How often each kind of repair was made; it becomes `repairs` in data.json."""

ODD = re.compile("[\x00\x0d\x7f-\x9f\u2028\u2029\ud800-\udfff]")
LINE_SPACE = re.compile(r"[^\S\n]+")
BLANK_LINES = re.compile(r"\n{3,}")
REPEATED_MARK = re.compile(r"\?(?:\s+\?)+")
SPACED_MARK = re.compile(r"\s+\?")


def _cp1252(code: int) -> str:
    return bytes([code]).decode("cp1252", "ignore")


# C1 control characters are what is left of cp1252 punctuation read as Latin-1; HTML reads them the same way.
CONTROL_CHARACTERS = {code: _cp1252(code) for code in range(0x80, 0xA0)}
NOTHING_SHOWN = {0x00: None, 0x7F: None}
SEPARATORS = {0x2028: "\n", 0x2029: "\n"}
LONE_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
NO_BREAK_SPACES = dict.fromkeys((0xA0, 0x2007, 0x202F), " ")
LARGEST_EXACT = 2.0**53
"""From here on a float no longer holds every whole number."""


def sound_text(text: str, repairs: Repairs) -> str:
    """The text without characters that no UTF-8 file, line-based file or tokenizer should meet.

    Garbled UTF-8 is restored first, while its control characters are still there.
    """
    text, restored = ungarbled(text)
    if restored:
        repairs["garbled UTF-8 restored"] += 1
    if not ODD.search(text):
        return text
    for kind, table in (
        ("NUL and DEL characters removed", NOTHING_SHOWN),
        ("control characters read as cp1252", CONTROL_CHARACTERS),
        ("line separators made newlines", SEPARATORS),
        ("lone surrogates replaced", LONE_SURROGATES),
    ):
        repaired = text.translate(table)
        if repaired != text:
            repairs[kind] += 1
            text = repaired
    if "\r" in text:
        repairs["carriage returns made newlines"] += 1
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return sound_text(text, repairs)  # a control character that became a sign can complete garbled UTF-8


def without_nul(text: str, repairs: Repairs) -> str:
    """A whole file's text without NUL characters, which parsers stumble over."""
    if count := text.count("\x00"):
        repairs["NUL and DEL characters removed"] += count
        return text.replace("\x00", "")
    return text


def sound_value(value: Any, repairs: Repairs) -> Any:
    """A JSON value with sound texts in it; infinite numbers become null, for they are not JSON."""
    if isinstance(value, str):
        return sound_text(value, repairs)
    if isinstance(value, list):
        return [sound_value(part, repairs) for part in value]
    if isinstance(value, dict):
        return {sound_text(str(key), repairs): sound_value(part, repairs) for key, part in value.items()}
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        repairs["numbers that are no JSON made empty"] += 1
        return None
    return value


def text_of(value: Any, name: str) -> str:
    """The text in a cell, stripped; empty for null. Raises RowError where a list or object stands instead.

    A whole number is written without a point: a column of numbers becomes one of floats as soon as a cell is empty.
    """
    if value is None or value != value:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_EXACT:
        return str(int(value))
    if isinstance(value, bool | int | float):
        return str(value)
    kind = "a list" if isinstance(value, list) else "an object"
    raise RowError("unparsed_row", f"{name} holds {kind} instead of text")


def one_line(text: str) -> str:
    """The text with every run of white space made one space."""
    return " ".join(text.split())


def composed(text: str) -> str:
    """The text with accents on their letters (NFC) and plain spaces for no-break ones: what looks the same is."""
    return unicodedata.normalize("NFC", text).translate(NO_BREAK_SPACES)


def clean_lines(text: str, repairs: Repairs) -> str:
    """Runs of spaces made one inside each line; newlines are kept, but no more than one empty line."""
    cleaned = LINE_SPACE.sub(" ", text)
    cleaned = "\n".join(line.strip() for line in cleaned.split("\n"))
    cleaned = BLANK_LINES.sub("\n\n", cleaned).strip()
    if cleaned != text:
        repairs["runs of spaces joined"] += 1
    return cleaned


def clean_question(text: str, repairs: Repairs) -> str:
    """A question on one line, without a space before the question mark or a second one after it."""
    line = one_line(text)
    if line != text:
        repairs["runs of spaces joined"] += 1
    single = REPEATED_MARK.sub("?", line)
    if single != line:
        repairs["repeated question marks removed"] += 1
    closed = SPACED_MARK.sub("?", single)
    if closed != single:
        repairs["spaces before question marks removed"] += 1
    return closed


class _LettersAndSymbols(dict[int, int | str]):
    """Translation that turns punctuation, spaces and controls into spaces; letters, marks and signs stay."""

    def __missing__(self, code: int) -> int | str:
        category = unicodedata.category(chr(code))
        kept: int | str = " " if category[0] in "PZC" or category == "Sk" else code
        self[code] = kept
        return kept


_LETTERS_AND_SYMBOLS = _LettersAndSymbols()


def normal_form(text: str) -> str:
    """The text as compared for duplicates: composed, case-folded, punctuation and spaces made one space.

    Accents stay, and so do signs such as `<`, `+` and `°`, which change a medical meaning. A text of
    punctuation alone stays as it is, so that it equals only itself.
    """
    folded = unicodedata.normalize("NFC", text).casefold()
    return " ".join(folded.translate(_LETTERS_AND_SYMBOLS).split()) or folded.strip()


def option_form(text: str) -> str:
    """An option as told from the others: spaces joined, case and punctuation kept (the genotype `Aa` is not `aa`)."""
    return one_line(unicodedata.normalize("NFC", text))


def answer_form(text: str) -> str:
    """An answer or option as compared: case-folded, spaces joined, punctuation kept (`-1` is not `1`)."""
    return option_form(text).casefold()
