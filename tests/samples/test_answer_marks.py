"""The marks that the benchmark gives to answers: its shares stand on the page of results."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from medadapt.samples.knowledge import load_conditions
from sample_tasks import Asked, is_right, repeats_itself

BOWEL = next(one for one in load_conditions() if one.name == "Irritable bowel syndrome")


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("People most often have diarrhea and abdominal cramps.", True),
        ("People most often have bloody diarrhea.", False),
        ("People most often have diarrhea and chest pain.", False),
        ("Ask a doctor.", False),
        ("", False),
    ],
)
def test_an_answer_is_right_where_it_names_what_is_true_and_nothing_of_others(answer: str, right: bool):
    assert is_right(answer, Asked(condition=BOWEL, field="symptoms")) is right


def test_a_phrase_named_twice_is_a_repetition():
    assert repeats_itself("diarrhea, abdominal cramps, and diarrhea", "symptoms")
    assert not repeats_itself("bloody diarrhea and diarrhea", "symptoms")
