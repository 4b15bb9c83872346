from __future__ import annotations

import pytest
import torch

from medadapt.core.progress import Silent
from medadapt.predictions.batching import TokenBudget
from medadapt.predictions.questions import pose
from medadapt.predictions.unconditional import Unconditional


def scores(model, encoder, questions):
    with torch.no_grad():
        return Unconditional(model, encoder).scores(
            questions, budget=TokenBudget(10_000), title="", progress=Silent()
        )


def test_questions_that_share_their_labels_share_the_scores_of_them(tiny, encoder_for, diagnoses):
    model = tiny("llama")
    encoder = encoder_for(model.tokenizer)
    found = scores(model, encoder, pose(encoder, diagnoses, close_choices=True))
    assert list(found[0]) == list(encoder.labels)
    assert len({id(some) for some in found}) == 1


def test_each_question_has_the_scores_of_its_own_options_and_an_open_one_none(
    tiny, encoder_for, exam, record
):
    model = tiny("llama")
    encoder = encoder_for(model.tokenizer, "choices")
    questions = pose(encoder, [*exam, record("Why?")], close_choices=True)
    *found, of_open = scores(model, encoder, questions)
    for question, some in zip(questions, found, strict=False):
        assert some == pytest.approx(scores(model, encoder, [question])[0], abs=1e-4)
    assert of_open is None
    assert [list(some) for some in found] == [list("AB"), list("ABC"), list("ABCD")]
