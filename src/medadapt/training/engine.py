"""The training loop: a generator that yields after every optimiser step.

It computes and nothing else. Whoever drives it shows, saves and stops. The gradient of a step is that of
the summed loss of its answer tokens divided by their number in the whole step, however the step is cut
into micro-batches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from medadapt.core.errors import DataError, DivergedError, ModelError
from medadapt.core.recipe import TrainingSection
from medadapt.examples.masking import IGNORED
from medadapt.examples.token_sets import TokenSet
from medadapt.models.device import is_out_of_memory
from medadapt.models.lora import LoraLinear, lora_layers
from medadapt.models.packed.decoder import PackedDecoder
from medadapt.models.repeated_heads import repeated_heads
from medadapt.models.short_attention import plain_for_short_rows
from medadapt.training.batches import Row, cut_by_tokens, input_device, number_of_steps, rows_of_step
from medadapt.training.loss import rows_nll
from medadapt.training.memory import (
    MemoryPlan,
    can_recompute,
    give_back_memory,
    halved,
    recompute_activations,
    switch_recomputation,
)
from medadapt.training.scaling import LossScale, after_step, check_skips
from medadapt.training.schedule import learning_rate, warmup_steps


@dataclass(kw_only=True)
class TrainingState:
    """All that changes while training, besides the adapter and the optimiser's moments."""

    step: int = 0
    """Optimiser steps done."""
    memory: MemoryPlan
    scale: LossScale
    best_step: int | None = None
    best_loss: float | None = None
    """Lowest validation loss so far, in nats per token."""
    without_better: int = 0
    """Evaluations since the best one."""
    stopped_early: int | None = None
    """The step after which training ended before its plan, because the validation loss no longer fell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What one optimiser step did."""

    step: int
    loss: float
    """Nats per answer token."""
    learning_rate: float
    grad_norm: float | None
    """Before clipping; None where it overflowed."""
    tokens: int
    """Real tokens read, padding not counted."""
    supervised: int
    """Answer tokens learned."""
    seconds: float
    skipped: bool
    """fp16 only: the gradient overflowed and the weights were left alone."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A model, its optimiser and the rows to learn from."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    training: TrainingSection
    rows: TokenSet
    seed: int
    max_steps: int | None = None
    packed: PackedDecoder | None = None
    """The model's decoder for packed rows, where it has one."""

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return [weight for group in self.optimizer.param_groups for weight in group["params"]]

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole training."""
        steps = number_of_steps(len(self.rows), self.training.batch_size, self.training.epochs)
        return steps if self.max_steps is None else min(steps, self.max_steps)


class TooLargeError(Exception):
    """A micro-batch of so many rows of at most `longest` tokens finds no memory."""

    def __init__(self, *, num_rows: int, longest: int) -> None:
        super().__init__(f"{num_rows} rows of at most {longest} tokens find no memory")
        self.num_rows = num_rows
        self.longest = longest

    @property
    def tokens(self) -> int:
        """Padding counted."""
        return self.num_rows * self.longest


def train_steps(engine: Engine, state: TrainingState, *, note: Callable[[str], None]) -> Iterator[StepResult]:
    """Train from `state.step` on, one optimiser step at a time; `state` is kept up to date.

    Raises:
        DataError: the records of a step have nothing to learn.
        DivergedError: the loss or the gradient is not finite; the weights are those of the step before.
        ModelError: one example alone does not fit into memory, or layers get no gradient.
    """
    engine.model.train()
    while state.step < engine.total_steps:
        started = time.perf_counter()
        step = state.step + 1
        places = rows_of_step(
            step, num_rows=len(engine.rows), batch_size=engine.training.batch_size, seed=engine.seed
        )
        rows = engine.rows.rows(places)
        _check_learned(rows, step)
        loss = _gradient_that_fits(engine, rows, state, step=step, note=note)
        gradients = [weight.grad for weight in engine.parameters if weight.grad is not None]
        norm = _unscaled_norm(gradients, state.scale.scale)
        _check_finite(loss, norm, step, rows, dynamic=state.scale.dynamic)
        rate = _rate(engine, step)
        overflowed = not math.isfinite(norm)
        if not overflowed:
            _check_gradients_arrive(engine.model, step - state.scale.skipped)
            _clip(gradients, norm, engine.training.max_grad_norm)
            for group in engine.optimizer.param_groups:
                group["lr"] = rate
            _step(engine.optimizer)
        engine.optimizer.zero_grad(set_to_none=True)
        del gradients  # else they stay in memory until the next step has its own
        state.scale = after_step(state.scale, overflowed=overflowed)
        check_skips(state.scale, step)
        state.step = step
        yield StepResult(
            step=step,
            loss=loss,
            learning_rate=rate,
            grad_norm=None if overflowed else norm,
            tokens=sum(len(row["input_ids"]) for row in rows),
            supervised=num_supervised(rows),
            seconds=time.perf_counter() - started,
            skipped=overflowed,
        )


def accumulate_gradient(
    model: nn.Module,
    rows: Sequence[Row],
    *,
    memory: MemoryPlan,
    step: int,
    seed: int,
    scale: float = 1.0,
    packed: PackedDecoder | None = None,
) -> float:
    """Add the gradient of one optimiser step to `.grad`; returns its loss in nats per answer token.

    The gradient is multiplied by `scale`. The loss is read from the device once, at the end.

    Raises TooLargeError for the micro-batch with which memory ran out; micro-batches before it have left their
    gradients.
    """
    device = input_device(model)
    supervised = num_supervised(rows)
    lengths = [len(row["input_ids"]) for row in rows]
    total = torch.zeros((), dtype=torch.float64, device="cpu" if device.type == "mps" else device)
    with _suited_attention(model) if packed is None else nullcontext():
        for micro, places in enumerate(cut_by_tokens(lengths, memory.micro_tokens, padding=memory.padding)):
            again = memory.checkpointing and len(places) * lengths[places[0]] > memory.plain_tokens
            if memory.checkpointing and memory.plain_tokens:
                switch_recomputation(model, on=again)
            loss = None
            try:
                loss = rows_nll(
                    model,
                    [rows[place] for place in places],
                    packed=packed,
                    factor=scale / supervised,
                    mask_seed=mask_seed(seed=seed, step=step, micro=micro),
                    recompute=again,
                )
                loss.backward()
                total += loss.detach().to(total.device)
            except (RuntimeError, MemoryError) as problem:
                if not is_out_of_memory(problem):
                    raise
                fits = False
            else:
                fits = True
            del loss  # and with it the graph, before the next micro-batch makes its own
            # Outside of the handler, so that no exception holds the tensors that filled the memory.
            if not fits:
                raise TooLargeError(num_rows=len(places), longest=lengths[places[0]])
    return float(total) / scale


@contextmanager
def _suited_attention(model: nn.Module) -> Iterator[None]:
    """Within it, transformers' own modules use the attention that suits the device."""
    with plain_for_short_rows(model), repeated_heads(model):
        yield


def mask_seed(*, seed: int, step: int, micro: int) -> int:
    """What the dropout masks of a micro-batch are drawn from.

    Layers add their own number below 2**20 to it, so no two masks of a training are the same.
    """
    return ((seed * 1_000_003 + step) * 4096 + micro) << 20


def num_supervised(rows: Sequence[Row]) -> int:
    """Tokens that are learned in these rows. The first token of a row has nothing to be predicted from."""
    return sum(int(np.count_nonzero(np.asarray(row["labels"])[1:] != IGNORED)) for row in rows)


def _check_learned(rows: Sequence[Row], step: int) -> None:
    if num_supervised(rows) == 0:
        raise DataError(
            f"Step {step} has no answer token to learn from, on records {', '.join(row['id'] for row in rows)}.",
            "an answer of at least one token in some record of every step",
            "Run `medadapt encode` on the run again: it leaves such records out and says so.",
        )


def _gradient_that_fits(
    engine: Engine, rows: Sequence[Row], state: TrainingState, *, step: int, note: Callable[[str], None]
) -> float:
    """The step's gradient, in smaller micro-batches each time memory runs out."""
    while True:
        try:
            return accumulate_gradient(
                engine.model,
                rows,
                memory=state.memory,
                step=step,
                seed=engine.seed,
                scale=state.scale.scale,
                packed=engine.packed,
            )
        except TooLargeError as problem:
            failed = problem
        engine.model.zero_grad(set_to_none=True)
        give_back_memory()
        before = state.memory
        state.memory = _less_memory(engine, before, failed)
        if state.memory.micro_tokens == before.micro_tokens:
            how = f"activations of {failed.tokens:,} tokens or more at once are now recomputed in the backward pass"
        else:
            how = f"micro-batches now hold {state.memory.micro_tokens} tokens"
        note(f"Out of memory in step {step}: {how}; same gradient.")


def _less_memory(engine: Engine, plan: MemoryPlan, failed: TooLargeError) -> MemoryPlan:
    """A plan that needs less: half of a micro-batch of several rows, or a row alone with recomputed activations.

    What fitted stays as it is, so that one long row does not make every later step slow. Raises ModelError where
    neither is left.
    """
    if failed.num_rows > 1:
        return halved(plan, tried_tokens=failed.tokens)
    kept_its_own = not plan.checkpointing or failed.tokens <= plan.plain_tokens
    may_recompute = kept_its_own and can_recompute(engine.model)
    if may_recompute and engine.training.checkpointing == "auto":
        if not plan.checkpointing:
            recompute_activations(engine.model)  # of rows that packed layers do not take
        return replace(plan, checkpointing=True, plain_tokens=failed.tokens - 1)
    return halved(plan, tried_tokens=0, may_recompute=may_recompute)


def _unscaled_norm(gradients: list[Tensor], scale: float) -> float:
    """Length of the whole gradient, after dividing it by the loss scale in place."""
    if scale != 1.0:
        torch._foreach_mul_(gradients, 1.0 / scale)
    return float(torch.nn.utils.get_total_norm(gradients))


def _clip(gradients: list[Tensor], norm: float, most: float | None) -> None:
    if most is not None and norm > most:
        torch._foreach_mul_(gradients, most / norm)


def _check_finite(loss: float, norm: float, step: int, rows: Sequence[Row], *, dynamic: bool) -> None:
    """An infinite gradient is normal under dynamic scaling, a loss that is no number never is."""
    if math.isfinite(loss) and (dynamic or math.isfinite(norm)):
        return
    what = f"loss is {loss}" if not math.isfinite(loss) else f"gradient norm is {norm}"
    ids = ", ".join(row["id"] for row in rows)
    raise DivergedError(
        f"Training diverged: the {what} in step {step}, on records {ids}. The weights are those of step {step - 1}.",
        "a finite loss and gradient",
        "Lower training.learning_rate, look at these records, or use model.precision: fp32; then run again.",
    )


def _check_gradients_arrive(model: nn.Module, learning_step: int) -> None:
    """After the first step every B has had a gradient, after the second every A: else layers are cut off."""
    if learning_step not in {1, 2}:
        return
    dtype = cast(torch.dtype, model.dtype)
    refuse_cut_off(
        [name for name, layer in lora_layers(model) if not _is_reached(layer, learning_step, dtype)]
    )


def refuse_cut_off(layers: Sequence[str]) -> None:
    """Raise ModelError where adapted layers, by their names, get no gradient."""
    if layers:
        raise ModelError(
            f"{len(layers)} adapted layers get no gradient, the first is {layers[0]}.",
            "a gradient in every adapted layer",
            "Leave these layers out of lora.targets, or choose another base.",
        )


def _is_reached(layer: LoraLinear, learning_step: int, dtype: torch.dtype) -> bool:
    """Whether the matrix of a layer that should have a gradient in this step got one.

    In fp16 a B is still zero after a very small first step, and then A has no gradient yet.
    """
    if learning_step == 1:
        return layer.lora_B.grad is not None and bool(layer.lora_B.grad.any())
    if not layer.lora_B.to(dtype).any():
        return True
    return layer.lora_A.grad is not None and bool(layer.lora_A.grad.any())


def _step(optimizer: torch.optim.Optimizer) -> None:
    """The first step allocates the moments; a step cannot be taken in smaller pieces."""
    try:
        optimizer.step()
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
        raise ModelError(
            "The optimiser's state does not fit into memory beside the model.",
            "twice the adapter's size in fp32",
            "Use a smaller lora.rank, fewer lora.targets, nf4 weights, or a smaller base.",
        ) from problem


def _rate(engine: Engine, step: int) -> float:
    total = engine.total_steps
    return learning_rate(
        step,
        total=total,
        peak=engine.training.learning_rate,
        schedule=engine.training.schedule,
        warmup_steps=warmup_steps(engine.training, total),
    )
