from __future__ import annotations

from dataclasses import replace

import pytest
from scipy.stats import binomtest

from medadapt.core.errors import DataError
from medadapt.metrics.scoring import score

RULES = ("sum", "per_token", "per_byte", "relative")
TRUTH = ["acne", "gout", "acne", "flu", "gout", "flu", "acne", "flu"]


@pytest.fixture
def rows(diagnoses, predict):
    """Records, and a function that makes both models' predictions from decisions by rule."""
    test = diagnoses(TRUTH)

    def of(model: str, **by_rule):
        made = predict(test, by_rule["sum"], model=model)
        return [
            replace(row, choices={rule: by_rule.get(rule, by_rule["sum"])[place] for rule in RULES})
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

    assert tuple(found) == (*RULES, "by_text", "generated")
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
