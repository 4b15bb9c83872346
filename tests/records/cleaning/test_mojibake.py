from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.records.cleaning.mojibake import ungarbled

MEANT = [
    "don’t",
    "“so”",
    "37 °C",
    "5 µg",
    "½ cup",
    "café",
    "naïve",
    "α-blocker",
    "≥ 3",
    "a – b",
    "wait…",
    "10 µmol",
    "příznaky a závratě",
    "žádná žížala",
    "szűrés, erős, őr",
    "ağrısı şiddetli",
    "łóżko, leżeć, źle",
    "cœur, œdème",
]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("meant", MEANT)
def test_text_read_in_the_wrong_encoding_is_restored(meant: str, encoding: str):
    garbled = "".join(
        bytes([byte]).decode(encoding, "ignore") or bytes([byte]).decode("latin-1") for byte in meant.encode()
    )
    assert garbled != meant

    text, count = ungarbled(garbled)

    assert (text, count) == (meant, sum(ord(char) > 127 for char in meant))


@pytest.mark.parametrize(
    "text",
    [
        "Ménière",
        "Sjögren’s",
        "Kø",
        "CAFÉ»",
        "MAÇÃ”",
        "âge",
        "Â",
        "“Über”",
        "Île",
        "naïve’s",
        "5–10 µg · m²",
        "Spaß“",
        "Å – ån",
        "das „Ä“",
        "5 Å–wide, Å’s, 5 Å\xa0in",
        "ÄÅ½",
    ],
)
def test_sound_text_stays(text: str):
    assert ungarbled(text) == (text, 0)


def test_text_that_went_wrong_twice_is_restored():
    assert ungarbled("Ã‚Â©")[0] == "©"


@given(st.text())
def test_restored_text_has_nothing_left_to_restore(text: str):
    assert ungarbled(ungarbled(text)[0])[1] == 0
