"""Choices read in trees against a full row for each of them, on every architecture."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from medadapt.core.errors import ModelError
from medadapt.core.recipe import ModelSection
from medadapt.models.continuing import can_continue
from medadapt.models.loading import load_base
from medadapt.models.packed.decoder import packed_decoder
from medadapt.predictions import packed_reading, scoring
from medadapt.predictions.batching import TokenBudget
from medadapt.predictions.scoring import continuation_scores
from medadapt.predictions.separate_rows import row_scores
from medadapt.predictions.tree_probe import reads_trees, window
from random_models import ARCHITECTURES, write_random_base

PROMPTS = [[9, 8, 7, 6, 5, 4, 3], [11], list(range(40, 60)), [9, 8, 7]]
COMPLETIONS = [[70, 71, 72], [70, 71], [70, 71, 72], [70, 73, 74, 75, 76], [80], [81, 70, 71]]


@pytest.fixture(scope="module")
def sharpened(tmp_path_factory):
    """Architecture -> a random base whose attention tells tokens and places well apart."""
    made = {}

    def build(model_type: str, dtype: str = "fp32"):
        if (model_type, dtype) not in made:
            folder = write_random_base(tmp_path_factory.mktemp(model_type), model_type)
            base = load_base(ModelSection(base=str(folder), precision=dtype), device="cpu")
            torch.manual_seed(0)
            for weight in base.model.parameters():
                if weight.dim() > 1:
                    nn.init.normal_(weight, std=0.3)
            made[model_type, dtype] = base
        return made[model_type, dtype]

    return build


def exhaustive(model, prompt, completion) -> float:
    """From a full row of its own, with transformers' own logits."""
    with torch.no_grad():
        logits_TV = model.model(input_ids=torch.tensor([[*prompt, *completion]])).logits[0].double()
    logprobs_TV = torch.log_softmax(logits_TV, -1)
    return math.fsum(float(logprobs_TV[len(prompt) - 1 + n, token]) for n, token in enumerate(completion))


def scores(model, prompts, completions, tokens=10_000):
    with torch.no_grad():
        return continuation_scores(model, prompts, completions, budget=TokenBudget(tokens))


def best(figures):
    return max(range(len(figures)), key=figures.__getitem__)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_every_architecture_reads_trees_and_goes_on_from_what_it_kept(sharpened, model_type):
    assert can_continue(sharpened(model_type).model)
    assert reads_trees(sharpened(model_type))


@pytest.mark.parametrize("tokens", [1, 60, 10_000])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_scores_and_decisions_are_those_of_full_rows(sharpened, model_type, tokens):
    model = sharpened(model_type)
    completions = [COMPLETIONS, COMPLETIONS[1:4], COMPLETIONS, COMPLETIONS[::-1]]
    found = scores(model, PROMPTS, completions, tokens)
    for prompt, some, figures in zip(PROMPTS, completions, found, strict=True):
        wanted = [exhaustive(model, prompt, one) for one in some]
        assert figures == pytest.approx(wanted, rel=1e-4)
        assert best(figures) == best(wanted)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_a_beginning_that_prompts_share_is_read_once_with_the_same_scores(sharpened, model_type):
    model = sharpened(model_type)
    prompts = [[*range(100, 150), *prompt] for prompt in PROMPTS]
    found = scores(model, prompts, [COMPLETIONS] * len(prompts))
    for prompt, figures in zip(prompts, found, strict=True):
        assert figures == pytest.approx([exhaustive(model, prompt, one) for one in COMPLETIONS], rel=1e-4)


@pytest.mark.parametrize("model_type", ["llama", "opt"])
def test_a_prompt_that_begins_the_others_is_scored_as_alone(sharpened, model_type):
    model = sharpened(model_type)
    prompts = [[*range(100, 150)], [*range(100, 150), 7], [*range(100, 150)]]
    found = scores(model, prompts, [COMPLETIONS] * len(prompts))
    for prompt, figures in zip(prompts, found, strict=True):
        assert figures == pytest.approx([exhaustive(model, prompt, one) for one in COMPLETIONS], rel=1e-4)


@pytest.mark.parametrize("most", [1, 3])
def test_a_trie_is_read_in_branches_of_any_size_with_the_same_scores(sharpened, monkeypatch, most):
    model = sharpened("qwen2")
    whole = scores(model, PROMPTS, [COMPLETIONS] * 4)
    monkeypatch.setattr(packed_reading, "SUBTREE", most)
    for figures, wanted in zip(scores(model, PROMPTS, [COMPLETIONS] * 4), whole, strict=True):
        assert figures == pytest.approx(wanted, rel=1e-5)


def test_equal_completions_get_equal_scores_and_the_first_is_chosen(sharpened):
    (found,) = scores(sharpened("llama"), PROMPTS[:1], [COMPLETIONS])
    assert found[0] == found[2]


def test_no_prompts_no_completions_and_empty_ones(sharpened):
    model = sharpened("llama")
    assert scores(model, [], []) == []
    assert scores(model, PROMPTS[:2], [[], [[]]]) == [[], [0.0]]


@pytest.mark.parametrize("model_type", ["opt", "gpt2", "biogpt"])
def test_prompts_at_the_end_of_the_context_are_scored(sharpened, model_type):
    """Learned positions: one beyond the last is an index error."""
    model = sharpened(model_type)
    longest = max(map(len, COMPLETIONS))
    prompts = [[5 + n % 200 for n in range(model.context_length - longest)], [7, 8]]
    found = scores(model, prompts, [COMPLETIONS, COMPLETIONS])
    for prompt, figures in zip(prompts, found, strict=True):
        assert figures == pytest.approx([exhaustive(model, prompt, one) for one in COMPLETIONS], rel=1e-4)


def test_many_completions_are_read_in_several_trees(sharpened, monkeypatch):
    model = sharpened("llama")
    whole = scores(model, PROMPTS, [COMPLETIONS] * 4)
    monkeypatch.setattr(scoring, "NODES_AT_ONCE", 3)
    for figures, wanted in zip(scores(model, PROMPTS, [COMPLETIONS] * 4), whole, strict=True):
        assert figures == pytest.approx(wanted, rel=1e-5)


class Short(nn.Module):
    """Memory that ends at a number of tokens in one pass, prompt and tree alike."""

    def __init__(self, layer: nn.Module, most: int) -> None:
        super().__init__()
        self.layer, self.most = layer, most

    def forward(self, tokens_BT: torch.Tensor) -> torch.Tensor:
        if tokens_BT.numel() > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.layer(tokens_BT)


@pytest.mark.parametrize(
    ("model_type", "most"), [("opt", 200), ("opt", 20), ("opt", 8), ("llama", 64), ("llama", 32)]
)
def test_where_memory_is_short_fewer_are_read_at_once(tiny, model_type, most):
    model = tiny(model_type)
    prompts = [[9, 8, 7, 6, 5, 4, 3], [11, 4, 4], [9, 8, 7]]
    wanted = scores(model, prompts, [COMPLETIONS] * 3)
    reads_trees(model)  # tried beforehand, while there is memory
    model.model.set_input_embeddings(Short(model.model.get_input_embeddings(), most))
    for figures, expected in zip(scores(model, prompts, [COMPLETIONS] * 3), wanted, strict=True):
        assert figures == pytest.approx(expected, rel=1e-4)


def test_where_not_even_one_completion_fits_the_error_says_so(tiny):
    model = tiny("llama")
    reads_trees(model)
    model.model.set_input_embeddings(Short(model.model.get_input_embeddings(), 2))
    with pytest.raises(ModelError, match="Memory ran out"):
        scores(model, [[9, 8, 7, 6]], [COMPLETIONS])


@pytest.mark.parametrize("tokens", [1, 10_000])  # each prompt by itself, and all in one batch
@pytest.mark.parametrize("model_type", ["gemma2", "mistral"])
def test_an_attention_that_looks_back_less_far_than_the_tree_gets_separate_rows(
    looking_back, model_type, tokens
):
    model = looking_back(model_type)
    assert reads_trees(model)
    assert window(model) == 24
    assert (packed_decoder(model.model) is not None) is (model_type == "mistral")
    # The tree has 8 nodes, 4 tokens deep: behind 16 tokens it just fits, and in packed rows behind 20.
    prompts = [list(range(100, 100 + length)) for length in (5, 16, 17, 20, 21, 23, 24, 40)]
    found = scores(model, prompts, [COMPLETIONS] * len(prompts), tokens)
    for prompt, figures in zip(prompts, found, strict=True):
        assert figures == pytest.approx([exhaustive(model, prompt, one) for one in COMPLETIONS], rel=1e-4)


class BlindLayer(nn.Module):
    """A decoder layer that loses the mask it is given, as one that builds its own would."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, hidden, attention_mask=None, **others):
        seen = attention_mask
        if seen is not None and seen.is_floating_point():
            past = seen.shape[-1] - seen.shape[-2]
            seen = torch.full_like(seen, torch.finfo(seen.dtype).min).triu(past + 1)
        return self.layer(hidden, attention_mask=seen, **others)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_architecture_that_loses_the_mask_is_found_out_and_gets_separate_rows(tiny, dtype):
    model = tiny("llama", dtype)
    assert reads_trees(model)
    blind = tiny("llama", dtype)
    layers = blind.model.model.layers
    for place, layer in enumerate(layers):
        layers[place] = BlindLayer(layer)
    assert not reads_trees(blind)
    if dtype == torch.float32:
        found = scores(blind, PROMPTS, [COMPLETIONS] * 4)
        for prompt, figures in zip(PROMPTS, found, strict=True):
            wanted = [exhaustive(blind, prompt, one) for one in COMPLETIONS]
            assert figures == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("tokens", [1, 30, 1000])
def test_separate_rows_give_full_rows_numbers_for_every_budget(sharpened, tokens):
    model = sharpened("opt")
    for prompt in PROMPTS:
        with torch.no_grad():
            found = row_scores(model, prompt, COMPLETIONS, tokens)
        assert found == pytest.approx([exhaustive(model, prompt, one) for one in COMPLETIONS], rel=1e-4)
