"""The first line names the base and the best control, and says what does not follow."""

from __future__ import annotations

from typing import Any

import pytest

from medadapt.report.headline import comparisons, headline


def metrics(
    base: str = "better", control: str = "nearest_neighbour", against: str = "not shown", value: float = 0.0,
    few_shot: str | None = None, controls: dict[str, float] | None = None, metric: str = "accuracy",
) -> dict[str, Any]:  # fmt: skip
    """A closed run with these verdicts; the tuned model's accuracy is 0.7."""
    return {
        "primary": "accuracy",
        "tuned": {metric: {"value": 0.7}},
        "difference": {"accuracy": {"value": 0.5, "verdict": base}},
        "controls": {name: {metric: {"value": reached}} for name, reached in (controls or {}).items()},
        "against_control": {"name": control, "metric": metric, "value": value, "verdict": against},
        **({"against_few_shot": {"value": 0.1, "verdict": few_shot}} if few_shot else {}),
    }


COPY = "copying the answer of the most similar training record"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            metrics(),
            f"Better than the base. But {COPY} scores as well, so nothing about generalisation is shown.",
        ),
        (
            metrics(against="worse", value=-0.2),
            f"Better than the base. But {COPY} scores better, so nothing about generalisation is shown.",
        ),
        (
            metrics(value=0.05),
            f"Better than the base. But {COPY} may score as well, so nothing about generalisation is shown.",
        ),
        (
            metrics(against="better", value=0.2),
            "Better than the base. Also better than the best control (nearest training record).",
        ),
        (
            metrics(base="not shown", against="better", value=0.2),
            "Not shown to be better than the base. It is better than the best control (nearest training record).",
        ),
        (
            metrics(base="worse", control="majority"),
            "Worse than the base. Always giving the most frequent training answer scores as well, so it is not "
            "shown that the model reads the question.",
        ),
        (
            metrics(metric="token_f1"),
            f"Better than the base. But {COPY} scores as well by Token F1, so nothing about generalisation is shown.",
        ),
    ],
)
def test_base_and_best_control_stand_in_the_headline(given: dict[str, Any], text: str) -> None:
    assert headline(given) == text


def test_a_copy_that_reaches_the_tuned_model_is_named_beside_a_better_control() -> None:
    given = metrics(
        control="tfidf", against="worse", value=-0.3, controls={"tfidf": 1.0, "nearest_neighbour": 0.7}
    )
    assert f"scores better, and {COPY} does as well, so nothing about generalisation is shown." in headline(
        given
    )
    given["controls"]["nearest_neighbour"]["accuracy"]["value"] = 0.69
    assert COPY not in headline(given)
    assert "nothing is shown beyond the weighing of words" in headline(given)


@pytest.mark.parametrize(
    ("few_shot", "text"),
    [
        ("better", "Better than the base, with and without examples in its prompt."),
        ("worse", "asked without examples, but worse than the base with examples in its prompt."),
        ("not shown", "asked without examples, but not shown to be better than the base with examples"),
    ],
)
def test_a_win_over_a_badly_prompted_base_is_told_as_that(few_shot: str, text: str) -> None:
    assert text in headline(metrics(few_shot=few_shot, against="better"))


def test_the_base_with_examples_is_named_once_where_it_is_also_the_best_control() -> None:
    given = metrics(control="few_shot", few_shot="not shown", value=0.02)
    assert headline(given).endswith("So nothing is shown that a better prompt would not do.")
    assert [c.rival for c in comparisons(given)] == ["the base", "the base with examples"]


@pytest.mark.parametrize(
    ("few_shot", "told"),
    [
        (
            "better",
            "Better than the base, with and without examples in its prompt. But the untuned base with solved examples "
            "in its prompt may score as well by Token F1, so by that measure nothing is shown that a better prompt "
            "would not do.",
        ),
        (
            "not shown",
            "Better than the base asked without examples, but not shown to be better than the base with examples in "
            "its prompt. So nothing is shown that a better prompt would not do.",
        ),
    ],
)
def test_examples_beaten_by_one_measure_and_not_by_another_are_told_by_both(few_shot: str, told: str) -> None:
    given = metrics(control="few_shot", few_shot=few_shot, value=0.02, metric="token_f1")
    assert headline(given) == told


def test_each_rival_has_its_own_verdict() -> None:
    found = comparisons(metrics(control="tfidf", few_shot="better", against="worse"))
    assert [(c.rival, c.verdict) for c in found] == [
        ("the base", "better"),
        ("the base with examples", "better"),
        ("the best control: word counts (TF-IDF)", "worse"),
    ]


@pytest.mark.parametrize("against", [None, {}, {"name": None, "value": None, "reason": "no answer"}])
def test_a_run_without_controls_says_so(against: Any) -> None:
    given = metrics() | {"against_control": against}
    assert headline(given) == "Better than the base. No simple control was measured."
    assert len(comparisons(given)) == 1
