from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medadapt.models.packed.decoder import packed_decoder
from medadapt.models.packed.rows import shared_length
from medadapt.predictions import likelihood
from medadapt.predictions.batching import TokenBudget
from medadapt.predictions.likelihood import reference_likelihoods, token_logprobs
from medadapt.predictions.questions import pose
from medadapt.predictions.shared_prefix import LEAST_SAVED

BUDGETS = [1, 150, 100_000]


def measure(model, questions, tokens=100_000):
    with torch.no_grad():
        return reference_likelihoods(model, questions, budget=TokenBudget(tokens), advance=lambda _: None)


def plain_nll(model, question) -> float:
    """One record alone, through transformers' own loss."""
    prompt, reference = question.prompt.tokens, question.reference.tokens
    tokens_1T = torch.tensor([prompt + reference])
    labels_1T = torch.tensor([[-100] * len(prompt) + reference])
    with torch.no_grad():
        return float(model.model(input_ids=tokens_1T, labels=labels_1T).loss) * len(reference)


@pytest.mark.parametrize("kind", ["llama", "opt"])
@pytest.mark.parametrize("tokens", BUDGETS)
def test_nll_equals_a_plain_forward_of_each_record(tiny, encoder_for, diagnoses, kind, tokens):
    model = tiny(kind)
    questions = pose(encoder_for(model.tokenizer), diagnoses, close_choices=True)
    found = [found.nll for found in measure(model, questions, tokens)]
    assert found == pytest.approx([plain_nll(model, question) for question in questions], abs=1e-4)


def test_rows_longer_than_an_attentions_window_have_the_numbers_of_the_models_own_layers(
    looking_back, encoder_for, diagnoses
):
    model = looking_back("mistral")
    assert packed_decoder(model.model) is not None
    questions = pose(encoder_for(model.tokenizer), diagnoses, close_choices=True)
    assert min(len(question.prompt.tokens) for question in questions) > 24
    for tokens in BUDGETS:
        found = [found.nll for found in measure(model, questions, tokens)]
        assert found == pytest.approx([plain_nll(model, question) for question in questions], abs=1e-4)


@pytest.mark.parametrize("kind", ["llama", "opt"])
def test_batch_size_does_not_change_the_nll(tiny, encoder_for, diagnoses, kind):
    model = tiny(kind)
    questions = pose(encoder_for(model.tokenizer), diagnoses, close_choices=True)
    alone, some, together = ([found.nll for found in measure(model, questions, t)] for t in BUDGETS)
    assert some == pytest.approx(alone, rel=1e-5)
    assert together == pytest.approx(alone, rel=1e-5)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(0, 60), min_size=1, max_size=6), tokens=st.integers(1, 400))
def test_loss_of_a_test_set_does_not_depend_on_the_batches(tiny, encoder_for, record, lengths, tokens):
    """Every token weighs the same: a mean over batches, or over padding, would move with them."""
    model = tiny("llama")
    asked = [record(f"q{k} " + "x" * length, answer="y" * (60 - length)) for k, length in enumerate(lengths)]
    questions = pose(encoder_for(model.tokenizer, "question"), asked, close_choices=False)
    num_tokens = sum(len(question.reference.tokens) for question in questions)
    loss = sum(found.nll for found in measure(model, questions, tokens)) / num_tokens
    assert loss == pytest.approx(
        sum(plain_nll(model, question) for question in questions) / num_tokens, rel=1e-5
    )


def test_head_in_pieces_gives_the_same_numbers(tiny, monkeypatch):
    model = tiny("llama").model
    hidden_NH, targets_N = torch.randn(10, 32), torch.arange(10)
    whole_N = token_logprobs(model, hidden_NH, targets_N)
    monkeypatch.setattr(likelihood, "LOGITS_AT_ONCE", 257 * 3)
    torch.testing.assert_close(token_logprobs(model, hidden_NH, targets_N), whole_N)
    wanted_NV = torch.log_softmax(model.lm_head(hidden_NH), -1)
    torch.testing.assert_close(whole_N, wanted_NV[torch.arange(10), targets_N])


def test_choices_of_one_token_are_scored_in_the_same_pass(tiny, encoder_for, exam):
    model = tiny("llama")
    # The question template ends in a line break, so a letter is one byte and one token.
    questions = pose(encoder_for(model.tokenizer, "question", answer="letter"), exam, close_choices=False)
    for question, found in zip(questions, measure(model, questions), strict=True):
        with torch.no_grad():
            logits_V = model.model(input_ids=torch.tensor([question.prompt.tokens])).logits[0, -1]
        logprobs_V = torch.log_softmax(logits_V, -1)
        wanted = {name: float(logprobs_V[tokens[0]]) for name, tokens in question.choices.items()}
        assert list(found.scores) == list(wanted)
        assert found.scores == pytest.approx(wanted, abs=1e-4)


def test_longer_choices_are_left_to_scoring(tiny, encoder_for, diagnoses):
    model = tiny("opt")
    questions = pose(encoder_for(model.tokenizer), diagnoses, close_choices=True)
    assert [found.scores for found in measure(model, questions)] == [None] * 3


@pytest.mark.parametrize("kind", ["llama", "opt"])
def test_a_beginning_that_records_share_changes_no_number(tiny, encoder_for, record, kind):
    model = tiny(kind)
    shown = "### Question: Why? ### Answer: Because. " * 2
    asked = [record(f"{shown}{text}?", id=text, answer=text * 3) for text in ("one", "two", "three")]
    questions = pose(encoder_for(model.tokenizer, "question"), asked, close_choices=False)
    assert 2 * shared_length([question.prompt.tokens for question in questions]) >= LEAST_SAVED
    for tokens in BUDGETS:
        found = [found.nll for found in measure(model, questions, tokens)]
        assert found == pytest.approx([plain_nll(model, question) for question in questions], rel=1e-5)
