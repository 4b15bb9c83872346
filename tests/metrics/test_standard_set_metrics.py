"""Standard sets: each by itself, averaged and pooled, held against scipy and plain formulas."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from medadapt.core.errors import DataError
from medadapt.core.records import Record
from medadapt.core.results import Prediction
from medadapt.metrics.standard_sets import (
    MarkedSet,
    answer_shares,
    mark_set,
    part_values,
    set_values,
    together,
)

ALPHA = 0.05


def record(place: int, right: str, *, group: str | None = None) -> Record:
    options = ["yes", "no", "maybe"]
    index = "ABC".index(right)
    return Record(
        id=f"r{place}", source_row=place, group=group or f"g{place}", question=f"Q{place}?",
        answer=options[index], options=options, answer_index=index,
    )  # fmt: skip


def predictions(model: str, choices: Sequence[str]) -> list[Prediction]:
    return [
        Prediction(
            id=f"r{place}", model=model, prompt_sha256=str(place), choice=choice,
            scores={letter: -float(letter != choice) for letter in "ABC"},
        )
        for place, choice in enumerate(choices)
    ]  # fmt: skip


def marked(
    right: str,
    baseline: str,
    tuned: str,
    *,
    name: str = "pubmedqa",
    seed: int = 0,
    groups: Sequence[str] = (),
) -> MarkedSet:
    return mark_set(
        name,
        [record(n, each, group=groups[n] if groups else None) for n, each in enumerate(right)],
        predictions("baseline", baseline),
        predictions("tuned", tuned),
        samples=2000,
        seed=seed,
        alpha=ALPHA,
    )


RIGHT = "A" * 24 + "B" * 12 + "C" * 4
BASELINE = "A" * 16 + "B" * 24
TUNED = "A" * 24 + "B" * 10 + "C" * 6


def test_a_set_has_wilson_intervals_and_the_exact_paired_test():
    found = set_values(marked(RIGHT, BASELINE, TUNED), macro_f1=True)

    for model, choices in (("baseline", BASELINE), ("tuned", TUNED)):
        hits = sum(a == b for a, b in zip(RIGHT, choices, strict=True))
        interval = stats.binomtest(hits, 40).proportion_ci(0.95, method="wilson")
        leaf = found[model]["accuracy"]
        assert leaf["value"] == hits / 40
        assert (leaf["low"], leaf["high"]) == pytest.approx((interval.low, interval.high), abs=1e-9)
    only_tuned = sum(t == r != b for r, b, t in zip(RIGHT, BASELINE, TUNED, strict=True))
    only_base = sum(b == r != t for r, b, t in zip(RIGHT, BASELINE, TUNED, strict=True))
    change = found["difference"]["accuracy"]
    assert change["p"] == pytest.approx(stats.binomtest(only_base, only_base + only_tuned).pvalue, abs=1e-12)
    assert (change["test"], change["verdict"]) == ("mcnemar-exact", "better")
    assert (found["paired"]["tuned_only"], found["paired"]["baseline_only"]) == (only_tuned, only_base)


def test_macro_f1_is_that_of_scikit_learn():
    found = set_values(marked(RIGHT, BASELINE, TUNED), macro_f1=True)

    expected = f1_score(list(RIGHT), list(TUNED), average="macro", labels=["A", "B", "C"])
    assert found["tuned"]["macro_f1"]["value"] == pytest.approx(expected, abs=1e-12)


def test_the_majority_control_is_the_best_constant_answer():
    found = set_values(marked(RIGHT, BASELINE, TUNED), macro_f1=False)

    assert found["controls"]["majority"]["accuracy"]["value"] == 24 / 40
    assert found["against_control"]["value"] == pytest.approx(38 / 40 - 24 / 40)


def test_records_with_the_same_question_count_as_one_group():
    groups = [f"g{n // 2}" for n in range(40)]

    found = set_values(marked(RIGHT, BASELINE, TUNED, groups=groups), macro_f1=False)

    assert found["num_groups"] == 20
    assert found["difference"]["accuracy"]["test"] == "group-sign-flip"


def test_equal_models_differ_by_exactly_nothing():
    found = together(
        [marked(RIGHT, TUNED, TUNED), marked(RIGHT, TUNED, TUNED, name="medqa")], samples=500, seed=0
    )

    for kind in ("macro", "pooled"):
        change = found[kind]["difference"]["accuracy"]
        assert (change["value"], change["p"], change["verdict"]) == (0.0, 1.0, "not shown")


def large_and_small() -> list[MarkedSet]:
    rng = np.random.Generator(np.random.PCG64(7))
    sets = []
    for name, n, before, after in (("medmcqa", 900, 0.5, 0.5), ("medqa", 60, 0.3, 0.8)):
        right = "A" * n
        draw = [["A" if hit else "B" for hit in rng.random(n) < share] for share in (before, after)]
        sets.append(marked(right, "".join(draw[0]), "".join(draw[1]), name=name))
    return sets


def test_the_average_weighs_sets_alike_and_the_pooled_figure_weighs_records_alike():
    large, small = large_and_small()
    found = together([large, small], samples=2000, seed=0)

    shares = [each.tallies["tuned"]["right"].mean() for each in (large, small)]
    assert found["macro"]["tuned"]["accuracy"]["value"] == pytest.approx(sum(shares) / 2)
    assert found["pooled"]["tuned"]["accuracy"]["value"] == pytest.approx(
        (900 * shares[0] + 60 * shares[1]) / 960
    )
    assert found["sets"] == {"medmcqa": 900, "medqa": 60}
    assert found["macro"]["difference"]["accuracy"]["verdict"] == "better"


def test_the_interval_of_the_average_is_that_of_independent_sets():
    sets = large_and_small()
    found = together(sets, samples=2000, seed=0)["macro"]

    # Normal approximation with the variance of a mean of two independent means.
    gains = [each.tallies["tuned"]["right"] - each.tallies["baseline"]["right"] for each in sets]
    error = math.sqrt(sum(gain.var(ddof=1) / len(gain) for gain in gains)) / 2
    change = found["difference"]["accuracy"]
    assert (change["high"] - change["low"]) / 2 == pytest.approx(1.96 * error, rel=0.12)
    # p against the normal tail of the same statistic under random swaps.
    swaps = math.sqrt(sum((gain**2).mean() / len(gain) for gain in gains)) / 2
    assert change["p"] == pytest.approx(2 * stats.norm.sf(abs(change["value"]) / swaps), abs=0.01)


def test_the_interval_of_the_average_has_a_width_where_no_record_is_discordant():
    one = marked("A" * 100, "A" * 100, "A" * 100)
    other = marked("A" * 100, "A" * 100, "A" * 99 + "B", name="medqa")

    change = together([one, other], samples=200, seed=0)["macro"]["difference"]["accuracy"]

    assert change["low"] < change["value"] - 0.01
    assert change["high"] > 0.01


def test_intervals_of_the_average_cover_as_often_as_they_say():
    rng = np.random.Generator(np.random.PCG64(11))
    true = {"medqa": (0.4, 0.5), "medmcqa": (0.6, 0.65)}
    covered = 0
    for _ in range(100):
        sets = []
        for name, (before, after) in true.items():
            draw = [
                "".join("A" if hit else "B" for hit in rng.random(80) < share) for share in (before, after)
            ]
            sets.append(
                mark_set(
                    name, [record(n, "A") for n in range(80)], predictions("baseline", draw[0]),
                    predictions("tuned", draw[1]), samples=20, seed=0, alpha=ALPHA,
                )
            )  # fmt: skip
        change = together(sets, samples=20, seed=0)["macro"]["difference"]["accuracy"]
        covered += change["low"] <= 0.075 <= change["high"]
    # 95 % of 100, and three standard errors of such a share below it.
    assert covered >= 88


def test_the_pooled_test_is_exact_over_all_records():
    sets = large_and_small()
    found = together(sets, samples=500, seed=0)["pooled"]["difference"]["accuracy"]

    gains = np.concatenate(
        [each.tallies["tuned"]["right"] - each.tallies["baseline"]["right"] for each in sets]
    )
    lost, gained = int((gains < 0).sum()), int((gains > 0).sum())
    assert found["p"] == pytest.approx(stats.binomtest(lost, lost + gained).pvalue, abs=1e-12)


def test_the_pooled_figure_keeps_the_groups_of_its_sets():
    groups = [f"g{n // 2}" for n in range(40)]
    sets = [marked(RIGHT, BASELINE, TUNED, groups=groups, name=name) for name in ("medqa", "medmcqa")]

    found = together(sets, samples=500, seed=0)

    assert found["pooled"]["difference"]["accuracy"]["test"] == "group-sign-flip"


def test_figures_of_a_set_do_not_depend_on_the_sets_beside_it():
    first = marked(RIGHT, BASELINE, TUNED)
    other = marked(RIGHT, BASELINE, TUNED, name="medqa")

    assert (first.resampled["tuned"]["macro_f1"] != other.resampled["tuned"]["macro_f1"]).any()
    again = marked(RIGHT, BASELINE, TUNED)
    assert set_values(first, macro_f1=True) == set_values(again, macro_f1=True)


def test_all_values_are_strict_json():
    one = marked("A", "A", "B")

    for values in (set_values(one, macro_f1=True), together([one, one], samples=50, seed=0)):
        assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_predictions_of_other_records_are_refused():
    with pytest.raises(DataError, match="goes on after line 1"):
        mark_set(
            "medqa", [record(0, "A")], predictions("baseline", "ABC"), predictions("tuned", "A"),
            samples=10, seed=0, alpha=ALPHA,
        )  # fmt: skip


def test_parts_of_a_set_are_judged_together_and_small_ones_not_at_all():
    # Gained without a loss: McNemar's p is 2 / 2 ** gained.
    sizes = {"anatomy": (40, 6), "biology": (40, 6), "genetics": (30, 12), "medicine": (29, 29)}
    parts = [
        marked("A" * n, "A" * (n - gained) + "B" * gained, "A" * n, name=name)
        for name, (n, gained) in sizes.items()
    ]

    changes = {name: part["difference"]["accuracy"] for name, part in part_values(parts).items()}

    p = {name: 2 * 0.5**gained for name, (_, gained) in sizes.items()}
    assert {name: change["p"] for name, change in changes.items()} == pytest.approx(p)
    assert {name: change["p_adjusted"] for name, change in changes.items()} == {
        "anatomy": pytest.approx(2 * p["anatomy"]),
        "biology": pytest.approx(2 * p["biology"]),
        "genetics": pytest.approx(3 * p["genetics"]),
        "medicine": None,
    }
    assert {name for name, change in changes.items() if change["verdict"] != "not shown"} == {"genetics"}
    assert "fewer than 30" in changes["medicine"]["reason"]


def test_the_average_and_the_pooled_figure_are_judged_together():
    sets = [marked("A" * 50, "A" * 47 + "B" * 3, "A" * 50, name=name) for name in ("medqa", "medmcqa")]

    found = together(sets, samples=2000, seed=0)

    macro, pooled = (found[kind]["difference"]["accuracy"] for kind in ("macro", "pooled"))
    assert pooled["p"] == pytest.approx(2 * 0.5**6)  # 0.03, enough for a claim alone
    lower, higher = sorted((macro, pooled), key=lambda change: change["p"])
    assert lower["p_adjusted"] == pytest.approx(2 * lower["p"])
    assert higher["p_adjusted"] == max(higher["p"], lower["p_adjusted"])
    assert (macro["verdict"], pooled["verdict"]) == ("not shown", "not shown")


def test_few_questions_of_several_sets_give_no_verdict():
    sets = [marked("A" * 14, "B" * 14, "A" * 14, name=name) for name in ("medqa", "medmcqa")]

    found = together(sets, samples=2000, seed=0)

    for kind in ("macro", "pooled"):
        change = found[kind]["difference"]["accuracy"]
        assert (change["value"], change["verdict"]) == (1.0, "not shown")
        assert "fewer than 30" in change["reason"]


def test_answer_shares_are_by_letter():
    assert answer_shares([record(n, right) for n, right in enumerate("AABC")]) == {
        "A": 0.5,
        "B": 0.25,
        "C": 0.25,
    }
