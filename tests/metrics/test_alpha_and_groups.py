"""Every block of metrics.json is made at the run's alpha, and by the groups of its records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from medadapt.core.choice_rules import CHOICE_RULES
from medadapt.core.records import Record
from medadapt.metrics.calibration.calibration import Validation
from medadapt.metrics.scoring import score

TRUTH = "ABCD" * 30
SUBJECTS = ["eye", "ear", "skin"] * 40
SAMPLES = 200
KNOWN = 40
"""Questions that the base has right."""


def right_on(count: int) -> list[str]:
    """Choices of which the first `count` are right."""
    return [*TRUTH[:count], *(TRUTH[1:] + TRUTH[:1])[count:]]


def believing(choice: str, place: int) -> dict[str, float]:
    """Probabilities of the options; the first record's choice is the surest."""
    sure = 0.9 - place / 300
    return {letter: sure if letter == choice else (1 - sure) / 3 for letter in "ABCD"}


@pytest.fixture(scope="module")
def scored(choices, predict, inputs) -> Callable[..., dict[str, Any]]:
    """`scored(gained, alpha=0.2, times=1)`: metrics of 120 questions of three subjects.

    The tuned model has `gained` more right than the base; by rules of choice that are not the run's, 9 more. Each
    record stands there `times` times, in its one group.
    """

    def answered(test, model: str, count: int, other_rules: int, prompt: str = ""):
        most = 5 if model == "tuned" else 7
        rows = predict(test, right_on(count), model=model, nll=[1.0 + n % most for n in range(120)])
        for place, (row, other) in enumerate(zip(rows, right_on(other_rules), strict=True)):
            shares = believing(row.choice, place)
            rows[place] = replace(
                row,
                prompt_sha256=prompt + row.prompt_sha256,
                scores={letter: math.log(share) for letter, share in shares.items()},
                probabilities=shares,
                choices={**dict.fromkeys(CHOICE_RULES, other), "sum": row.choice},
            )
        return rows

    @cache
    def of(gained: int, *, alpha: float, times: int = 1) -> dict[str, Any]:
        def copied(rows):
            return [replace(row, id=f"{row.id} {copy}") for row in rows for copy in range(times)]

        test = choices(TRUTH, subjects=SUBJECTS)
        usual = {
            "baseline": answered(test, "baseline", KNOWN, KNOWN),
            "tuned": answered(test, "tuned", KNOWN + gained, KNOWN + 9),
        }
        passages = [replace(record, id=f"prose-{place}") for place, record in enumerate(test[:24])]
        further = {
            f"{stem}.{model}{variant}": rows
            for model in usual
            for stem, variant, rows in (
                ("test", ".rotated_1", copied(answered(test, model, 20, 20, prompt="moved "))),
                ("general", "", predict(passages, model=model)),
            )
        }
        given = inputs(
            copied(test),
            copied(usual["baseline"]),
            copied(usual["tuned"]),
            task="multiple_choice",
            samples=SAMPLES,
            train=[replace(record, id=f"t{record.id}") for record in choices("AABC")],
            leakage={"exact": 0, "near": 0, "gated": ["exact"], "flagged": {"q0000 0": ["near"]}},
        )
        validation = Validation(records=test, predictions=usual)
        return score(replace(given, alpha=alpha, further=further, validation=validation))

    return of


def leaves(values: Any, keys: set[str], path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Every object that has these keys, with its place."""
    if isinstance(values, dict) and values.keys() >= keys:
        yield path, values
    if isinstance(values, dict | list):
        for name, inner in values.items() if isinstance(values, dict) else enumerate(values):
            yield from leaves(inner, keys, (*path, name))


def intervals(values: Any) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Everything that has an interval, by its place; a rise on general text has one of its own level."""
    found = leaves(values, {"low", "high"})
    return {path: leaf for path, leaf in found if leaf["low"] is not None and "rise" not in path}


def width(leaf: dict[str, Any]) -> float:
    return float(leaf["high"] - leaf["low"])


def check_claims(metrics: dict[str, Any], alpha: float) -> None:
    """No verdict rests on a p that is not below alpha."""
    for path, leaf in leaves(metrics, {"verdict", "p", "p_adjusted"}):
        p = leaf["p"] if leaf["p_adjusted"] is None else leaf["p_adjusted"]
        assert leaf["verdict"] == "not shown" or p < alpha, path


@pytest.mark.parametrize("gained", [7, 27])
def test_no_verdict_is_claimed_above_the_alpha_of_the_run(scored, gained: int):
    """7 gained: p is 0.0156, and Tango's interval at 99 % lies above 0 all the same.

    27 gained, 9 of each subject; and 9 by other rules: p is 0.0039 alone, and Holm's 0.0117.
    """
    check_claims(scored(gained, alpha=0.01), 0.01)


def test_no_contradiction_is_claimed_above_the_alpha_of_the_run(predict, inputs):
    """8 answers with a wrong number: p is 0.0078 alone, and Holm's at least twice that."""
    said = "Adults take 500 mg of the drug at night."
    test = [
        Record(id=f"q{k}", source_row=k, group=f"g{k}", question="How much of the drug?", answer=said)
        for k in range(12)
    ]
    after = [said.replace("500", "5000") if k < 8 else said for k in range(12)]
    rows = predict(test, texts=[said] * 12), predict(test, texts=after, model="tuned")
    given = inputs(test, *rows, task="qa", primary="bits_per_byte", samples=SAMPLES)

    metrics = score(replace(given, alpha=0.01))

    assert metrics["contrast"]["difference"]["any"]["verdict"] == "worse"  # judged alone
    check_claims(metrics, 0.01)


def test_a_larger_alpha_lets_more_be_claimed(scored):
    found = scored(4, alpha=0.2)["difference"]["accuracy"]
    assert (found["p"], found["verdict"]) == (pytest.approx(0.125), "better")


def test_every_interval_is_wider_at_a_smaller_alpha(scored):
    wide, narrow = (intervals(scored(27, alpha=alpha)) for alpha in (0.01, 0.2))

    assert wide.keys() == narrow.keys()
    assert {path[0] for path in wide} >= {
        "baseline", "tuned", "difference", "controls", "against_control", "clean", "groups", "scoring_rules",
        "permutations", "calibration", "forgetting",
    }  # fmt: skip
    for path, leaf in wide.items():
        assert width(leaf) > width(narrow[path]), path


@pytest.mark.parametrize("block", ["groups", "scoring_rules", "permutations", "calibration"])
def test_copies_of_a_record_in_its_group_are_no_further_evidence(scored, block: str):
    """Taken for 360 records apart, 120 of them three times would have intervals 0.58 times as wide."""
    alone, copies = (intervals(scored(27, alpha=0.2, times=times)[block]) for times in (1, 3))

    assert alone.keys() == copies.keys() != set()
    for path, leaf in alone.items():
        if "p" in leaf:
            assert copies[path]["p"] == pytest.approx(leaf["p"]), path
            assert copies[path]["test"] == "group-sign-flip", path
        elif "excess_aurc" not in path:  # which shrinks with the number of records where the surest are right
            assert width(copies[path]) > 0.7 * width(leaf), path
