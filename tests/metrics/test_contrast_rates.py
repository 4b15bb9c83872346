"""Rates of contradictions: what is counted, over what, and how two models are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from medadapt.core.files import to_json
from medadapt.core.records import Record
from medadapt.metrics.contrast.findings import KINDS
from medadapt.metrics.contrast_rates import MOST_EXAMPLES, contrast
from medadapt.metrics.statistics.intervals import tango, wilson
from medadapt.metrics.statistics.resampling import Plan

WANTED = "Adults take 500 mg of the drug at night."
SAME = "At night adults take 500 mg of the drug."
TENFOLD = "Adults take 5000 mg of the drug at night."
DENIED = "Adults do not take 500 mg of the drug at night."
OFF_TOPIC = "Nobody knows."


@pytest.fixture
def compare(predict):
    """The block for the given answers of both models, all to the same reference."""

    def build(before, after, *, groups=None, wanted=WANTED):
        n = len(before)
        test = [
            Record(id=f"q{k}", source_row=k, group=str(k), question="How much of the drug?", answer=wanted)
            for k in range(n)
        ]
        group = np.arange(n) if groups is None else np.array(groups)
        plan = Plan(group=group, samples=400, seed=0)
        rows = predict(test, texts=before), predict(test, texts=after, model="tuned")
        return contrast(test, *rows, plan=plan, alpha=0.05)

    return build


def test_the_rate_is_the_share_of_checkable_answers_with_a_wilson_interval(compare):
    found = compare([SAME] * 20, [TENFOLD] * 6 + [SAME] * 10 + [OFF_TOPIC] * 4)["tuned"]["number"]
    assert (found["n"], found["checkable"]) == (20, 16)
    assert found["value"] == 6 / 16
    assert (found["low"], found["high"]) == tuple(wilson(6 / 16, n=16, alpha=0.05))


def test_any_counts_an_answer_once_whatever_is_wrong_with_it(compare):
    both = "Adults do not take 5000 mg of the drug at night."
    found = compare([SAME] * 10, [both] * 2 + [TENFOLD] * 3 + [DENIED] + [SAME] * 4)["tuned"]
    assert found["number"]["value"] == 5 / 10
    assert found["negation"]["value"] == 3 / 10
    assert found["any"]["value"] == 6 / 10


def test_the_difference_is_mcnemars_on_records_where_both_are_checkable(compare):
    before = [TENFOLD] * 1 + [SAME] * 17 + [OFF_TOPIC] * 2
    after = [SAME] * 1 + [TENFOLD] * 9 + [SAME] * 6 + [OFF_TOPIC] * 4
    found = compare(before, after)["difference"]["number"]
    assert found["n"] == 16
    assert found["value"] == pytest.approx(8 / 16)
    assert found["p"] == pytest.approx(binomtest(1, 10).pvalue)
    assert (found["low"], found["high"]) == pytest.approx(tango(1, 9, n=16, alpha=0.05))
    assert found["test"] == "mcnemar-exact"


@pytest.mark.parametrize(
    ("before", "after", "verdict"), [(SAME, TENFOLD, "worse"), (TENFOLD, SAME, "better")]
)
def test_fewer_contradictions_are_better(compare, before, after, verdict):
    assert compare([before] * 12, [after] * 12)["difference"]["any"]["verdict"] == verdict


def test_equal_answers_differ_by_nothing(compare):
    found = compare([TENFOLD, SAME] * 6, [TENFOLD, SAME] * 6)["difference"]["any"]
    assert (found["value"], found["p"], found["verdict"]) == (0, 1, "not shown")


def test_the_kinds_are_judged_together_and_any_alone(compare):
    both = "Adults do not take 5000 mg of the drug at night."
    after = [both] * 5 + [TENFOLD] * 1 + [SAME] * 6
    found = compare([SAME] * 12, after)["difference"]
    tested = {kind: found[kind]["p"] for kind in KINDS if found[kind]["p"] is not None}
    assert tested["number"] == pytest.approx(binomtest(0, 6).pvalue)
    assert tested["negation"] == pytest.approx(binomtest(0, 5).pvalue)
    assert found["number"]["p_adjusted"] == pytest.approx(tested["number"] * len(tested))
    assert found["negation"]["p_adjusted"] == pytest.approx(tested["negation"] * (len(tested) - 1))
    assert found["number"]["verdict"] == "not shown"
    assert (found["any"]["p_adjusted"], found["any"]["verdict"]) == (None, "worse")


def test_silence_is_counted_and_neither_helps_nor_harms(compare):
    spoken = compare([SAME] * 10, [TENFOLD, SAME] * 5)
    silent = compare([SAME] * 14, [TENFOLD, SAME] * 5 + [""] * 3 + [OFF_TOPIC])
    assert silent["silent"] == {"baseline": 0, "tuned": pytest.approx(4 / 14)}
    for kind in (*KINDS, "any"):
        assert silent["tuned"][kind]["value"] == spoken["tuned"][kind]["value"]
        assert silent["difference"][kind]["value"] == spoken["difference"][kind]["value"]


def test_what_answers_leave_unnamed_lowers_named_alone(compare):
    found = compare([SAME] * 8, [SAME] * 4 + [""] * 4)["named"]
    assert found["baseline"]["numbers"]["value"] == 1
    assert found["tuned"]["numbers"]["value"] == 0.5
    assert found["tuned"]["numbers"]["low"] < 0.5 < found["tuned"]["numbers"]["high"]
    assert found["tuned"]["names"] == {
        "value": None, "low": None, "high": None, "n": 0, "reason": "the references hold none",
    }  # fmt: skip


def test_nothing_to_check_is_null_with_a_reason(compare):
    found = compare([""] * 5, [OFF_TOPIC] * 5)
    for kind in (*KINDS, "any"):
        assert found["tuned"][kind]["value"] is None
        assert "nothing" in found["tuned"][kind]["reason"] or "no answer" in found["tuned"][kind]["reason"]
        assert found["difference"][kind]["p"] is None
    assert found["examples"] == []
    to_json(found)


def test_records_that_share_a_group_are_judged_together(compare):
    groups = np.repeat(np.arange(6), 4)
    found = compare([SAME] * 24, [TENFOLD] * 8 + [SAME] * 16, groups=groups)
    alone = compare([SAME] * 24, [TENFOLD] * 8 + [SAME] * 16)
    assert found["difference"]["any"]["test"] == "group-sign-flip"
    assert found["difference"]["any"]["p"] == 0.5  # two of six groups changed: 2 / 2^2
    wide, narrow = (one["tuned"]["any"]["high"] - one["tuned"]["any"]["low"] for one in (found, alone))
    assert wide > narrow


def test_examples_show_the_tuned_answers_with_most_contradictions_first(compare):
    both = "Adults do not take 5000 mg of the drug at night."
    found = compare([SAME] * 20, [SAME] * 5 + [TENFOLD] * 14 + [both])["examples"]
    assert len(found) == MOST_EXAMPLES
    assert found[0]["id"] == "q19"
    assert [one["kind"] for one in found[0]["findings"]] == ["negation", "number"]
    assert found[1]["findings"] == [
        {"kind": "number", "answer": TENFOLD, "reference": WANTED, "said": "5000 mg", "wanted": "500 mg"}
    ]


def test_open_tasks_with_written_answers_have_the_block(predict, inputs):
    from medadapt.metrics.scoring import score

    test = [
        Record(id=f"q{k}", source_row=k, group=str(k), question="How much?", answer=WANTED) for k in range(12)
    ]
    rows = predict(test, texts=[SAME] * 12), predict(test, texts=[TENFOLD] * 12, model="tuned")
    metrics = score(inputs(test, *rows, task="qa", primary="bits_per_byte"))
    assert metrics["contrast"]["tuned"]["any"]["value"] == 1
    unwritten = [replace(row, text=None) for row in rows[0]]
    assert "contrast" not in score(inputs(test, unwritten, unwritten, task="qa", primary="bits_per_byte"))
