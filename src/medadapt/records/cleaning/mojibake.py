"""UTF-8 that was read as cp1252 or Latin-1: `donâ€™t` -> `don’t`, where no other reading is possible."""

from __future__ import annotations

import re


def _byte_of(char: str) -> int:
    """The byte that cp1252 shows as this character; the five bytes it leaves open are Latin-1's controls."""
    try:
        return char.encode("cp1252")[0]
    except UnicodeEncodeError:
        return ord(char)


def _shown(low: int, high: int) -> str:
    """A character class of all that the bytes from low to high are shown as, in cp1252 or in Latin-1."""
    bytes_ = [bytes([byte]) for byte in range(low, high + 1)]
    chars = {b.decode("latin-1") for b in bytes_} | {b.decode("cp1252", "ignore") for b in bytes_}
    return "[" + "".join(re.escape(char) for char in sorted(chars - {""})) + "]"


NEXT = _shown(0x80, 0xBF)
SMALL = "[a-zß-öø-ſ]"
AFTER_A_CAPITAL = "(?![’–—…”\xa0])"
"""What sound text may have behind `Å`, as in `5 Å–wide`."""
GARBLED = re.compile(
    rf"â{_shown(0x80, 0xAF)}{NEXT}"  # punctuation, arrows, signs of mathematics: ’ “ – … → ≥
    rf"|Â{_shown(0xA0, 0xBF)}"  # ° ± µ ½ and the no-break space
    rf"|(?<![A-ZÀ-Þ])Ã{NEXT}"  # é ü ñ; after a capital it may be a word in capitals before a quotation mark
    rf"|Î{_shown(0x91, 0xBF)}|Ï{_shown(0x80, 0x89)}"  # Greek: α β μ
    rf"|(?<={SMALL})[ÄÅ]{NEXT}|[ÄÅ]{AFTER_A_CAPITAL}{NEXT}(?={SMALL})"  # ě ř š ž ő ű ł ş ğ ı œ, beside small letters
)


def ungarbled(text: str) -> tuple[str, int]:
    """The text with garbled characters restored, and how many they were.

    Only sequences are touched that decode as UTF-8 to the few kinds of characters that medical text in Latin
    letters uses; no such sequence is a word in any language written in Latin letters.
    """
    count = 0

    def restored(found: re.Match[str]) -> str:
        nonlocal count
        try:
            char = bytes(_byte_of(char) for char in found[0]).decode("utf-8")
        except UnicodeDecodeError:
            return found[0]
        count += 1
        return char

    before = ""
    while text != before and any(lead in text for lead in "âÂÃÎÏÄÅ"):  # some texts went wrong twice
        before, text = text, GARBLED.sub(restored, text)
    return text, count
