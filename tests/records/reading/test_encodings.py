from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import DataError
from medadapt.records.reading.encodings import decode


@pytest.mark.parametrize(
    ("encoding", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16")]
)
def test_unicode_files_are_read_with_and_without_bom(encoding: str, found: str) -> None:
    decoded = decode("Ménière ≥ 3 °C".encode(encoding), "f")
    assert (decoded.text, decoded.encoding, decoded.odd_bytes) == ("Ménière ≥ 3 °C", found, 0)


def test_cp1252_is_recognised_and_its_bytes_are_counted() -> None:
    decoded = decode("Ménière’s – 3 °C".encode("cp1252"), "f")
    assert (decoded.text, decoded.encoding, decoded.odd_bytes) == ("Ménière’s – 3 °C", "cp1252", 5)


def test_sound_utf8_survives_beside_odd_bytes() -> None:
    assert decode("naïve ".encode() + b"caf\xe9", "f").text == "naïve café"


def test_a_byte_that_no_encoding_knows_is_replaced() -> None:
    assert decode(b"a\x81b", "f").text == "a\ufffdb"


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"a\x00b\x00c\x00", bytes(range(1, 256)) * 3])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="not a text file"):
        decode(content, "f")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufeff"), max_size=99))
def test_every_utf8_text_comes_back_as_it_was(text: str) -> None:
    assert decode(text.encode(), "f").text == text
