"""Questions of a standard set that also stand in the training data."""

from __future__ import annotations

from medadapt.core.records import Record
from medadapt.workflow.benchmarking.seen import leakage_values, seen_in_training

VIGNETTE = "a woman of sixty comes with pain in her left knee after a fall from a ladder in the garden"
OTHER = "which vessel carries blood from the liver to the heart and joins it close to the right atrium"


def record(name: str, question: str) -> Record:
    return Record(id=name, source_row=1, group=name, question=question, answer="yes")


def test_a_question_is_told_apart_by_how_it_stands_in_training():
    long = (
        f"{VIGNETTE}. {OTHER}, and which of these findings would you expect on the radiograph of that knee?"
    )
    seen = [record("s1", OTHER), record("s2", VIGNETTE)]
    asked = [
        record("same", OTHER),
        record("close", OTHER.replace("joins", "meets")),
        record("within", long),
        record(
            "new", "what is the first drug for high blood pressure in a young adult without other illness"
        ),
    ]

    found = seen_in_training(asked, seen)

    assert found == {"same": "exact", "close": "near", "within": "contained"}
    counted = {key: leakage_values(found)[key] for key in ("exact", "near", "contained")}
    assert counted == {"exact": 1, "near": 2, "contained": 1}


def test_nothing_was_seen_where_nothing_was_trained_on():
    assert seen_in_training([record("a", VIGNETTE)], []) == {}
