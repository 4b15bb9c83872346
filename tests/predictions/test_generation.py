from __future__ import annotations

import pytest
import torch

from medadapt.predictions.generation import generate

PROMPTS = [[5, 6, 7, 8, 9, 10, 11], [12], [13, 14, 15], [16, 17, 18, 19, 20], [21, 22]]


def greedy_alone(model, prompt, max_new_tokens, closing_ids=()) -> list[int]:
    """The most likely token, one at a time, with a full forward pass for each."""
    tokens = list(prompt)
    for _ in range(max_new_tokens):
        with torch.no_grad():
            best = int(model.model(input_ids=torch.tensor([tokens])).logits[0, -1].argmax())
        if best in closing_ids:
            break
        tokens.append(best)
    return tokens[len(prompt) :]


@pytest.mark.parametrize("kind", ["llama", "opt"])
@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_batched_answers_equal_greedy_answers_one_by_one(tiny, kind, batch_tokens):
    model = tiny(kind)
    found = generate(model, PROMPTS, max_new_tokens=12, closing_ids=(), batch_tokens=batch_tokens)
    assert found == [greedy_alone(model, prompt, 12) for prompt in PROMPTS]
    assert len({tuple(answer) for answer in found}) > 1


@pytest.mark.parametrize("kind", ["llama", "opt"])
def test_a_row_stops_at_the_closing_token_and_the_others_go_on(tiny, kind):
    model = tiny(kind)
    free = [greedy_alone(model, prompt, 12) for prompt in PROMPTS]
    closing = (free[0][4],)
    found = generate(model, PROMPTS, max_new_tokens=12, closing_ids=closing, batch_tokens=10_000)
    assert found == [greedy_alone(model, prompt, 12, closing) for prompt in PROMPTS]
    assert len(found[0]) <= 4
    assert max(map(len, found)) == 12


def test_sampling_defaults_of_the_model_are_ignored(tiny):
    model = tiny("llama")
    wanted = generate(model, PROMPTS, max_new_tokens=8, closing_ids=(), batch_tokens=10_000)
    defaults = model.model.generation_config
    defaults.do_sample, defaults.temperature, defaults.repetition_penalty = True, 5.0, 3.0
    defaults.min_new_tokens, defaults.suppress_tokens = 8, wanted[0][:1]
    found = generate(model, PROMPTS, max_new_tokens=8, closing_ids=(), batch_tokens=10_000)
    assert found == wanted
    assert model.model.generation_config is defaults


def test_a_model_in_training_answers_without_dropout_and_trains_on(tiny):
    model = tiny("opt")
    wanted = generate(model, PROMPTS, max_new_tokens=8, closing_ids=(), batch_tokens=10_000)
    model.model.train()  # OPT's own dropout of 0.1 would change the answers
    assert generate(model, PROMPTS, max_new_tokens=8, closing_ids=(), batch_tokens=10_000) == wanted
    assert all(module.training for module in model.model.modules())


def test_no_prompts_give_no_answers(tiny):
    assert generate(tiny("llama"), [], max_new_tokens=4, closing_ids=(), batch_tokens=100) == []
