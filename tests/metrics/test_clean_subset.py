"""What is left on records that leak nowhere, held against scoring these records alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medadapt.core.files import to_json
from medadapt.metrics.clean_subset import MEASURED
from medadapt.metrics.scoring import score

LABELS = ["flu", "cold", "gout", "mumps"] * 10


@pytest.fixture
def asked(diagnoses, predict, inputs):
    """Inputs of `score`: the tuned model is right on the first half only, in which the test leaks."""

    def build(flagged, groups=None):
        test = diagnoses(LABELS, groups)
        wrong = LABELS[1:] + LABELS[:1]
        leakage = {"exact": 0, "near": 0, "gated": ["exact"]}
        return inputs(
            test,
            predict(test, wrong),
            predict(test, LABELS[:20] + wrong[20:], model="tuned", nll=[1.0 + n % 3 for n in range(40)]),
            train=[replace(record, id=f"t{record.id}") for record in diagnoses(["flu", "cold", "gout"])],
            leakage=leakage if flagged is None else {**leakage, "flagged": flagged},
        )

    return build


def only(rows, given):
    """The same inputs with these test records alone."""
    cut = {name: [getattr(given, name)[row] for row in rows] for name in ("test", "baseline", "tuned")}
    return replace(given, **cut)


@pytest.mark.parametrize("groups", [None, [f"g{n // 3}" for n in range(40)]])
def test_the_figures_are_those_of_the_clean_records_alone(asked, groups):
    flagged = {f"r{n:04d}": ["near"] for n in range(0, 40, 3)}
    given = asked(flagged, groups)
    clean = score(given)["clean"]
    rows = [n for n in range(40) if n % 3]
    alone = score(only(rows, given))
    assert clean["n"] == alone["n"] == len(rows)
    assert {name: clean[name] for name in MEASURED} == {name: alone[name] for name in MEASURED}
    assert clean["reason"] is None
    to_json(clean)


def test_a_gain_that_lives_on_leaked_records_is_gone_on_the_clean_ones(asked):
    metrics = score(asked({f"r{n:04d}": ["exact", "near"] for n in range(20)}))
    assert metrics["difference"]["accuracy"]["verdict"] == "better"
    assert metrics["clean"]["tuned"]["accuracy"]["value"] == 0.0
    assert metrics["clean"]["difference"]["accuracy"]["verdict"] == "not shown"


def test_records_are_counted_in_each_layer_in_which_they_leak(asked):
    clean = score(asked({"r0000": ["exact", "near"], "r0001": ["near"], "r0002": ["answer"]}))["clean"]
    assert clean["n"] == 37
    assert clean["left_out"] == {"exact": 1, "near": 2, "question": 0, "answer": 1}


def test_without_any_leak_the_figures_are_those_of_the_whole_test_set(asked):
    metrics = score(asked({}))
    assert metrics["clean"]["n"] == 40
    assert {name: metrics["clean"][name] for name in MEASURED} == {name: metrics[name] for name in MEASURED}


@pytest.mark.parametrize("left", [0, 1])
def test_too_few_clean_records_measure_nothing(asked, left):
    clean = score(asked({f"r{n:04d}": ["question"] for n in range(40 - left)}))["clean"]
    assert (clean["n"], clean["left_out"]["question"]) == (left, 40 - left)
    assert all(clean[name] is None for name in MEASURED)
    assert f"{left} of 40" in clean["reason"]


def test_clean_records_of_one_group_measure_nothing(asked):
    groups = [f"g{n}" for n in range(35)] + ["last"] * 5
    clean = score(asked({f"r{n:04d}": ["near"] for n in range(35)}, groups))["clean"]
    assert (clean["n"], clean["tuned"]) == (5, None)
    assert "one group" in clean["reason"]


def test_leakage_that_names_no_records_says_that_a_new_run_measures_it(asked):
    clean = score(asked(None))["clean"]
    assert (clean["n"], clean["baseline"]) == (None, None)
    assert "a new run measures it" in clean["reason"]
