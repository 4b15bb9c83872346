"""What follows an optimiser step, whichever engine took it: evaluate, keep the best adapter, log, and tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from medadapt.core.errors import DivergedError
from medadapt.core.progress import Progress
from medadapt.core.recipe import TrainingSection
from medadapt.examples.token_sets import TokenSet
from medadapt.models.packed.decoder import PackedDecoder
from medadapt.training.engine import StepResult, TrainingState
from medadapt.training.memory import MemoryPlan
from medadapt.training.step_log import StepLog
from medadapt.training.trackers.opening import Trackers
from medadapt.training.validation import validation_loss

Preview = Callable[[], list[dict[str, str]]]
OnEvaluation = Callable[[int, float], None]
"""Called with a step and its validation loss."""
EVALUATIONS, FEWEST_EVALUATIONS = 10, 4
"""`eval_every: auto` measures so often in a training, or where that takes too long, at least so often."""
VALIDATION_SHARE = 0.25
"""Too long: more than so many rows validated for each that is trained on. A row validated is one forward pass, one
trained on about two, so that would be an eighth of a training's time (docs/decisions/0030)."""
TRACKED = ("loss", "learning_rate", "grad_norm", "validation_loss")


@dataclass(kw_only=True)
class Watch:
    """What one call of `train_adapter` works with, besides the engine."""

    training: TrainingSection
    model: nn.Module
    rows: TokenSet
    validation: TokenSet
    state: TrainingState
    folder: Path
    total_steps: int
    eval_every: int
    adapter: Callable[[], Mapping[str, Tensor]]
    """The adapter as it is now, under the names it has on the disk."""
    best: dict[str, Tensor]
    """The adapter with the lowest validation loss so far; empty before the first evaluation."""
    progress: Progress
    preview: Preview | None
    on_evaluation: OnEvaluation | None
    should_stop: Callable[[], bool]
    packed: PackedDecoder | None = None
    """The model's decoder for packed rows, where it has one and our own engine trains."""
    validation_memory: MemoryPlan | None = None
    """The smaller plan with which validation found memory, where that of the training was too large for it."""
    as_loaded: Callable[[], AbstractContextManager[None]] = nullcontext
    """Around a measurement: the model is as it will be when the adapter is loaded."""

    @property
    def is_over(self) -> bool:
        """Whether no step is left to take."""
        return self.state.step >= self.total_steps or self.state.stopped_early is not None


def after_step(watch: Watch, result: StepResult, log: StepLog, trackers: Trackers) -> None:
    """Evaluate where that is due, and tell what happened.

    Raises DivergedError where the validation loss is no number.
    """
    state, training = watch.state, watch.training
    last = result.step == watch.total_steps
    row = asdict(result)
    if len(watch.validation) and (result.step % watch.eval_every == 0 or last):
        row |= _evaluate(watch)
        if state.stopped_early is not None:
            row["stopped_early"] = True
    log.write(row)
    if result.step % training.log_every == 0 or last or "validation_loss" in row:
        trackers.scalars(result.step, {k: row[k] for k in TRACKED if row.get(k) is not None})
    validated = f", validation {state.best_loss:.3f} best" if state.best_loss is not None else ""
    speed = result.tokens / max(result.seconds, 1e-9)
    watch.progress.advance(1, f"loss {result.loss:.3f}{validated}, {speed:,.0f} tokens/s")
    if state.stopped_early is not None:
        watch.progress.note(
            f"Stopped early after step {state.stopped_early} of {watch.total_steps}: {state.without_better} "
            f"evaluations without a better validation loss than that of step {state.best_step}."
        )


def evaluation_interval(
    asked: str | int,
    *,
    epoch_steps: int,
    total_steps: int,
    num_trained: int,
    num_validated: int,
    is_counted: bool = False,
) -> int:
    """Steps between two evaluations of `num_validated` rows each, where `num_trained` are trained on in all epochs.

    Where `is_counted`, because early stopping or a search goes by their number, `auto` takes ten whatever they take.
    """
    if asked == "epoch":
        return epoch_steps
    if asked == "auto":
        affordable = math.ceil(VALIDATION_SHARE * num_trained / max(num_validated, 1))
        times = EVALUATIONS if is_counted else min(EVALUATIONS, max(FEWEST_EVALUATIONS, affordable))
        return max(1, min(epoch_steps, math.ceil(total_steps / times)))
    return int(asked)


def measured_loss(watch: Watch) -> float:
    """The validation loss of the adapter as it is. Raises DivergedError where it is no number."""
    with watch.as_loaded():
        loss = validation_loss(
            watch.model,
            watch.validation,
            watch.validation_memory or watch.state.memory,
            packed=watch.packed,
            on_less=partial(_validate_in_less, watch),
        )
    if not math.isfinite(loss):
        raise DivergedError(
            f"Training diverged: the validation loss after step {watch.state.step} is {loss}.",
            "a finite loss",
            "Lower training.learning_rate or use model.precision: fp32; then run again with --replace.",
        )
    return loss


def _validate_in_less(watch: Watch, plan: MemoryPlan) -> None:
    watch.validation_memory = plan
    watch.progress.note(
        f"Out of memory in validation: batches now hold {plan.micro_tokens} tokens; same loss."
    )


def _evaluate(watch: Watch) -> dict[str, Any]:
    """Measure the validation loss, keep the adapter if it is the best so far, and show a few answers."""
    state, patience = watch.state, watch.training.early_stopping
    loss = measured_loss(watch)
    better = state.best_loss is None or loss < state.best_loss
    if better:
        state.best_step, state.best_loss = state.step, loss
        watch.best = {name: t.detach().cpu().clone() for name, t in watch.adapter().items()}
    state.without_better = 0 if better else state.without_better + 1
    if patience is not None and state.without_better >= patience and state.step < watch.total_steps:
        state.stopped_early = state.step
    watch.progress.note(f"Step {state.step}: validation loss {loss:.4f}" + (" (best)" if better else ""))
    if watch.on_evaluation is not None:
        watch.on_evaluation(state.step, loss)
    figures: dict[str, Any] = {"validation_loss": loss}
    if watch.preview is not None:
        figures["preview"] = watch.preview()
    return figures
