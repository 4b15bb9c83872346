"""How many tokens go through the model at once: a function of recipe, data and total memory alone.

What happens to be free is not asked, so the same run on the same kind of machine is cut the same way.
The formulas are coarse upper estimates; running out of memory all the same halves the budget.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import nn

from medadapt.core.errors import ModelError
from medadapt.core.recipe import TrainingSection
from medadapt.models.forward import text_config
from medadapt.models.lora import lora_layers
from medadapt.models.packed.attention import LONGEST_WRITTEN_OUT
from medadapt.training.batches import input_device

ACTIVATION_SHARE = 0.35
"""Of the memory that the weights leave; the rest is for gradients, optimiser, logits and everybody else."""
MOST_TOKENS = {"cpu": 4096, "cuda": 32768}
"""Larger micro-batches gain nothing: the matrix products are already long enough to be quick."""
BUSY_TOKENS = {"cpu": 128, "cuda": 1024}
"""A micro-batch of so many keeps the device busy; only from there on is it worth the while to keep its activations and
recompute those of longer rows. Coarse, and for GPUs not measured."""
PADDING = {"cpu": 128, "cuda": 512}
"""Padding that costs about as much as a pass of its own, which reads all weights and starts all kernels anew
(docs/decisions/0029). For GPUs calculated, not measured."""
EAGER_BYTES = 10
"""What transformers' plain attention keeps for the backward pass, of each attention weight: its softmax is in fp32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """What decides the memory of a training step; part of every checkpoint."""

    micro_tokens: int
    checkpointing: bool = False
    """Whether activations are recomputed in the backward pass."""
    plain_tokens: int = 0
    """Where they are, micro-batches of at most so many tokens, padding counted, keep theirs all the same."""
    padding: int | None = None
    """Most tokens of padding in a micro-batch. None sets no bound: where rows are packed without any, and in
    checkpoints of before, whose trainings go on with the cut that they began with."""


def plan_memory(
    model: nn.Module, training: TrainingSection, *, longest: int, total_memory: int, is_packed: bool
) -> MemoryPlan:
    """Token budget and checkpointing for rows of at most `longest` tokens in `total_memory` bytes.

    Where only some rows are too long to keep their activations, those alone are computed twice.

    Of a base with layers in main memory only activations that are recomputed count as fitting: others hold on to the
    weights that visited the GPU, until it holds all of them.

    Raises ModelError where recomputing is asked for and the base cannot do it.
    """
    recomputes = can_recompute(model)
    if training.checkpointing == "on" and not recomputes:
        raise ModelError(
            f"{type(model).__name__} cannot recompute its activations, as training.checkpointing: on asks.",
            "an architecture whose layers transformers can run again in the backward pass",
            "Use training.checkpointing: off.",
        )
    kind = input_device(model).type
    room = max(total_memory - largest_share(model, kind), 0) * ACTIVATION_SHARE
    most = MOST_TOKENS.get(kind, MOST_TOKENS["cpu"])
    bytes_plain, bytes_checkpointed = (
        activation_bytes(model, checkpointing=some)
        + attention_bytes(model, kind, longest=longest, checkpointing=some)
        for some in (False, True)
    )
    fits_plain, fits_checkpointed = int(room / bytes_plain), int(room / bytes_checkpointed)
    too_long = training.checkpointing == "auto" and recomputes and fits_plain < longest
    offloaded = training.checkpointing == "auto" and recomputes and is_offloaded(model)
    busy = fits_plain >= BUSY_TOKENS.get(kind, BUSY_TOKENS["cpu"])
    some_keep = too_long and busy and not offloaded and training.backend == "native"
    checkpointing = training.checkpointing == "on" or too_long or offloaded
    fits = fits_checkpointed if checkpointing and not some_keep else fits_plain
    asked = training.micro_tokens
    return MemoryPlan(
        micro_tokens=max(1, min(fits, most)) if asked == "auto" else int(asked),
        checkpointing=checkpointing,
        plain_tokens=fits_plain if some_keep else 0,
        padding=None if is_packed else PADDING.get(kind, PADDING["cpu"]),
    )


def can_recompute(model: nn.Module) -> bool:
    """Whether the architecture can compute its activations again in the backward pass; a few cannot."""
    return bool(getattr(model, "supports_gradient_checkpointing", False))


def is_offloaded(model: nn.Module) -> bool:
    """Whether some layers lie in main memory and visit a GPU to work."""
    places = getattr(model, "hf_device_map", {}).values()
    return len(places) > 1 and "cpu" in map(str, places)


def largest_share(model: nn.Module, kind: str) -> int:
    """Bytes of weights on the device of this kind that holds most of them; offloaded ones lie elsewhere."""
    shares: Counter[torch.device] = Counter()
    for weight in model.parameters():
        if weight.device.type == kind:
            shares[weight.device] += weight.numel() * weight.element_size()
    return max(shares.values(), default=0)


def activation_bytes(model: nn.Module, *, checkpointing: bool) -> float:
    """Bytes kept for the backward pass for each token, estimated from the widths of adapted layers and MLPs."""
    config = text_config(model)
    size = torch.finfo(cast(torch.dtype, model.dtype)).bits / 8
    # Each adapted layer keeps its input, the silenced copy with its mask, and its output, each once at most.
    # The norms and the attention of a layer keep about eight hidden states more, and an MLP up to four times its inner
    # width, whether its layers are adapted or not: three times with a gate, four with a GELU written out as GPT-2's.
    layers = int(config.num_hidden_layers)
    # Where a configuration has another name for it, it mostly is four times the hidden width.
    inner = getattr(config, "intermediate_size", None) or 4 * int(config.hidden_size)
    inners = list(inner) if isinstance(inner, list | tuple) else [int(inner)] * layers
    widths = [(layer.lora_A.shape[1], layer.lora_B.shape[0]) for _, layer in lora_layers(model)]
    in_mlps = sum(sum(pair) for pair in widths if not set(inners).isdisjoint(pair))
    elsewhere = sum(map(sum, widths)) - in_mlps
    adapted = (elsewhere * 2 + max(in_mlps * 2, 4 * sum(inners))) * size
    rest = layers * 8 * int(config.hidden_size) * size
    per_layer = (adapted + rest) / layers
    if checkpointing:
        return layers * int(config.hidden_size) * size + per_layer
    return adapted + rest


def attention_bytes(model: nn.Module, kind: str, *, longest: int, checkpointing: bool) -> float:
    """Bytes of attention weights kept for each token.

    That is on a CPU, where short rows are attended to in plain products, and on every device where the base has no
    fused attention.
    """
    config = text_config(model)
    layers = 1 if checkpointing else int(config.num_hidden_layers)
    weights = layers * int(getattr(config, "num_attention_heads", 0))
    if getattr(config, "_attn_implementation", None) == "eager":
        return weights * longest * EAGER_BYTES
    if kind != "cpu":
        return 0.0
    size = torch.finfo(cast(torch.dtype, model.dtype)).bits / 8
    return weights * min(longest, LONGEST_WRITTEN_OUT) * size


def halved(
    plan: MemoryPlan, *, tried_tokens: int, may_recompute: bool = False, kind: str = "example"
) -> MemoryPlan:
    """The plan after micro-batches of several rows with up to `tried_tokens` padded tokens were too much.

    Raises ModelError when there was none, so that a single row does not fit; `kind` is what it calls the row. Its
    remedy names recomputed activations where they are still a way out (`may_recompute`).
    """
    if tried_tokens == 0:
        recompute = "training.checkpointing: on, " if may_recompute else ""
        raise ModelError(
            f"One {kind} alone does not fit into memory.",
            "room for one example",
            f"Use {recompute}a smaller examples.max_length, nf4 weights, or a smaller base.",
        )
    return replace(plan, micro_tokens=max(1, min(plan.micro_tokens, tried_tokens) // 2))


def give_back_memory() -> None:
    """Hand memory that torch keeps for later back to the GPU, so that smaller pieces find room."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def switch_recomputation(model: nn.Module, *, on: bool) -> None:
    """Whether the next pass of a model that was told to recompute its activations does so."""
    for module in model.modules():
        if hasattr(module, "gradient_checkpointing"):
            cast(Any, module).gradient_checkpointing = on


def recompute_activations(model: nn.Module) -> None:
    """Switch on the recomputation of activations, under the name this transformers version has for it."""
    options = {"use_reentrant": False}
    if is_offloaded(model):
        # Else recomputing a layer ends by an exception at its last saved tensor, before the hook that sends the
        # weight at work there back to main memory.
        options["early_stop"] = False
    if hasattr(model, "activation_checkpointing_enable"):
        cast(Any, model).activation_checkpointing_enable(options)
    else:
        cast(Any, model).gradient_checkpointing_enable(options)
