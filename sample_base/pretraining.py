"""Training a small Llama from nothing on a stream of tokens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from muon import Muon
from torch import nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

FAST_BF16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is fixed before training begins."""

    seed: int = 0
    hidden: int = 192
    layers: int = 5
    heads: int = 4
    feed_forward: int = 512
    context_length: int = 512
    width: int = 256
    """Tokens of a training sequence."""
    sequences: int = 32
    """Sequences of a step."""
    steps: int = 1200
    warmup: int = 100
    muon_rate: float = 0.02
    """Learning rate of the matrices."""
    adam_rate: float = 3e-3
    """Learning rate of the embedding and the norms."""
    cooldown: float = 0.3
    """Share of the steps, at the end, over which the rates fall to nothing."""


def new_model(plan: Plan, *, vocabulary: int, special: dict[str, int]) -> LlamaForCausalLM:
    """The untrained model in fp32, with input and output embedding tied."""
    torch.manual_seed(plan.seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=plan.hidden,
        intermediate_size=plan.feed_forward,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        num_key_value_heads=plan.heads,
        max_position_embeddings=plan.context_length,
        tie_word_embeddings=True,
        attention_dropout=0.0,
        rms_norm_eps=1e-5,
        use_cache=False,
        bos_token_id=special["opening"],
        eos_token_id=special["closing"],
        pad_token_id=special["padding"],
    )
    return LlamaForCausalLM(config)


def train(
    model: LlamaForCausalLM, tokens_N: torch.Tensor, held_out_N: torch.Tensor, plan: Plan, *, every: int = 100
) -> Iterator[dict[str, Any]]:
    """Yields a line for the log every `every` steps and after the last one.

    Matrices inside the layers are moved by Muon, the embedding and the norms by AdamW. The weights stay in
    fp32; products run in bf16 where the processor has instructions for it.
    """
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    known = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in known]
    optimisers = [
        Muon(matrices, lr=plan.muon_rate),
        torch.optim.AdamW(others, lr=plan.adam_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    first_rates = [plan.muon_rate, plan.adam_rate]
    compiled = torch.compile(lambda batch: loss_of(model, batch), dynamic=False)
    order = torch.Generator().manual_seed(plan.seed)
    rows = (len(tokens_N) - 1) // plan.width
    queue = torch.empty(0, dtype=torch.long)
    started, seen = time.perf_counter(), 0
    for step in range(1, plan.steps + 1):
        if len(queue) < plan.sequences:
            queue = torch.cat([queue, torch.randperm(rows, generator=order)])
        picked, queue = queue[: plan.sequences], queue[plan.sequences :]
        batch_BT = torch.stack(
            [tokens_N[row * plan.width : (row + 1) * plan.width + 1] for row in picked.tolist()]
        )
        for optimiser, rate in zip(optimisers, first_rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * share_of_rate(step, plan)
        loss = compiled(batch_BT.long())
        loss.backward()
        nn.utils.clip_grad_norm_(others, 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        seen += batch_BT.numel() - len(batch_BT)
        if step % every == 0 or step == plan.steps:
            seconds = time.perf_counter() - started
            yield {
                "step": step,
                "tokens": seen,
                "loss": round(loss.item(), 4),
                "held_out_loss": round(held_out_loss(compiled, held_out_N, plan), 4),
                "seconds": round(seconds, 1),
                "tokens_per_s": round(seen / seconds),
            }


def share_of_rate(step: int, plan: Plan) -> float:
    """Warm-up, plateau, then a straight line to zero."""
    left = (plan.steps - step) / max(1, plan.steps * plan.cooldown)
    return min(1.0, step / plan.warmup, max(left, 0.0))


def loss_of(model: nn.Module, batch_BT: torch.Tensor) -> torch.Tensor:
    """Mean loss in nats of the next token, over the whole batch."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=FAST_BF16):
        logits_BTV = model(input_ids=batch_BT[:, :-1], use_cache=False).logits
    return functional.cross_entropy(logits_BTV.flatten(0, 1).float(), batch_BT[:, 1:].flatten())


@torch.no_grad()
def held_out_loss(compiled: Any, tokens_N: torch.Tensor, plan: Plan) -> float:
    """Mean loss on text that no step sees, in batches of the training's shape."""
    size = plan.sequences * plan.width
    batches = max(1, min(8, (len(tokens_N) - 1) // size))
    total = 0.0
    for number in range(batches):
        starts = [number * size + row * plan.width for row in range(plan.sequences)]
        total += compiled(torch.stack([tokens_N[s : s + plan.width + 1] for s in starts]).long()).item()
    return total / batches
