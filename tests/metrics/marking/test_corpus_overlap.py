"""BLEU and chrF of summed counts against sacrebleu's corpus scores."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from medadapt.metrics.marking.corpus_overlap import bleu, bleu_counts, chrf, chrf_counts, signatures

WORDS = ["the", "patient", "has", "fever,", "5", "mg/day", "of", "Aspirin.", "α-blocker", "é", "U.S.A."]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
CORPUS = st.lists(st.tuples(TEXTS, TEXTS.filter(bool)), min_size=1, max_size=12)


@settings(max_examples=50)
@given(CORPUS)
def test_both_equal_sacrebleu_on_a_corpus(pairs):
    answers, references = (list(texts) for texts in zip(*pairs, strict=True))
    wanted = [score(answers, [references]).score for score in (sacrebleu.corpus_bleu, sacrebleu.corpus_chrf)]
    found = [
        float(bleu(bleu_counts(answers, references).sum(axis=0))),
        float(chrf(chrf_counts(answers, references).sum(axis=0))),
    ]
    assert found[0] == pytest.approx(wanted[0], rel=0, abs=5.001e-5)  # four decimals
    assert found[1] == pytest.approx(wanted[1], rel=1e-12, abs=1e-12)


@settings(max_examples=15)
@given(CORPUS, st.integers(0, 2**31))
def test_weighted_counts_are_the_corpus_in_which_records_repeat(pairs, seed):
    """So one matrix product makes a resample."""
    answers, references = (list(texts) for texts in zip(*pairs, strict=True))
    weights_SN = np.random.default_rng(seed).integers(0, 3, size=(4, len(pairs)))
    weights_SN[:, 0] += 1
    found = (
        bleu(weights_SN @ bleu_counts(answers, references)),
        chrf(weights_SN @ chrf_counts(answers, references)),
    )
    for place, weights_N in enumerate(weights_SN):
        texts = [
            [text for text, k in zip(some, weights_N, strict=True) for _ in range(k)]
            for some in (answers, references)
        ]
        assert found[0][place] == pytest.approx(
            sacrebleu.corpus_bleu(texts[0], [texts[1]]).score, abs=5.001e-5
        )
        assert found[1][place] == pytest.approx(sacrebleu.corpus_chrf(texts[0], [texts[1]]).score)


def test_nothing_written_is_nothing_earned():
    answers, references = ["", ""], ["rest", "much water"]
    assert float(bleu(bleu_counts(answers, references).sum(axis=0))) == 0
    assert float(chrf(chrf_counts(answers, references).sum(axis=0))) == 0


def test_answers_that_share_next_to_nothing_earn_nothing_rather_than_a_trace():
    answer, reference = "see a doctor now", " ".join(["the", *map(str, range(60)), "doctor"])
    counts = bleu_counts([answer], [reference]).sum(axis=0)

    assert 0 < sacrebleu.corpus_bleu([answer], [[reference]]).score < 1e-4
    assert float(bleu(counts)) == 0


def test_the_signatures_are_those_of_sacrebleus_default_scores():
    assert (
        signatures()["bleu"]
        == f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"
    )
    assert signatures()["chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
