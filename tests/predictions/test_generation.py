from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from medadapt.core.progress import Silent
from medadapt.core.records import Record
from medadapt.models.loading import LoadedBase, load_tokenizer
from medadapt.predictions.asking import predict
from medadapt.predictions.generation import generate
from medadapt.predictions.settings import PredictionSettings

PROMPTS = [[5, 6, 7, 8, 9, 10, 11], [12], [13, 14, 15], [16, 17, 18, 19, 20], [21, 22]]
LEFT_TO_TRANSFORMERS = {
    "mamba": {"num_hidden_layers": 2, "state_size": 4, "expand": 2, "conv_kernel": 4},
    "rwkv": {"num_hidden_layers": 2, "attention_hidden_size": 32, "intermediate_size": 64},
    "recurrent_gemma": {
        "num_hidden_layers": 3, "num_attention_heads": 4, "lru_width": 32, "intermediate_size": 64,
        "attention_window_size": 64,
    },
    "bloom": {"n_layer": 2, "n_head": 4},
}  # fmt: skip
"""Architectures without keys and values for every token, and one that works out its positions itself."""
UNEQUAL = [[9, 8, 7], list(range(40, 60)), [13, 14, 15], [21, 22], [5, 6, 7, 8, 9, 10, 11]]


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


@pytest.fixture
def left_to_transformers(tiny):
    """Builds a small random model of one of these architectures that tells tokens well apart."""

    def build(model_type: str) -> LoadedBase:
        torch.manual_seed(0)
        shape = {"vocab_size": 257, "hidden_size": 32, **LEFT_TO_TRANSFORMERS[model_type]}
        tokens = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
        causal = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **shape, **tokens))
        for weight in causal.requires_grad_(False).parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.3)
        return replace(tiny("llama"), model=causal.eval())

    return build


def give_defaults(model: LoadedBase, *, suppressed: int):
    """Defaults of a model that would change every answer in which the suppressed token stands."""
    defaults = model.model.generation_config
    defaults.do_sample, defaults.temperature, defaults.repetition_penalty = True, 5.0, 3.0
    defaults.min_new_tokens, defaults.suppress_tokens = 8, [suppressed]
    return defaults


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


@pytest.mark.parametrize("batch_tokens", [1, 10_000])
@pytest.mark.parametrize("model_type", LEFT_TO_TRANSFORMERS)
def test_prompts_of_unequal_length_are_no_part_of_each_other_where_transformers_writes(
    left_to_transformers, model_type, batch_tokens
):
    model = left_to_transformers(model_type)
    found = generate(model, UNEQUAL, max_new_tokens=10, closing_ids=(), batch_tokens=batch_tokens)
    assert found == [greedy_alone(model, prompt, 10) for prompt in UNEQUAL]
    assert len({tuple(answer) for answer in found}) > 1


@pytest.mark.parametrize(
    ("model_type", "at_once"), [("mamba", 5), ("rwkv", 1), ("recurrent_gemma", 1), ("bloom", 5)]
)
def test_answers_are_written_alone_only_where_rows_are_not_told_apart(
    left_to_transformers, model_type, at_once
):
    model = left_to_transformers(model_type)
    generate(
        model, UNEQUAL, max_new_tokens=1, closing_ids=(), batch_tokens=10_000
    )  # the architecture is tried
    rows: list[int] = []
    model.model.register_forward_pre_hook(
        lambda _, __, given: rows.append(len(given["input_ids"])), with_kwargs=True
    )
    generate(model, UNEQUAL, max_new_tokens=10, closing_ids=(), batch_tokens=10_000)
    assert rows == [at_once] * (10 * len(UNEQUAL) // at_once)


@pytest.mark.parametrize("model_type", LEFT_TO_TRANSFORMERS)
def test_a_row_that_transformers_writes_stops_at_the_closing_token(left_to_transformers, model_type):
    model = left_to_transformers(model_type)
    prompts = [*UNEQUAL, [31, 8, 7], [9, 14, 33], [22, 21]]
    free = [greedy_alone(model, prompt, 10) for prompt in prompts]
    closing = (free[0][2],)
    wanted = [greedy_alone(model, prompt, 10, closing) for prompt in prompts]
    found = generate(model, prompts, max_new_tokens=10, closing_ids=closing, batch_tokens=10_000)
    assert found == wanted
    assert len(wanted[0]) <= 2
    assert max(map(len, wanted)) == 10


@pytest.mark.parametrize("model_type", LEFT_TO_TRANSFORMERS)
def test_sampling_defaults_are_ignored_where_transformers_writes(left_to_transformers, model_type):
    model = left_to_transformers(model_type)
    wanted = generate(model, UNEQUAL, max_new_tokens=8, closing_ids=(), batch_tokens=10_000)
    defaults = give_defaults(model, suppressed=wanted[0][0])
    found = generate(model, UNEQUAL, max_new_tokens=8, closing_ids=(), batch_tokens=10_000)
    assert found == wanted
    assert model.model.generation_config is defaults


@pytest.mark.parametrize("name", ["biogpt", "gpt2", "llama2", "opt", "pythia"])
def test_an_answer_ends_at_the_closing_token_of_each_real_tokenizer(shared_data, encoder_for, name):
    tokenizer = load_tokenizer(str(shared_data / "tokenizers" / name))
    encoder = encoder_for(tokenizer, "question")
    (closing,) = encoder.stopping_ids(())
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
    assert list(encoder_for(tokenizer, "question", closing="<|im_end|>").stopping_ids(())) == ids
    assert list(encoder_for(tokenizer, "question").stopping_ids(())) == ids[1:]


def test_a_written_answer_ends_where_the_base_ends_its_texts(tiny, encoder_for):
    """Qwen's chat models end turns with one token and, untuned, now and then texts with another."""
    model = tiny("llama")
    encoder = encoder_for(model.tokenizer, "question")
    record = Record(id="q", source_row=1, group="g", question="Why?", answer="Rest.")
    (free,) = generate(
        model, [encoder.prompt(record).tokens], max_new_tokens=12, closing_ids=(), batch_tokens=1000
    )
    end = next(token for token in free[1:] if token != free[0])
    settings = PredictionSettings(task="qa", method="generate", max_new_tokens=12)
    (found,) = predict(
        replace(model, end_ids=(end,)),
        encoder,
        [record],
        name="baseline",
        settings=settings,
        progress=Silent(),
    )
    kept = model.tokenizer.decode(free[: free.index(end)], skip_special_tokens=True).strip()
    assert found.text == kept


def test_sampling_defaults_of_the_model_are_ignored(tiny):
    model = tiny("llama")
    wanted = generate(model, PROMPTS, max_new_tokens=8, closing_ids=(), batch_tokens=10_000)
    defaults = give_defaults(model, suppressed=wanted[0][0])
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
