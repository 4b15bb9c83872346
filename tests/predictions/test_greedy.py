"""Our loop against transformers' `generate`, one prompt at a time, on every architecture."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from medadapt.core.recipe import ModelSection
from medadapt.models.loading import load_base
from medadapt.predictions.generation import generate
from medadapt.predictions.greedy import _staying, closed_up
from random_models import ARCHITECTURES, write_random_base

PROMPTS = [[9, 8, 7, 6, 5, 4, 3], [11], list(range(40, 60)), [9, 8, 7], [13, 14, 15], [9, 8, 7]]
NEW = 12


@pytest.fixture(scope="module")
def sharpened(tmp_path_factory):
    """Architecture -> a random base whose attention tells tokens and places well apart."""
    made = {}

    def build(model_type: str):
        if model_type not in made:
            folder = write_random_base(tmp_path_factory.mktemp(model_type), model_type)
            made[model_type] = load_base(ModelSection(base=str(folder), precision="fp32"), device="cpu")
            sharpen(made[model_type].model)
        return made[model_type]

    return build


def sharpen(model) -> None:
    torch.manual_seed(0)
    for weight in model.parameters():
        if weight.dim() > 1:
            nn.init.normal_(weight, std=0.3)


def alone(model, prompt, closing_ids=()) -> list[int]:
    settings = GenerationConfig(
        do_sample=False, max_new_tokens=NEW, eos_token_id=sorted(closing_ids) or None, pad_token_id=0
    )
    model.model.generation_config = GenerationConfig()
    tokens = torch.tensor([prompt])
    with torch.no_grad():
        written = model.model.generate(
            tokens, attention_mask=torch.ones_like(tokens), generation_config=settings
        )
    answer = written[0, len(prompt) :].tolist()
    return answer[:-1] if answer[-1] in closing_ids else answer


def _until(answer, closing_ids) -> list[int]:
    return answer[: next((place for place, token in enumerate(answer) if token in closing_ids), len(answer))]


def _ending_most(answers) -> set[int]:
    """Tokens that end as many answers as they can, while one at least goes on for some steps more."""
    chosen: set[int] = set()
    for token in dict.fromkeys(token for answer in answers for token in answer[2:8]):
        if max(len(_until(answer, chosen | {token})) for answer in answers) > NEW - 3:
            chosen.add(token)
    return chosen


@pytest.mark.parametrize("tokens", [1, 70, 10_000])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_answers_are_those_of_generate_one_by_one(sharpened, model_type, tokens):
    model = sharpened(model_type)
    free = [alone(model, prompt) for prompt in PROMPTS]
    assert generate(model, PROMPTS, max_new_tokens=NEW, closing_ids=(), batch_tokens=tokens) == free
    # Rows that end at different steps, the longest prompt's first.
    closing = {free[2][0], free[0][3], free[1][6]}
    wanted = [alone(model, prompt, closing) for prompt in PROMPTS]
    assert generate(model, PROMPTS, max_new_tokens=NEW, closing_ids=closing, batch_tokens=tokens) == wanted
    assert len({len(answer) for answer in wanted}) > 1


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_rows_that_are_done_leave_a_large_batch_without_a_change_to_the_others(sharpened, model_type):
    model = sharpened(model_type)
    prompts = [[number + place for place in range(1 + number % 5)] for number in range(3, 23)]
    free = [alone(model, prompt) for prompt in prompts]
    closing = _ending_most(free)
    wanted = [_until(answer, closing) for answer in free]
    assert generate(model, prompts, max_new_tokens=NEW, closing_ids=closing, batch_tokens=10_000) == wanted
    # Few enough were left at the end to go from 20 rows to 16 and to 8, some of which had ended before.
    lengths = sorted(map(len, wanted))
    assert lengths[12] < lengths[-1]


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_a_beginning_that_prompts_share_changes_no_answer(sharpened, model_type):
    model = sharpened(model_type)
    prompts = [[*range(100, 130), *prompt] for prompt in PROMPTS]
    found = generate(model, prompts, max_new_tokens=NEW, closing_ids=(), batch_tokens=10_000)
    assert found == [alone(model, prompt) for prompt in prompts]


@pytest.mark.parametrize("model_type", ["gemma2", "mistral"])
def test_padding_takes_no_room_in_a_window_of_attention(tiny, model_type):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        model_type, vocab_size=257, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, head_dim=8,
        num_key_value_heads=2, intermediate_size=64, max_position_embeddings=128, sliding_window=8,
        bos_token_id=0, eos_token_id=0, pad_token_id=None,
    )  # fmt: skip
    causal = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    sharpen(causal)
    model = replace(tiny("llama"), model=causal)
    found = generate(model, PROMPTS, max_new_tokens=NEW, closing_ids=(), batch_tokens=10_000)
    assert found == [alone(model, prompt) for prompt in PROMPTS]


@pytest.mark.parametrize(
    ("staying", "order"), [([0, 1, 2], [0, 1, 2]), ([1, 3, 4], [4, 1, 3]), ([3], [3]), ([0, 4, 5], [0, 5, 4])]
)
def test_the_last_rows_fill_the_gaps(staying, order):
    assert closed_up(staying) == order


@pytest.mark.parametrize(
    ("done", "size", "places"),
    [
        ([False, True, False, True], 2, [0, 2]),
        ([True, True, False, True], 2, [0, 2]),
        ([True, False, True], 3, [0, 1, 2]),
    ],
)
def test_rows_that_are_not_done_stay_and_others_fill_up(done, size, places):
    assert _staying(done, size) == places
