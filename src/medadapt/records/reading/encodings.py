"""Bytes of a source file -> text, and the encoding that was found."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from medadapt.core.errors import DataError

ODD_BYTES = re.compile("[\udc80-\udcff]")
# Bytes that are no UTF-8, as surrogateescape leaves them -> their cp1252 or the replacement character.
FROM_CP1252 = {0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0x100)}
FOREIGN_RUN = re.compile("[\udc80-\udcff]{4,}")
"""Western text has its odd bytes one by one; Cyrillic, Greek and Chinese words are made of nothing else."""
FOREIGN_SHARE = 0.05
"""Of all bytes of a file, those in such runs."""
SIGN_IN_WORD = re.compile("(?<=[A-Za-z\udcc0-\udcff])[\udcb3\udcb9\udcbc](?=[a-z\udcc0-\udcff])")
"""What is `³`, `¹` or `¼` in the West and a letter of Polish words in cp1250 or Latin-2."""
SIGN_SHARE, ENOUGH_SIGNS = 0.05, 5
"""Of all odd bytes, such signs."""
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


def decode(content: bytes, name: str) -> Decoded:
    """Text of a file: UTF-8 with or without BOM, UTF-16 with BOM; bytes that are neither are cp1252.

    In a file of mixed encodings the sound UTF-8 stays what it is. Raises DataError where it is no text, and where
    its odd bytes are those of another script.
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
        if _is_foreign(text, odd, len(content)):
            raise DataError(
                f"{name} is neither in UTF-8 nor in a Western encoding.",
                "text in UTF-8",
                "Save it as UTF-8: in a spreadsheet as 'CSV UTF-8', or with iconv, for example "
                "`iconv -f WINDOWS-1251 -t UTF-8`.",
            )
        return Decoded(text=text.translate(FROM_CP1252), encoding="cp1252", odd_bytes=odd)
    return Decoded(text=text, encoding=encoding)


def _is_binary(content: bytes) -> bool:
    controls = len(content) - len(content.translate(None, CONTROLS))
    odd = len(content) >= ENOUGH_TO_JUDGE and controls > len(content) // 20
    return odd or content.count(0) > len(content) // 10


def _is_foreign(text: str, num_odd: int, num_bytes: int) -> bool:
    """Whether odd bytes make up words, or stand in them where no Western language has them."""
    runs = sum(len(run) for run in FOREIGN_RUN.findall(text) if len(set(run)) > 2)
    if runs > num_odd / 2 and runs > FOREIGN_SHARE * num_bytes:
        return True
    signs = len(SIGN_IN_WORD.findall(text))
    return signs >= ENOUGH_SIGNS and signs > SIGN_SHARE * num_odd
