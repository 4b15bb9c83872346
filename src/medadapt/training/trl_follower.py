"""What TRL's trainer logs of a step, as our own record of it."""

from __future__ import annotations

import math
import time
from typing import Any

from transformers import TrainerCallback

from medadapt.core.errors import DivergedError
from medadapt.training import scaling
from medadapt.training.batches import rows_of_step
from medadapt.training.engine import StepResult, num_supervised, refuse_cut_off
from medadapt.training.step_log import StepLog
from medadapt.training.trackers.opening import Trackers
from medadapt.training.watch import Watch, after_step


class Follower(TrainerCallback):
    """Turns what the trainer logs of a step into our record of it."""

    def __init__(self, watch: Watch, *, seed: int, log: StepLog, trackers: Trackers) -> None:
        self._watch, self._seed, self._log, self._trackers = watch, seed, log, trackers
        self._started = 0.0
        self.stopped = False
        self.trainer: Any = None

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._started = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Take the rate on, which the trainer keeps where it skips a step; ours depends on the step's number alone."""
        if self.trainer.accelerator.optimizer_step_was_skipped:
            self.trainer.lr_scheduler.step()

    def on_log(self, _args: Any, state: Any, control: Any, *, logs: dict[str, float], **_: Any) -> None:
        if "loss" not in logs:
            return  # the trainer's closing summary
        watch, step = self._watch, int(state.global_step)
        places = rows_of_step(
            step, num_rows=len(watch.rows), batch_size=watch.training.batch_size, seed=self._seed
        )
        rows = watch.rows.rows(places)
        skipped = bool(self.trainer.accelerator.optimizer_step_was_skipped)
        norm = float(logs["grad_norm"])
        _check_finite(float(logs["loss"]), norm, step, skipped=skipped)
        watch.state.step = step
        watch.state.scale = scaling.after_step(watch.state.scale, overflowed=skipped)
        scaling.check_skips(watch.state.scale, step)
        if not skipped and step - watch.state.scale.skipped == 1:
            _check_gradients_arrived(watch)
        result = StepResult(
            step=step,
            loss=float(logs["loss"]),
            learning_rate=float(logs["learning_rate"]),
            grad_norm=norm if math.isfinite(norm) else None,
            tokens=sum(len(row["input_ids"]) for row in rows),
            supervised=num_supervised(rows),
            seconds=time.perf_counter() - self._started,
            skipped=skipped,
        )
        after_step(watch, result, self._log, self._trackers)
        self.stopped = not watch.is_over and watch.should_stop()
        if watch.is_over or self.stopped:
            control.should_training_stop = True


def _check_gradients_arrived(watch: Watch) -> None:
    """After the first step no B is zero, as it is in a new adapter: any gradient moves it. Else layers are cut off."""
    still_zero = [name for name, tensor in watch.adapter().items() if "lora_B" in name and not tensor.any()]
    refuse_cut_off([name.removeprefix("base_model.model.").partition(".lora_B")[0] for name in still_zero])


def _check_finite(loss: float, norm: float, step: int, *, skipped: bool) -> None:
    if math.isfinite(loss) and (skipped or math.isfinite(norm)):
        return
    raise DivergedError(
        f"Training diverged: in step {step} the loss is {loss} and the gradient norm {norm}.",
        "a finite loss and gradient",
        "Lower training.learning_rate, or use model.precision: fp32; then run again.",
    )
