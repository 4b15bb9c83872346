"""Examples -> Adapter: begin or go on with a training, by the engine of the recipe, and write the adapter."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medadapt.core.errors import DataError
from medadapt.core.hashes import sha256_object
from medadapt.core.progress import Progress
from medadapt.core.recipe import HOW_A_STEP_IS_CUT, Recipe, TrainingSection
from medadapt.examples.token_sets import TokenSet
from medadapt.models.adapter import save_config, save_weights, start_adapter
from medadapt.models.loading import LoadedBase
from medadapt.models.lora import adapter_tensors
from medadapt.models.packed.decoder import packed_decoder
from medadapt.training.batches import number_of_steps, steps_per_epoch
from medadapt.training.engine import TrainingState
from medadapt.training.memory import plan_memory
from medadapt.training.native_backend import native_backend, train_natively
from medadapt.training.scaling import first_scale
from medadapt.training.schedule import warmup_steps
from medadapt.training.step_log import StepLog
from medadapt.training.trackers.opening import check_trackers, open_trackers
from medadapt.training.trackers.parameters import tracked_parameters
from medadapt.training.trainer_settings import check_trainer_settings
from medadapt.training.watch import OnEvaluation, Preview, Watch, evaluation_interval, measured_loss

WITHOUT_EFFECT_ON_WEIGHTS = {"log_every", "keep", "tracking", "save_every"}
CUT_BY_ITSELF: Mapping[str, Any] = dict.fromkeys(HOW_A_STEP_IS_CUT, "auto")
"""Steps that are cut otherwise have the same gradient, so a training may go on with them; its identity says `auto`."""


def train_adapter(
    recipe: Recipe,
    *,
    examples: Path,
    base: LoadedBase,
    folder: Path,
    max_steps: int | None = None,
    preview: Preview | None = None,
    on_evaluation: OnEvaluation | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    concurrent: int = 1,
    progress: Progress,
) -> dict[str, Any]:
    """Train a LoRA adapter on `examples` and write it to `folder` in PEFT's format.

    Goes on from the newest valid checkpoint in `folder/checkpoints`; on the same CPU with the same torch and number
    of threads bit for bit as if it had never been interrupted. A GPU adds up in another order each time, and one of
    another kind draws other dropout masks. `preview` returns a few answers of the model as it is; it is
    called at each evaluation, and so is `on_evaluation`, with the step and its validation loss.
    `should_stop` is asked after every step. Of the device's memory it plans with what is its share where `concurrent`
    trainings run there. With `training.epochs: 0` no step is taken: the validation loss is measured, and the adapter
    written as it came.

    Returns steps, best_step, best_validation_loss, stopped_early, micro_tokens, checkpointing, threads,
    seconds, skipped, backend, with TRL what is particular to it, and `trainable` {parameters, total, share}.

    Raises:
        DivergedError: the loss or gradient is no longer finite; the last checkpoint is intact.
        StoppedError: `should_stop` said so; a checkpoint of the last step is saved.
        RecipeError: a tracker is missing, or a setting of TRL is unknown.
        DataError: early stopping is asked for without validation examples.
    """
    started = time.perf_counter()
    training = recipe.training
    check_trackers(training.tracking)
    check_trainer_settings(recipe)
    trainable = _begin_adapter(recipe, base, folder, progress)
    watch = Watch(
        **_plan(
            recipe,
            base,
            examples=examples,
            max_steps=max_steps,
            concurrent=concurrent,
            is_counted=training.early_stopping is not None or on_evaluation is not None,
        ),
        folder=folder,
        adapter=lambda: adapter_tensors(base.model),
        best={},
        progress=progress,
        preview=preview,
        on_evaluation=on_evaluation,
        should_stop=should_stop,
    )
    if max_steps is None:  # a smoke run is short by nature
        _tell_of_cut_warmup(training, watch.total_steps, progress)
    particulars: dict[str, Any] = {}
    if watch.total_steps == 0:
        _only_measure(watch)
    else:
        particulars = _train(recipe, base, watch, examples=examples)
    # Where nothing was evaluated, the last step is kept.
    save_weights(watch.best or dict(watch.adapter()), folder)
    seconds = time.perf_counter() - started
    return {**_how_it_went(watch), "seconds": seconds, "trainable": trainable, **particulars}


def _begin_adapter(recipe: Recipe, base: LoadedBase, folder: Path, progress: Progress) -> dict[str, Any]:
    """Put the adapter into the base and its config into `folder`; returns what is trainable now."""
    layers = start_adapter(base, recipe.lora, seed=recipe.seed, adapter=recipe.model.adapter)
    save_config(base, recipe.lora, layers, folder)
    trainable = count_parameters(base)
    progress.note(
        f"Trainable: {trainable['parameters']:,} of {trainable['total']:,} parameters ({trainable['share']:.2%}) "
        f"in {len(layers.names)} layers ({', '.join(layers.peft_targets[:8])})"
    )
    return trainable


def _how_it_went(watch: Watch) -> dict[str, Any]:
    """Facts of a training that has ended."""
    state = watch.state
    return {
        "backend": watch.training.backend,
        "steps": state.step,
        "best_step": state.best_step,
        "best_validation_loss": state.best_loss,
        "stopped_early": state.stopped_early,
        "micro_tokens": state.memory.micro_tokens,
        "padding": state.memory.padding,
        "checkpointing": state.memory.checkpointing,
        "threads": torch.get_num_threads(),
        "skipped": state.scale.skipped,
    }


def count_parameters(base: LoadedBase) -> dict[str, Any]:
    """Trained parameters, all parameters (4-bit weights counted unpacked), and their ratio."""
    trained = sum(p.numel() for p in base.model.parameters() if p.requires_grad)
    total = sum(
        math.prod(state.shape) if (state := getattr(p, "quant_state", None)) is not None else p.numel()
        for p in base.model.parameters()
    )
    return {"parameters": trained, "total": total, "share": trained / total}


def _tell_of_cut_warmup(training: TrainingSection, total: int, progress: Progress) -> None:
    """Say where the warm-up would outlast the training, because it is cut then."""
    asked, rise = int(training.warmup), warmup_steps(training, total)
    if asked > rise:
        progress.note(
            f"training.warmup asks for {asked:,} steps, but the training has {total:,}: "
            f"the learning rate rises over {rise:,} of them."
        )


def _plan(
    recipe: Recipe,
    base: LoadedBase,
    *,
    examples: Path,
    max_steps: int | None,
    concurrent: int,
    is_counted: bool,
) -> dict[str, Any]:
    """The rows, how many steps are taken on them, when they are evaluated, and how much goes at once."""
    training = recipe.training
    rows, validation = TokenSet(examples / "train"), TokenSet(examples / "validation")
    if training.early_stopping is not None and not len(validation):
        raise DataError(
            "training.early_stopping watches the validation loss, but there is no validation example.",
            "validation records",
            "Give data.split.validation a share, name a validation file in data.source, or remove "
            "training.early_stopping.",
        )
    total = number_of_steps(len(rows), training.batch_size, training.epochs)
    total = total if max_steps is None else min(total, max_steps)
    epoch_steps = steps_per_epoch(len(rows), training.batch_size)
    longest = int(max(rows.lengths.max(), validation.lengths.max() if len(validation) else 0))
    packed = packed_decoder(base.model) if training.backend == "native" else None
    memory = plan_memory(
        base.model,
        training,
        longest=longest,
        total_memory=base.facts["device"]["total_memory"] // concurrent,
        is_packed=packed is not None,
    )
    return {
        "training": training,
        "model": base.model,
        "packed": packed,
        "rows": rows,
        "validation": validation,
        "state": TrainingState(memory=memory, scale=first_scale(base.facts["precision"]["got"])),
        "total_steps": total,
        "eval_every": evaluation_interval(
            training.eval_every,
            epoch_steps=epoch_steps,
            total_steps=total,
            num_trained=total * training.batch_size,
            num_validated=len(validation),
            is_counted=is_counted,
        ),
    }


def _train(recipe: Recipe, base: LoadedBase, watch: Watch, *, examples: Path) -> dict[str, Any]:
    """Take the steps that are left, by the engine of the recipe; returns what is particular to it."""
    training, state, progress = recipe.training, watch.state, watch.progress
    native = None
    if training.backend == "native":
        native = native_backend(
            watch,
            identity=partial(_identity, recipe, base, watch),
            precision=base.facts["precision"]["got"],
            seed=recipe.seed,
        )
    progress.start("Training", watch.total_steps, done=state.step)
    particulars: dict[str, Any] = {}
    with (
        StepLog(watch.folder / "steps.jsonl", after_step=state.step) as log,
        open_trackers(
            training.tracking,
            watch.folder,
            name=recipe.name,
            parameters=tracked_parameters(recipe),
            after_step=state.step,
            note=progress.note,
        ) as trackers,
    ):
        if native is not None:
            train_natively(native, log, trackers)
        else:
            from medadapt.training.trl_backend import train_with_trl  # optional, and slow to import

            particulars = train_with_trl(recipe, base, watch, examples=examples, log=log, trackers=trackers)
    progress.finish()
    return particulars


def _only_measure(watch: Watch) -> None:
    """The validation loss of an adapter that is not trained further; steps.jsonl is there and empty."""
    with StepLog(watch.folder / "steps.jsonl", after_step=0):
        pass
    if len(watch.validation):
        watch.state.best_step, watch.state.best_loss = 0, measured_loss(watch)
        watch.progress.note(f"Nothing is trained; validation loss {watch.state.best_loss:.4f}")


def _identity(recipe: Recipe, base: LoadedBase, watch: Watch, cut: Mapping[str, Any] | None = None) -> str:
    """Hash of everything that decides the result of a training; earlier versions also counted how a step is `cut`."""
    cut = CUT_BY_ITSELF if cut is None else cut
    training = recipe.training.model_dump(mode="json", exclude=WITHOUT_EFFECT_ON_WEIGHTS)
    return sha256_object(
        {
            "training": {**training, **cut},
            "lora": recipe.lora.model_dump(mode="json"),
            "seed": recipe.seed,
            "steps": watch.total_steps,
            "base": base.sha256,
            "start": None if recipe.model.adapter is None else _sha256_tensors(watch.adapter()),
            "rows": watch.rows.fingerprint,
            "validation": watch.validation.fingerprint,
        }
    )


def _sha256_tensors(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()
