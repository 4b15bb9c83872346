"""Examples -> Adapter: drive the engine, show, save and stop, and go on where an earlier session ended."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medadapt.core.errors import DivergedError, RunFolderError, StoppedError
from medadapt.core.hashes import sha256_object
from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe
from medadapt.examples.token_sets import TokenSet
from medadapt.models.adapter import new_adapter, save_config, save_weights
from medadapt.models.loading import LoadedBase
from medadapt.models.lora import adapter_tensors, put_adapter_tensors
from medadapt.training.batches import steps_per_epoch
from medadapt.training.checkpoints import Checkpoint, newest_checkpoint, save_checkpoint
from medadapt.training.engine import Engine, StepResult, TrainingState, train_steps
from medadapt.training.memory import MemoryPlan, plan_memory, recompute_activations
from medadapt.training.optimizer import make_optimizer, optimizer_tensors, put_optimizer_tensors
from medadapt.training.scaling import LossScale, first_scale
from medadapt.training.step_log import StepLog
from medadapt.training.trackers import Tracker, open_tracker
from medadapt.training.validation import validation_loss

Preview = Callable[[], list[dict[str, str]]]
EVALUATIONS = 10
"""`eval_every: auto` measures at least about so often in a training, and at least once an epoch."""


@dataclass(kw_only=True)
class _Session:
    """What one call of `train_adapter` works with."""

    engine: Engine
    state: TrainingState
    validation: TokenSet
    folder: Path
    identity: str
    best: dict[str, Tensor]
    threads: int
    precision: str
    eval_every: int
    save_every: int
    progress: Progress
    saved_step: int = 0
    """The last step whose checkpoint is on the disk."""


def train_adapter(
    recipe: Recipe,
    *,
    examples: Path,
    base: LoadedBase,
    folder: Path,
    max_steps: int | None = None,
    preview: Preview | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Progress,
) -> dict[str, Any]:
    """Train a LoRA adapter on `examples` and write it to `folder` in PEFT's format.

    Goes on from the newest valid checkpoint in `folder/checkpoints`; bit for bit as if it had never been
    interrupted, given the same device type and number of threads. `preview` returns a few answers of the
    model as it is; it is called at each evaluation. `should_stop` is asked after every step.

    Returns steps, best_step, best_validation_loss, micro_tokens, checkpointing, threads, seconds, skipped,
    and `trainable` {parameters, total, share}.

    Raises:
        DivergedError: the loss or gradient is no longer finite; the last checkpoint is intact.
        StoppedError: `should_stop` said so; a checkpoint of the last step is saved.
    """
    started = time.perf_counter()
    layers = new_adapter(base, recipe.lora, seed=recipe.seed)
    save_config(base, recipe.lora, layers, folder)
    trainable = count_parameters(base)
    progress.note(
        f"Trainable: {trainable['parameters']:,} of {trainable['total']:,} parameters ({trainable['share']:.2%}) "
        f"in {len(layers.names)} layers ({', '.join(layers.peft_targets[:8])})"
    )
    session = _open_session(
        recipe, base, examples=examples, folder=folder, max_steps=max_steps, progress=progress
    )
    _resume(session)
    _drive(session, preview=preview, should_stop=should_stop)
    best = session.best or dict(adapter_tensors(base.model))  # the last step, where nothing was evaluated
    save_weights(best, folder)
    state = session.state
    return {
        "steps": state.step,
        "best_step": state.best_step,
        "best_validation_loss": state.best_loss,
        "micro_tokens": state.memory.micro_tokens,
        "checkpointing": state.memory.checkpointing,
        "threads": session.threads,
        "seconds": time.perf_counter() - started,
        "skipped": state.scale.skipped,
        "trainable": trainable,
    }


def _drive(session: _Session, *, preview: Preview | None, should_stop: Callable[[], bool]) -> None:
    """Take every step that is left; show, evaluate and save where that is due."""
    engine, state, progress = session.engine, session.state, session.progress
    tracking, folder = engine.training.tracking, session.folder
    progress.start("Training", engine.total_steps)
    progress.advance(state.step)
    with (
        StepLog(folder / "steps.jsonl", after_step=state.step) as log,
        open_tracker(tracking, folder / "tensorboard", after_step=state.step) as tracker,
    ):
        for result in train_steps(engine, state, note=progress.note):
            _after_step(session, result, log, tracker, preview)
            if should_stop() and state.step < engine.total_steps:
                _save(session)
                raise StoppedError(
                    f"Training stopped after step {state.step} of {engine.total_steps}; everything is saved.",
                    "",
                    "Run the same command again to go on.",
                )
    progress.finish()


def count_parameters(base: LoadedBase) -> dict[str, Any]:
    """Trained parameters, all parameters (4-bit weights counted unpacked), and their ratio."""
    trained = sum(p.numel() for p in base.model.parameters() if p.requires_grad)
    total = sum(
        math.prod(state.shape) if (state := getattr(p, "quant_state", None)) is not None else p.numel()
        for p in base.model.parameters()
    )
    return {"parameters": trained, "total": total, "share": trained / total}


def evaluation_interval(asked: str | int, *, epoch_steps: int, total_steps: int) -> int:
    """Steps between two evaluations."""
    if asked == "epoch":
        return epoch_steps
    if asked == "auto":
        return min(epoch_steps, math.ceil(total_steps / EVALUATIONS))
    return int(asked)


def _open_session(
    recipe: Recipe,
    base: LoadedBase,
    *,
    examples: Path,
    folder: Path,
    max_steps: int | None,
    progress: Progress,
) -> _Session:
    rows, validation = TokenSet(examples / "train"), TokenSet(examples / "validation")
    training = recipe.training
    parameters = adapter_tensors(base.model)
    engine = Engine(
        model=base.model,
        optimizer=make_optimizer(parameters, weight_decay=training.weight_decay),
        training=training,
        rows=rows,
        seed=recipe.seed,
        max_steps=max_steps,
    )
    longest = int(max(rows.lengths.max(), validation.lengths.max() if len(validation) else 0))
    memory = plan_memory(
        base.model, training, longest=longest, total_memory=base.facts["device"]["total_memory"]
    )
    epoch_steps = steps_per_epoch(len(rows), training.batch_size)
    save_every = epoch_steps if training.save_every in {"auto", "epoch"} else int(training.save_every)
    identity = {
        "training": training.model_dump(mode="json", exclude={"log_every", "keep", "tracking", "save_every"}),
        "lora": recipe.lora.model_dump(mode="json"),
        "seed": recipe.seed,
        "steps": engine.total_steps,
        "base": base.sha256,
        "rows": rows.fingerprint,
        "validation": validation.fingerprint,
    }
    return _Session(
        engine=engine,
        precision=base.facts["precision"]["got"],
        state=TrainingState(memory=memory, scale=first_scale(base.facts["precision"]["got"])),
        validation=validation,
        folder=folder,
        identity=sha256_object(identity),
        best={},
        threads=torch.get_num_threads(),
        eval_every=evaluation_interval(
            training.eval_every, epoch_steps=epoch_steps, total_steps=engine.total_steps
        ),
        save_every=save_every,
        progress=progress,
    )


def _resume(session: _Session) -> None:
    """Take over the newest valid checkpoint of this very training, if there is one."""
    note, engine = session.progress.note, session.engine
    checkpoint = newest_checkpoint(session.folder / "checkpoints", note=note)
    if checkpoint is not None and checkpoint.state["identity"] != session.identity:
        raise RunFolderError(
            f"The checkpoints in {session.folder / 'checkpoints'} belong to another training.",
            "checkpoints of the same recipe, base and examples",
            "Repeat the command with --replace to train anew, or choose another folder with -o.",
        )
    if checkpoint is not None:
        saved = checkpoint.state
        put_adapter_tensors(engine.model, dict(checkpoint.adapter))
        put_optimizer_tensors(engine.optimizer, adapter_tensors(engine.model), checkpoint.optimizer)  # type: ignore[arg-type]
        session.state = TrainingState(
            step=checkpoint.step,
            memory=MemoryPlan(**saved["memory"]),
            scale=LossScale(**saved["scale"]),
            best_step=saved["best_step"],
            best_loss=saved["best_loss"],
        )
        session.best = dict(checkpoint.best)
        session.saved_step = checkpoint.step
        note(f"Going on from step {checkpoint.step} of {engine.total_steps}.")
        now, before = (
            f"{_device_type(session)} {session.precision}",
            f"{saved['device']} {saved['precision']}",
        )
        if now != before:
            session.state.scale = first_scale(session.precision)
            note(
                f"This session works on {now}, the one before on {before}: the result is no longer bit-exact."
            )
        if saved["threads"] != session.threads:
            torch.set_num_threads(saved["threads"])
            session.threads = saved["threads"]
            note(f"Using {saved['threads']} threads as before, so that the result is the same.")
    if session.state.memory.checkpointing:
        recompute_activations(engine.model)


def _after_step(
    session: _Session, result: StepResult, log: StepLog, tracker: Tracker, preview: Preview | None
) -> None:
    """Evaluate and save where that is due, and tell what happened."""
    engine, state, training = session.engine, session.state, session.engine.training
    last = result.step == engine.total_steps
    row = asdict(result)
    if len(session.validation) and (result.step % session.eval_every == 0 or last):
        row |= _evaluate(session, preview)
    log.write(row)
    if result.step % training.log_every == 0 or last or "validation_loss" in row:
        tracker.scalars(
            result.step,
            {k: row[k] for k in ("loss", "learning_rate", "grad_norm", "validation_loss") if k in row},
        )
    validated = f", validation {state.best_loss:.3f} best" if state.best_loss is not None else ""
    speed = result.tokens / max(result.seconds, 1e-9)
    session.progress.advance(1, f"loss {result.loss:.3f}{validated}, {speed:,.0f} tokens/s")
    if result.step % session.save_every == 0 or last:
        _save(session)


def _evaluate(session: _Session, preview: Preview | None) -> dict[str, Any]:
    """Measure the validation loss, keep the adapter if it is the best so far, and show a few answers."""
    engine, state = session.engine, session.state
    loss = validation_loss(engine.model, session.validation, state.memory)
    if not math.isfinite(loss):
        raise DivergedError(
            f"Training diverged: the validation loss after step {state.step} is {loss}.",
            "a finite loss",
            "Lower training.learning_rate or use model.precision: fp32; then run again with --replace.",
        )
    if state.best_loss is None or loss < state.best_loss:
        state.best_step, state.best_loss = state.step, loss
        session.best = {name: p.detach().cpu().clone() for name, p in adapter_tensors(engine.model).items()}
    session.progress.note(
        f"Step {state.step}: validation loss {loss:.4f}"
        + (" (best)" if state.best_step == state.step else "")
    )
    figures: dict[str, Any] = {"validation_loss": loss}
    if preview is not None:
        figures["preview"] = preview()
    return figures


def _save(session: _Session) -> None:
    """Write a checkpoint of the step just done, once."""
    engine, state = session.engine, session.state
    if session.saved_step == state.step:
        return
    parameters = adapter_tensors(engine.model)
    save_checkpoint(
        session.folder / "checkpoints",
        Checkpoint(
            step=state.step,
            state={
                "identity": session.identity,
                "memory": asdict(state.memory),
                "scale": asdict(state.scale),
                "best_step": state.best_step,
                "best_loss": state.best_loss,
                "threads": session.threads,
                "device": _device_type(session),
                "precision": session.precision,
            },
            adapter=parameters,
            optimizer=optimizer_tensors(engine.optimizer, parameters),  # type: ignore[arg-type]
            best=session.best,
        ),
        keep=engine.training.keep,
    )
    session.saved_step = state.step


def _device_type(session: _Session) -> str:
    return str(next(session.engine.model.parameters()).device.type)
