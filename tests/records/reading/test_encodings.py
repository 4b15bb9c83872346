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


POLISH = (
    "Pacjentka zgłosiła się z bólem głowy, który był silny. Miała też gorączkę i mdłości, wzięła tabletkę, poszła do "
    "łóżka i usnęła."
)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Пациент жалуется на сильную головную боль", "cp1251"),
        ("Пациент жалуется на сильную головную боль", "koi8-r"),
        ("Ο ασθενής παραπονείται για πονοκέφαλο", "cp1253"),
        ("患者自述头痛三天伴有发热和咳嗽", "gbk"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
    ],
)
def test_another_script_is_refused_instead_of_garbled(text: str, encoding: str) -> None:
    content = f"question,answer\nWhat is it?,{text}\n".encode(encoding)
    with pytest.raises(DataError, match="neither in UTF-8 nor in a Western encoding"):
        decode(content, "f")


@pytest.mark.parametrize(
    "text",
    [
        "Où est la fièvre ? À l’hôpital, évidemment… « très élevée »",
        "Es dürfte größere Übelkeit mit Völlegefühl über Österreich geben",
        "Það er þörf á öðru lyfi við þessu, sagði læknirinn og hló",
        "El niño está enfermo: ¿cuándo empezó? Ayer, después de comer…",
        "a volume of 5 cm³, 10³ µl or 2 m² – mean±SD",
        "“…” ––––––––––––––––––––––––––––––––– \xa0\xa0\xa0\xa0\xa0\xa0\xa0\xa0",
    ],
)
def test_western_languages_are_read_as_ever(text: str) -> None:
    assert decode(text.encode("cp1252"), "f").text == text
