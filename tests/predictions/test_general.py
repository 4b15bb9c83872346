"""The likelihood of general text, against a plain forward pass over the whole text."""

from __future__ import annotations

import pytest
import torch

from medadapt.core.progress import Silent
from medadapt.predictions.general import general_questions, predict_general
from medadapt.samples.general_text import Passage, general_passages

PROSE = Passage(id="prose-01", kind="prose", prompt="", text="The ferry leaves twice a day.")
REQUEST = Passage(id="instructions-01", kind="instructions", prompt="Name a colour.", text="Blue.")


def _nll(base, tokens: list[int], *, from_place: int) -> float:
    """Summed over the tokens from `from_place` on, in one pass over everything."""
    with torch.no_grad():
        logits = base.model(torch.tensor([tokens])).logits[0].float()
    logprobs = torch.log_softmax(logits, dim=-1)
    return -sum(logprobs[place - 1, tokens[place]].item() for place in range(from_place, len(tokens)))


@pytest.mark.parametrize("kind", ["llama", "opt"])
def test_prose_is_measured_token_by_token_from_the_start_of_a_text(tiny, kind):
    base = tiny(kind)
    (found,) = predict_general(base, [PROSE], name="baseline", batch_tokens=4096, progress=Silent())
    tokens = [0, *base.tokenizer(PROSE.text, add_special_tokens=False)["input_ids"]]
    assert found.num_tokens == len(tokens) - 1
    assert found.num_bytes == len(PROSE.text.encode())
    assert found.nll == pytest.approx(_nll(base, tokens, from_place=1), rel=1e-5)


def test_of_a_request_only_the_answer_and_its_end_are_measured(tiny):
    base = tiny("llama")
    (question,) = general_questions(base, [REQUEST])
    (found,) = predict_general(base, [REQUEST], name="tuned", batch_tokens=4096, progress=Silent())
    prompt, answer = question.prompt.tokens, question.reference.tokens
    assert "Name a colour." in question.prompt.text
    assert base.tokenizer.decode(answer, skip_special_tokens=True).strip() == "Blue."
    assert answer[-1] == base.tokenizer.eos_token_id
    assert found.nll == pytest.approx(_nll(base, prompt + answer, from_place=len(prompt)), rel=1e-5)


def test_the_batch_does_not_change_a_likelihood(tiny):
    base, passages = tiny("llama"), general_passages()[:6]
    alone = [
        predict_general(base, [one], name="baseline", batch_tokens=1, progress=Silent())[0].nll
        for one in passages
    ]
    together = predict_general(base, passages, name="baseline", batch_tokens=100_000, progress=Silent())
    assert [found.nll for found in together] == pytest.approx(alone, rel=1e-5)


def test_what_does_not_fit_the_context_is_left_out_and_told(tiny):
    base = tiny("opt")
    passage = Passage(id="prose-01", kind="prose", prompt="", text="word " * 300)
    (found,) = predict_general(base, [passage], name="baseline", batch_tokens=4096, progress=Silent())
    assert found.truncated
    assert found.num_tokens == base.context_length - 1
    assert found.num_bytes == base.context_length - 1  # a byte a token
