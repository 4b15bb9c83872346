"""The controls of open questions, and what the tuned model is worth beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sacrebleu
from scipy.stats import permutation_test

from medadapt.core.files import to_json
from medadapt.core.records import Record
from medadapt.core.text_metrics import TEXT_METRICS
from medadapt.metrics.marking.likeness import token_f1
from medadapt.metrics.scoring import score

NEAREST = ["Drink plenty of water.", "Rest for a week.", "Take one tablet a day.", "It heals by itself."]
WANTED = ["Drink a lot of water.", "Rest for some days.", "Take two tablets a day.", "It heals with time."]


def records_of(answers: list[str], *, prefix: str) -> list[Record]:
    """A question of its own for each answer; the same place has nearly the same question in every set."""
    return [
        Record(
            id=f"{prefix}{place:02d}",
            source_row=place + 1,
            group=f"{prefix}{place}",
            question=f"{prefix}: condition {place * 7919} number {place}, what helps?",
            answer=answer,
        )
        for place, answer in enumerate(answers)
    ]


@pytest.fixture
def asked():
    """Training records, and test records whose nearest neighbour stands at the same place."""

    def build(times: int) -> tuple[list[Record], list[Record]]:
        # Numbered, so that no training answer stands twice.
        known = [f"{answer} {place}" for place, answer in enumerate(NEAREST * times)]
        return records_of(known, prefix="train"), records_of(WANTED * times, prefix="test")

    return build


@pytest.fixture
def scored(asked, predict, inputs):
    """metrics.json where the baseline says `no` and the tuned model the given texts."""

    def build(tuned, *, times=6, train=None, samples=500, **changes):
        known, test = asked(times)
        first = predict(test, texts=["no"] * len(test))
        second = predict(test, texts=tuned, model="tuned", nll=[1.0] * len(test))
        known = known if train is None else train
        given = inputs(test, first, second, train=known, task="qa", primary="bits_per_byte", samples=samples)
        return score(replace(given, **changes))

    return build


def test_a_control_is_marked_by_the_same_written_metrics_as_the_models(scored, asked):
    metrics = scored(WANTED * 6)
    known, test = asked(6)
    copied, wanted = [record.answer for record in known], [record.answer for record in test]
    control = metrics["controls"]["nearest_neighbour"]
    assert control.keys() == metrics["tuned"].keys() > set(TEXT_METRICS[:-1])
    assert control["bleu"]["value"] == pytest.approx(
        sacrebleu.corpus_bleu(copied, [wanted]).score, abs=5.001e-5
    )
    assert control["chrf"]["value"] == pytest.approx(sacrebleu.corpus_chrf(copied, [wanted]).score)
    for name in TEXT_METRICS[:-1]:
        assert control[name]["low"] < control[name]["value"] < control[name]["high"]
    to_json(metrics)


def test_a_copied_answer_has_no_likelihood_and_says_so(scored):
    control = scored(WANTED * 6)["controls"]["nearest_neighbour"]
    for name in ("loss", "perplexity", "bits_per_byte"):
        assert (control[name]["value"], control[name]["low"]) == (None, None)
        assert "no likelihood" in control[name]["reason"]


def test_the_difference_is_that_of_the_means_on_the_same_records(scored):
    texts = ["Drink some water, and rest for a week."] * 24
    metrics = scored(texts)
    against = metrics["against_control"]
    assert (against["name"], against["metric"]) == ("nearest_neighbour", "token_f1")
    tuned = np.mean([token_f1(text, wanted) for text, wanted in zip(texts, WANTED * 6, strict=True)])
    assert metrics["tuned"]["token_f1"]["value"] == pytest.approx(tuned)
    control = metrics["controls"]["nearest_neighbour"]["token_f1"]["value"]
    assert against["value"] == pytest.approx(tuned - control)
    assert against["low"] < against["value"] < against["high"]


def test_p_is_that_of_all_swaps_of_the_two(scored, asked):
    """Against scipy, which goes through all 2^8 swaps."""
    texts = [WANTED[0], "Rest.", "Take two.", "", WANTED[0], WANTED[1], "Take tablets", "No."]
    against = scored(texts, times=2, samples=20_000)["against_control"]
    known, test = asked(2)
    mine, theirs = (
        np.array([token_f1(text, record.answer) for text, record in zip(said, test, strict=True)])
        for said in (texts, [record.answer for record in known])
    )
    exact = permutation_test(
        (mine, theirs),
        lambda one, other: np.mean(one - other),
        permutation_type="samples",
        n_resamples=np.inf,
    )
    assert against["value"] == pytest.approx(exact.statistic)
    assert 0.05 < exact.pvalue < 0.9  # else the comparison would say little
    assert against["p"] == pytest.approx(exact.pvalue, abs=0.015)


def test_the_interval_is_that_of_paired_resamples(scored, asked):
    texts = [*WANTED[:2], "Take two.", "Wait and see."] * 30
    against = scored(texts, times=30, samples=4000)["against_control"]
    known, test = asked(30)
    gains = np.array(
        [
            token_f1(text, record.answer) - token_f1(copy.answer, record.answer)
            for text, record, copy in zip(texts, test, known, strict=True)
        ]
    )
    drawn = np.random.default_rng(7).integers(0, 120, (20_000, 120))
    low, high = np.quantile(gains[drawn].mean(axis=1), [0.025, 0.975])
    assert against["low"] == pytest.approx(low, abs=0.1 * (high - low))
    assert against["high"] == pytest.approx(high, abs=0.1 * (high - low))


def test_better_worse_and_not_shown(scored, asked):
    copies = [record.answer for record in asked(6)[0]]
    mixed = [wanted if place % 2 else "no" for place, wanted in enumerate(WANTED * 6)]
    verdicts = {
        name: scored(texts)["against_control"]["verdict"]
        for name, texts in {
            "right": WANTED * 6,
            "silent": ["no"] * 24,
            "copied": copies,
            "mixed": mixed,
        }.items()
    }
    assert verdicts == {"right": "better", "silent": "worse", "copied": "not shown", "mixed": "not shown"}


def test_the_best_of_the_controls_is_the_one_to_beat(scored, asked):
    """Where most answers are alike, the most frequent one does better than that of another condition."""
    known, test = asked(6)
    train = [replace(record, answer="Take two tablets a day." if place % 4 else "?") for place, record in
             enumerate(known)]  # fmt: skip
    alike = [replace(record, answer="Take two tablets a day.") for record in test]
    metrics = scored(["Take tablets."] * 24, train=train, test=alike)
    assert metrics["controls"]["majority"]["token_f1"]["value"] == 1.0
    assert metrics["controls"]["nearest_neighbour"]["token_f1"]["value"] == pytest.approx(0.75)
    against = metrics["against_control"]
    assert (against["name"], against["verdict"]) == ("majority", "worse")


def test_without_a_repeated_answer_none_is_the_most_frequent(scored):
    majority = scored(WANTED * 6)["controls"]["majority"]
    assert majority["token_f1"]["value"] is None
    assert "stands twice" in majority["token_f1"]["reason"]
    assert "no likelihood" in majority["loss"]["reason"]


def test_without_written_answers_nothing_is_compared_and_the_reason_says_why(asked, predict, inputs):
    known, test = asked(6)
    tuned = predict(test, model="tuned", nll=[1.0] * 24)
    metrics = score(inputs(test, predict(test), tuned, train=known, task="qa", primary="bits_per_byte"))
    against = metrics["against_control"]
    assert (against["name"], against["value"], against["verdict"]) == (None, None, "not shown")
    assert "wrote no answers" in against["reason"]
    assert metrics["controls"]["nearest_neighbour"].keys() == metrics["tuned"].keys()


def test_without_training_records_nothing_is_compared(scored):
    metrics = scored(WANTED * 6, train=[])
    assert "training records" in metrics["against_control"]["reason"]
    assert "training records" in metrics["controls"]["nearest_neighbour"]["token_f1"]["reason"]


def test_only_the_models_answers_are_embedded(asked, predict, inputs):
    known, test = asked(6)
    first, second = (
        [replace(row, similarity=0.5) for row in predict(test, model=model, texts=WANTED * 6)]
        for model in ("baseline", "tuned")
    )
    metrics = score(inputs(test, first, second, train=known, task="qa", primary="bits_per_byte"))
    assert metrics["tuned"]["similarity"]["value"] == 0.5
    assert "embedded" in metrics["controls"]["nearest_neighbour"]["similarity"]["reason"]


def test_records_that_share_a_group_are_swapped_together(scored, asked):
    """Three documents cannot show anything: a fourth of all swaps of three gives the difference again."""
    _, test = asked(6)
    grouped = [replace(record, group=f"document {place // 8}") for place, record in enumerate(test)]
    against = scored(WANTED * 6, test=grouped)["against_control"]
    assert against["verdict"] == "not shown"
    assert against["p"] == pytest.approx(0.25, abs=0.06)


def test_a_verdict_on_written_answers_meets_the_controls_by_what_was_written(diagnoses, predict, inputs):
    """A model that scores every label rightly and writes half of them down is not as good as a copied record."""
    labels = ["flu", "cold"] * 20
    train, test = diagnoses(labels), [replace(record, id=f"t{record.id}") for record in diagnoses(labels)]
    written = ["flu"] * len(labels)
    baseline, tuned = (
        [
            replace(row, text=text, parsed=text)
            for row, text in zip(predict(test, labels, model=model), written, strict=True)
        ]
        for model in ("baseline", "tuned")
    )

    given = inputs(test, baseline, tuned, train=train, primary="accuracy_generated")
    metrics = score(given)

    against = metrics["against_control"]
    assert (against["name"], against["metric"]) == ("nearest_neighbour", "accuracy_generated")
    assert (against["value"], against["verdict"]) == (-0.5, "worse")
    control = metrics["controls"]["nearest_neighbour"]
    assert control["accuracy_generated"]["value"] == control["accuracy"]["value"] == 1.0
