from __future__ import annotations

import copy

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from medadapt.core.records import Record
from medadapt.models.loading import LoadedBase, load_tokenizer
from medadapt.predictions.generation import generate, stopping_ids

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


@pytest.mark.parametrize("name", ["biogpt", "gpt2", "llama2", "opt", "pythia"])
def test_an_answer_ends_at_the_closing_token_of_each_real_tokenizer(shared_data, encoder_for, name):
    tokenizer = load_tokenizer(str(shared_data / "tokenizers" / name))
    encoder = encoder_for(tokenizer, "question")
    (closing,) = stopping_ids(encoder)
    assert tokenizer.decode([closing], skip_special_tokens=True) == ""
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), initializer_range=0.5, tie_word_embeddings=False, **shape)
    model = LoadedBase(
        model=LlamaForCausalLM(config).eval().requires_grad_(False),
        tokenizer=tokenizer,
        device=torch.device("cpu"),
        dtype=torch.float32,
        sha256="",
        name="tiny",
        facts={},
    )
    prompt = encoder.prompt(Record(id="q", source_row=1, group="g", question="Why?", answer="Rest.")).tokens
    free = greedy_alone(model, prompt, 6)
    # From here on the closing token is the most likely one where the fourth token was.
    weight = model.model.lm_head.weight
    weight[[closing, free[3]]] = weight[[free[3], closing]]
    found = generate(model, [prompt], max_new_tokens=6, closing_ids=(closing,), batch_tokens=1000)
    assert found == [free[: free.index(free[3])]]


def test_the_end_of_text_ends_an_answer_in_a_chat_template_too(tiny, encoder_for):
    """A base that was never taught to chat ends its text, not its turn."""
    tokenizer = copy.deepcopy(tiny("llama").tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    ids = [tokenizer.convert_tokens_to_ids(token) for token in ("<|im_end|>", "</s>")]
    assert list(stopping_ids(encoder_for(tokenizer, "question", closing="<|im_end|>"))) == ids
    assert list(stopping_ids(encoder_for(tokenizer, "question"))) == ids[1:]


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
