"""Columns of written answers, the soft match on them, and the whole of metrics.json for open questions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer
from scipy.stats import binomtest

from medadapt.core.files import to_json
from medadapt.core.recipe import SoftMatchSection
from medadapt.core.records import Record
from medadapt.core.text_metrics import TEXT_METRICS
from medadapt.metrics.marking.values import metric_values
from medadapt.metrics.marking.written import mark_answers
from medadapt.metrics.scoring import score
from medadapt.metrics.statistics.intervals import tango
from medadapt.metrics.statistics.resampling import total

WANTED = ["Drink much water.", "Rest and call a doctor.", "Take one tablet a day.", "It heals by itself."] * 6
BEFORE = ["Drink water.", "", "Nobody knows what helps here.", "It heals by itself."] * 6
AFTER = ["Drink much water!", "Rest, and call a doctor.", "Take one tablet in a day.", "No."] * 6


@pytest.fixture
def asked() -> list[Record]:
    return [
        Record(id=f"q{k}", source_row=k + 1, group=f"g{k}", question=f"Question {k}" + "?" * k, answer=answer)
        for k, answer in enumerate(WANTED)
    ]


@pytest.fixture
def answered(asked, predict):
    """24 open questions; the baseline is silent on a quarter of them."""
    return asked, predict(asked, texts=BEFORE), predict(asked, texts=AFTER, model="tuned", nll=[1.0] * 24)


@pytest.fixture
def scored(answered, inputs):
    def build(**changes):
        given = inputs(*answered, train=answered[0], task="qa", primary="rougeL")
        return score(replace(given, **changes))

    return build


def test_the_means_over_records_equal_the_libraries(answered):
    asked, baseline, _ = answered
    found = mark_answers(asked, baseline, SoftMatchSection())
    values = metric_values(total(found))
    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"])
    each = [rouge.score(wanted, text) for wanted, text in zip(WANTED, BEFORE, strict=True)]
    for name in ("rouge1", "rouge2", "rougeL"):
        wanted = np.mean([scores[name].fmeasure for scores in each])
        assert found[name].mean() == pytest.approx(wanted, abs=1e-9)
    assert values["bleu"] == pytest.approx(sacrebleu.corpus_bleu(BEFORE, [WANTED]).score, abs=5.001e-5)
    assert values["chrf"] == pytest.approx(sacrebleu.corpus_chrf(BEFORE, [WANTED]).score)


def test_silence_counts_as_0_in_every_column(asked, predict):
    found = mark_answers(asked, predict(asked, texts=["", None, " "] * 8), SoftMatchSection())
    for name in ("rouge1", "rouge2", "rougeL", "token_f1", "fuzzy", "right_soft"):
        assert not found[name].any()
    assert [float(value) for value in metric_values(total(found)).values()] == [0, 0]  # BLEU and chrF


def test_nothing_written_is_no_column(asked, predict):
    assert mark_answers(asked, predict(asked), SoftMatchSection()) == {}


def test_a_likeness_equal_to_the_threshold_is_right(asked, predict):
    # One of two words written, and both wanted: F1 is 2/3.
    one = [replace(asked[0], answer="water now")]
    rows = predict(one, texts=["water"])
    for threshold, right in ((2 / 3, 1), (0.667, 0)):
        assert mark_answers(one, rows, SoftMatchSection(threshold=threshold))["right_soft"].tolist() == [
            right
        ]


def test_open_answers_get_every_text_metric_with_interval_and_difference(scored):
    metrics = scored()
    assert list(metrics["tuned"]) == ["loss", "perplexity", "bits_per_byte", *TEXT_METRICS[:-1]]
    assert metrics["tuned"].keys() == metrics["difference"].keys() == metrics["intervals"].keys()
    for name in TEXT_METRICS[:-1]:
        one = metrics["tuned"][name]
        assert one["low"] <= one["value"] <= one["high"]
        change = metrics["difference"][name]
        assert change["value"] == pytest.approx(one["value"] - metrics["baseline"][name]["value"])
        assert change["low"] < change["value"] < change["high"]
    assert metrics["tuned"]["bleu"]["value"] == pytest.approx(
        sacrebleu.corpus_bleu(AFTER, [WANTED]).score, abs=5.001e-5
    )
    assert metrics["detectable_difference"] > 0
    to_json(metrics)


@pytest.mark.parametrize("name", TEXT_METRICS[:-1])
def test_more_likeness_is_better(answered, scored, name):
    perfect = [replace(row, text=wanted) for row, wanted in zip(answered[2], WANTED, strict=True)]
    change = scored(tuned=perfect)["difference"][name]
    assert change["value"] > 0
    assert change["p"] < 0.05
    assert change["verdict"] == "better"


def test_the_signatures_name_libraries_and_versions(scored):
    assert set(scored()["signatures"]) == {"bleu", "chrf", "rouge", "token_f1", "fuzzy"}
    assert f"version:{sacrebleu.__version__}" in scored()["signatures"]["bleu"]
    assert "no stemmer" in scored()["signatures"]["rouge"]
    assert scored(embedding="cosine of x")["signatures"]["similarity"] == "cosine of x"


def test_the_soft_match_tells_errors_matrix_and_exact_test(scored):
    found = scored()["soft_match"]
    assert (found["metric"], found["threshold"], found["n"]) == ("token_f1", 0.5, 24)
    assert found["errors"] == {"baseline": 12, "tuned": 6}
    assert found["matrix"] == {"both_right": 6, "baseline_only": 6, "tuned_only": 12, "neither": 0}
    assert found["value"] == pytest.approx(6 / 24)
    assert found["p"] == pytest.approx(binomtest(6, 18).pvalue)
    assert (found["low"], found["high"]) == tango(6, 12, n=24, alpha=0.05)
    assert found["test"] == "mcnemar-exact"


def test_a_stricter_soft_match_finds_more_errors(scored):
    loose, strict = (
        scored(soft_match=SoftMatchSection(metric="fuzzy", threshold=threshold))["soft_match"]["errors"]
        for threshold in (0.3, 0.99)
    )
    assert strict["baseline"] > loose["baseline"]
    assert strict["tuned"] > loose["tuned"]


def test_errors_by_length_are_those_of_the_soft_match(scored):
    metrics = scored()
    found = metrics["error_length"]
    assert sum(found["all"]) == 24
    assert {name: sum(found[name]) for name in ("baseline", "tuned")} == metrics["soft_match"]["errors"]


def test_similarity_is_a_metric_where_every_answer_has_one(answered, scored):
    _, baseline, tuned = answered
    some = [replace(row, similarity=k / 24) for k, row in enumerate(baseline)]
    more = [replace(row, similarity=k / 24 + 0.25) for k, row in enumerate(tuned)]
    metrics = scored(baseline=some, tuned=more, embedding="cosine of x", primary="similarity")
    assert metrics["tuned"]["similarity"]["value"] == pytest.approx(sum(range(24)) / 24**2 + 0.25)
    assert metrics["difference"]["similarity"]["verdict"] == "better"
    assert "similarity" not in scored(baseline=some, tuned=[*more[:-1], tuned[-1]])["tuned"]


def test_a_model_that_never_wrote_anything_has_no_false_certainty(answered, scored):
    silent = [replace(row, text="") for row in answered[1]]
    metrics = scored(baseline=silent)
    assert metrics["baseline"]["rougeL"]["value"] == 0
    assert metrics["baseline"]["rougeL"]["low"] is None
    assert "unknown" in metrics["baseline"]["rougeL"]["reason"]
    assert metrics["rates"]["baseline"]["empty"] == 1


def test_records_that_share_a_group_are_resampled_together(answered, inputs):
    asked, baseline, tuned = answered
    grouped = [replace(record, group=f"document {k // 4}") for k, record in enumerate(asked)]
    metrics = score(inputs(grouped, baseline, tuned, task="qa", primary="rougeL"))
    assert metrics["intervals"]["rougeL"] == "group-bootstrap-bca"  # the primary metric
    assert metrics["intervals"]["token_f1"] == "group-bootstrap"
    assert metrics["soft_match"]["test"] == "group-sign-flip"
