"""Logits in pieces, on heads of several kinds."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PhiConfig,
    PhiForCausalLM,
)

from medadapt.models import vocabulary
from medadapt.models.vocabulary import log_mass, vocabulary_logits, vocabulary_pieces

SHAPE = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 57,
}  # fmt: skip
HEADS = {
    "plain": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, initializer_range=0.3)),
    "bias": lambda: PhiForCausalLM(PhiConfig(**SHAPE, initializer_range=0.3)),
    "capped": lambda: Gemma2ForCausalLM(Gemma2Config(**SHAPE, head_dim=8, initializer_range=0.3)),
}


@pytest.mark.parametrize("width", [8, 57, 100])
@pytest.mark.parametrize("head", HEADS)
def test_pieces_of_the_vocabulary_are_its_logits(head, width, monkeypatch):
    monkeypatch.setattr(vocabulary, "PIECE", width)
    torch.manual_seed(0)
    model = HEADS[head]().eval()
    hidden_NH = torch.randn(5, 32)
    with torch.no_grad():
        starts, pieces = zip(*vocabulary_pieces(model, hidden_NH), strict=True)
        whole = vocabulary_logits(model, hidden_NH)
    assert list(starts) == list(range(0, 57, width))
    assert torch.allclose(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-5)


def test_a_head_that_is_more_than_a_matrix_gives_one_piece(monkeypatch):
    monkeypatch.setattr(vocabulary, "PIECE", 8)
    model = HEADS["plain"]()
    model.set_output_embeddings(torch.nn.Sequential(model.get_output_embeddings()))
    ((start, logits),) = vocabulary_pieces(model, torch.randn(5, 32))
    assert (start, logits.shape) == (0, (5, 57))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_mass_is_taken_in_at_least_fp32_whatever_the_block(dtype, monkeypatch):
    monkeypatch.setattr(vocabulary, "WIDE_AT_ONCE", 100)
    torch.manual_seed(0)
    logits = (torch.randn(9, 40) * 5).to(dtype)
    found = log_mass(logits)
    assert found.dtype == torch.promote_types(dtype, torch.float32)
    torch.testing.assert_close(found.double(), logits.double().logsumexp(-1), rtol=1e-6, atol=1e-6)
