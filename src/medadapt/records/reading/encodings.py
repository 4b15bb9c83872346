"""Bytes of a source file -> text, and the encoding that was found."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from medadapt.core.errors import DataError

ODD_BYTES = re.compile("[\udc80-\udcff]")
ODD_WORD = re.compile("(?<![\\w\udc80-\udcff])\\w*+[\udc80-\udcff][\\w\udc80-\udcff]*+")
MOST_WORDS, MOST_CHARACTERS = 5, 30
"""Of the words that a reader is shown, and of each."""
# Bytes that are no UTF-8, as surrogateescape leaves them -> their cp1252 or the replacement character.
FROM_CP1252 = {0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0x100)}
FOREIGN_RUN = re.compile("(?:[\udc81-\udcfe][@-~\udc80-\udcfe]){3,}|[\udc80-\udcff]{4,}")
"""Western text has its odd bytes one by one; Cyrillic, Greek and Chinese words are made of nothing else, or, in Big5
and Shift-JIS, of pairs that begin with one."""
FOREIGN_SHARE = 0.05
"""Of all bytes of a file, those in such runs."""
SIGN_IN_WORD = re.compile(
    "(?<=[A-Za-z\udc80-\udc84\udc86-\udc90\udc9a\udc9b\udc9d-\udc9f\udca1-\udca5\udcb3\udcb5\udcb9\udcbc\udcbe\udcc0-\udcff])"
    "[\udc80-\udc84\udc86-\udc90\udc9b\udc9d\udca1-\udca5\udcb3\udcb5\udcb9\udcbc\udcbe](?=[a-z\udcdf-\udcff])"
)
"""What is a sign (`‚ £ ³ ¼`) or a capital (`Š Ž`) in the West, and a small letter of words in cp1250, in Latin-2 and on
DOS and old Macs. Left out are signs that Western texts have within words: `patient¿s`, `treat¬ment`."""
CARON_IN_WORD = re.compile("(?<=[A-Za-z\udc80-\udcff])[\udc9a\udc9e](?=[a-z\udcdf-\udcff])")
BESIDE_CARON = re.compile("[\udcbe\udce6\udce8\udcec\udcf0\udcf8\udcf9]")
"""`š` and `ž` are the same bytes in the West and in cp1250, which has `č ć ě đ ř ů` beside them."""
SIGN_SHARE, ENOUGH_SIGNS = 0.05, 5
"""Of all odd bytes, such signs or letters."""
LETTERS = (
    # Turkish ğ ş, Romanian ţ with ü ç ă î beside them; in the West ð þ, as in Icelandic, with á æ í ó ú.
    (
        re.compile("[\udcd0\udcdd\udcde\udcf0\udcfe]"),
        re.compile("[\udce2\udce3\udce7\udcee\udcf6\udcfc]"),
        re.compile("[\udcc1\udcc6\udccd\udcd3\udcda\udce1\udce6\udced\udcf3\udcfa]"),
    ),
    # Hungarian ő ű with á é beside them; in the West õ û, as in Portuguese and French, with ã ç è ê.
    (
        re.compile("[\udcf5\udcfb](?!e)"),
        re.compile("[\udce1\udce9]"),
        re.compile("[\udce2-\udce4\udce7\udce8\udcea\udcee]"),
    ),
)
"""Letters of another language, what it has beside them, and what Western languages have that use the same bytes."""
BESIDE = 0.2
"""So many of what stands beside a letter, for each of these letters."""
MOST_TIMES = 3
"""So often a word counts: one that stands in every row of a table says no more about the language."""
CONTROLS = bytes(sorted({*range(32), 127} - set(b"\t\n\r\f\x00")))
"""Bytes that a text has next to none of, and anything else one in nine. NUL is counted apart."""
PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"BZh91AY", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
"""How zip archives and spreadsheets, gzip, bzip2, xz and zstd begin."""
ENOUGH_TO_JUDGE = 512
"""Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Text of a file and how it was encoded."""

    text: str
    encoding: str
    """`utf-8`, `utf-8-sig` (with a byte order mark), `utf-16` or `cp1252`."""
    odd_bytes: int = 0
    """Bytes that are no UTF-8 and were read as cp1252."""
    words: tuple[str, ...] = ()
    """The first words that hold such bytes, for a reader to look at."""


def decode(content: bytes, name: str) -> Decoded:
    """Text of a file: UTF-8 with or without BOM, UTF-16 with BOM; bytes that are neither are cp1252.

    In a file of mixed encodings the sound UTF-8 stays what it is. Raises DataError where it is no text, and where
    its odd bytes are those of another script, or of letters that no Western language has there.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Decoded(text=content.decode("utf-16", "replace"), encoding="utf-16")
    if content.startswith(PACKED) or _is_binary(content):
        raise DataError(
            f"{name} is not a text file.",
            "CSV, TSV, JSON, JSON lines or XML as text, best in UTF-8",
            "Unpack an archive, export a spreadsheet as CSV, or save the text in UTF-8.",
        )
    encoding = "utf-8"
    if content.startswith(codecs.BOM_UTF8):
        content, encoding = content[len(codecs.BOM_UTF8) :], "utf-8-sig"
    text = content.decode("utf-8", "surrogateescape")
    odd = len(ODD_BYTES.findall(text))
    if odd:
        words = Counter(ODD_WORD.findall(text))
        if _is_foreign(text, words, odd, len(content)):
            raise DataError(
                f"{name} is neither in UTF-8 nor in cp1252 (Western European).",
                "text in UTF-8",
                "Save it as UTF-8: in a spreadsheet as 'CSV UTF-8', or with `iconv -f ENCODING -t UTF-8 OLD > NEW`, "
                "where ENCODING is WINDOWS-1250 for Polish, Czech or Hungarian, WINDOWS-1254 for Turkish, WINDOWS-1251 "
                "for Russian, GB18030, BIG5, SHIFT-JIS or EUC-KR in East Asia, MACINTOSH of an old Mac, CP850 of DOS, "
                "and WINDOWS-1252 where it is Western European all the same. "
                "Then look at some words: a wrong ENCODING makes others of them without an error.",
            )
        return Decoded(
            text=text.translate(FROM_CP1252), encoding="cp1252", odd_bytes=odd, words=_shown(words)
        )
    return Decoded(text=text, encoding=encoding)


def _is_binary(content: bytes) -> bool:
    controls = len(content) - len(content.translate(None, CONTROLS))
    odd = len(content) >= ENOUGH_TO_JUDGE and controls > len(content) // 20
    return odd or content.count(0) > len(content) // 10


def _is_foreign(text: str, words: Mapping[str, int], num_odd: int, num_bytes: int) -> bool:
    """Whether odd bytes make up words, or stand in them where no Western language has them.

    `words` are those with such bytes, and how often each stands in the text.
    """
    runs = sum(len(ODD_BYTES.findall(run)) for run in FOREIGN_RUN.findall(text) if len(set(run)) > 2)
    if runs > num_odd / 2 and runs > FOREIGN_SHARE * num_bytes:
        return True
    text = "\n".join(word for word, times in words.items() for _ in range(min(times, MOST_TIMES)))
    num_odd = _count(ODD_BYTES, text)
    signs, carons = _count(SIGN_IN_WORD, text), _count(CARON_IN_WORD, text)
    if _count(BESIDE_CARON, text) + signs >= carons / 2:
        signs += carons
    enough = max(ENOUGH_SIGNS, SIGN_SHARE * num_odd)
    return signs >= enough or any(
        (found := _count(letters, text)) >= enough
        and _count(western, text) < BESIDE * found <= _count(foreign, text)
        for letters, foreign, western in LETTERS
    )


def _count(pattern: re.Pattern[str], text: str) -> int:
    return len(pattern.findall(text))


def _shown(words: Mapping[str, int]) -> tuple[str, ...]:
    """The first few words, as they are read; those that are nothing but odd bytes, such as a dash, come last."""
    first = sorted(words, key=lambda word: not any(char.isascii() for char in word))[:MOST_WORDS]
    return tuple(word.translate(FROM_CP1252)[:MOST_CHARACTERS] for word in first)
