from __future__ import annotations

from dataclasses import replace

import pytest
from scipy.stats import binomtest

from medadapt.core.errors import DataError
from medadapt.metrics.scoring import score

RULES = ("sum", "per_token", "per_byte", "relative")
SCORES = dict.fromkeys(("?", "acne", "flu", "gout"), -1.0)
TRUTH = ["acne", "gout", "acne", "flu", "gout", "flu", "acne", "flu"]


@pytest.fixture
def rows(diagnoses, predict):
    """Records, and a function that makes both models' predictions from decisions by rule."""
    test = diagnoses(TRUTH)

    def of(model: str, **by_rule):
        made = predict(test, by_rule["sum"], model=model)
        return [
            replace(
                row, scores=SCORES, choices={rule: by_rule.get(rule, by_rule["sum"])[place] for rule in RULES}
            )
            for place, row in enumerate(made)
        ]

    return test, of


def test_each_rule_has_its_accuracy_and_the_paired_difference(rows, inputs):
    test, of = rows
    wrong = ["?"] * 8
    baseline = of("baseline", sum=wrong, per_byte=[*TRUTH[:2], *wrong[2:]])
    tuned = of("tuned", sum=[*TRUTH[:6], *wrong[6:]], relative=TRUTH)

    found = score(inputs(test, baseline, tuned))["scoring_rules"]

    assert tuple(found) == RULES
    assert [found[rule]["baseline"]["value"] for rule in RULES] == [0, 0, 0.25, 0]
    assert [found[rule]["tuned"]["value"] for rule in RULES] == [0.75, 0.75, 0.75, 1]
    assert [found[rule]["difference"]["value"] for rule in RULES] == [0.75, 0.75, 0.5, 1]
    assert found["sum"]["difference"]["p"] == pytest.approx(binomtest(0, 6).pvalue)
    assert found["relative"]["difference"]["p"] == pytest.approx(binomtest(0, 8).pvalue)
    assert found["relative"]["difference"]["test"] == "mcnemar-exact"


def test_the_rule_of_the_choice_says_what_the_metrics_say(rows, inputs):
    test, of = rows
    metrics = score(inputs(test, of("baseline", sum=TRUTH[::-1]), of("tuned", sum=TRUTH)))
    for key in ("value", "low", "high", "n"):
        for model in ("baseline", "tuned"):
            assert metrics["scoring_rules"]["sum"][model][key] == metrics[model]["accuracy"][key]
    for key in ("value", "low", "high", "p"):
        assert metrics["scoring_rules"]["sum"]["difference"][key] == metrics["difference"]["accuracy"][key]


def in_part(number: int) -> list[str]:
    """Decisions of which the first `number` are right."""
    return [*TRUTH[:number], *["?"] * (8 - number)]


@pytest.mark.parametrize("choice_by", RULES)
def test_all_rules_but_that_of_the_recipe_are_judged_together(rows, inputs, choice_by):
    test, of = rows
    reached = dict(zip(RULES, (8, 7, 6, 8), strict=True))
    baseline, tuned = (
        of("baseline", sum=in_part(0)),
        of("tuned", **{r: in_part(n) for r, n in reached.items()}),
    )
    made = replace(inputs(test, baseline, tuned), choice_by=choice_by)

    found = {rule: entry["difference"] for rule, entry in score(made)["scoring_rules"].items()}

    alone = {rule: binomtest(0, n).pvalue for rule, n in reached.items()}
    assert {rule: change["p"] for rule, change in found.items()} == pytest.approx(alone)
    assert found[choice_by]["p_adjusted"] is None
    others = [rule for rule in RULES if rule != choice_by]
    wanted = false_discovery_free([alone[rule] for rule in others])
    assert [found[rule]["p_adjusted"] for rule in others] == pytest.approx(wanted)
    for rule in others:
        assert (found[rule]["verdict"] == "better") == (found[rule]["p_adjusted"] < 0.05)


def false_discovery_free(p_values):
    """Holm's adjusted p by its definition: the largest (m - rank) p among those that are no larger."""
    order = sorted(p_values)
    return [
        min(1.0, max((len(order) - rank) * other for rank, other in enumerate(order) if other <= p))
        for p in p_values
    ]


def test_no_rule_is_judged_alone_where_another_metric_carries_the_verdict(rows, inputs):
    test, of = rows
    made = inputs(test, of("baseline", sum=in_part(0)), of("tuned", sum=in_part(6)), primary="loss")
    found = score(made)["scoring_rules"]["sum"]["difference"]
    assert (found["p"], found["p_adjusted"]) == (pytest.approx(2 / 64), pytest.approx(8 / 64))
    assert found["verdict"] == "not shown"


@pytest.mark.parametrize("way", ["by_text", "rotated_1"])
@pytest.mark.parametrize("scores", [None, {"acne": -1.0}, {**SCORES, "mumps": -1.0}])
def test_a_set_with_scores_of_other_labels_is_refused(rows, inputs, way, scores):
    test, of = rows
    baseline, tuned = of("baseline", sum=TRUTH), of("tuned", sum=TRUTH)
    edited = [tuned[0], replace(tuned[1], scores=scores), *tuned[2:]]
    further = {f"test.baseline.{way}": baseline, f"test.tuned.{way}": edited}
    with pytest.raises(DataError, match=rf"test\.tuned\.{way}\.jsonl, line 2: record r0001 has scores of"):
        score(replace(inputs(test, baseline, tuned), further=further))


def test_written_answers_and_the_other_way_are_rules_too(rows, inputs):
    test, of = rows
    baseline, tuned = of("baseline", sum=["?"] * 8), of("tuned", sum=TRUTH)
    written = [
        [replace(row, text="x", parsed=label) for row, label in zip(some, labels, strict=True)]
        for some, labels in ((baseline, [None] * 8), (tuned, [*TRUTH[:4], *[None] * 4]))
    ]
    other = {
        "test.baseline.by_text": of("baseline", sum=TRUTH),
        "test.tuned.by_text": of("tuned", sum=["?"] * 8),
        "test.tuned.options_only": of("tuned", sum=TRUTH),  # of one model alone: no rule
    }

    found = score(replace(inputs(test, *written), further=other))["scoring_rules"]

    by_text = ("by_text", "by_text_per_token", "by_text_per_byte", "by_text_relative")
    assert tuple(found) == (*RULES, *by_text, "generated")
    assert found["by_text"]["difference"]["value"] == -1
    assert (found["generated"]["baseline"]["value"], found["generated"]["tuned"]["value"]) == (0, 0.5)


def test_predictions_without_choices_by_rule_have_a_reason(diagnoses, predict, inputs):
    test = diagnoses(TRUTH)
    metrics = score(inputs(test, predict(test, TRUTH), predict(test, TRUTH, model="tuned")))
    assert tuple(metrics["scoring_rules"]) == RULES
    assert all("run predict again" in entry["reason"] for entry in metrics["scoring_rules"].values())
    assert "evaluation.permutations" in metrics["permutations"]["reason"]


def test_a_set_of_other_records_is_refused(rows, inputs):
    test, of = rows
    baseline, tuned = of("baseline", sum=TRUTH), of("tuned", sum=TRUTH)
    for strange in (baseline[1:], baseline[::-1]):
        with pytest.raises(DataError, match=r"test\.baseline\.by_text"):
            score(replace(inputs(test, baseline, tuned), further={"test.baseline.by_text": strange}))
