"""Training with MedAdapt's own engine: drive it, save checkpoints, and go on where an earlier session ended."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any

import torch

from medadapt.core.errors import RunFolderError, StoppedError
from medadapt.models.device import processor_name, usable_cores
from medadapt.models.lora import adapter_tensors, put_adapter_tensors
from medadapt.training.batches import input_device, steps_per_epoch
from medadapt.training.checkpoints import Checkpoint, newest_checkpoint, save_checkpoint
from medadapt.training.engine import Engine, train_steps
from medadapt.training.memory import MemoryPlan, can_recompute, is_offloaded, recompute_activations
from medadapt.training.optimizer import make_optimizer, optimizer_tensors, put_optimizer_tensors
from medadapt.training.scaling import LossScale, first_scale
from medadapt.training.step_log import StepLog
from medadapt.training.trackers.opening import Trackers
from medadapt.training.watch import Watch, after_step

SAVE_SECONDS = 600.0
"""`save_every: auto` loses no more than so much work, whatever ends it."""


Identity = Callable[..., str]
"""Called without anything: the hash of a training; with how steps are cut: what earlier versions called it."""


@dataclass(kw_only=True)
class NativeBackend:
    """The engine and what its checkpoints need."""

    engine: Engine
    watch: Watch
    identity: Identity
    """Hash of everything that decides the result; checkpoints of another training are refused by it."""
    precision: str
    save_every: int
    threads: int
    save_seconds: float
    """After so long a checkpoint is due as well."""
    saved_step: int = 0
    """The last step whose checkpoint is on the disk."""
    saved_at: float = field(default_factory=time.monotonic)
    """When it was written, or when this session began."""

    @property
    def is_due(self) -> bool:
        """Whether the step just done is to be saved."""
        late = time.monotonic() - self.saved_at >= self.save_seconds
        return late or self.watch.state.step % self.save_every == 0 or self.watch.is_over

    @property
    def device_type(self) -> str:
        """`cpu`, `cuda` or `mps`."""
        return input_device(self.engine.model).type

    @property
    def gpu(self) -> str | None:
        """Its name; None where another kind of device computes."""
        device = input_device(self.engine.model)
        return torch.cuda.get_device_name(device) if device.type == "cuda" else None

    @property
    def processor(self) -> str | None:
        """Its name; None where another kind of device computes."""
        return processor_name() if self.device_type == "cpu" else None


def native_backend(watch: Watch, *, identity: Identity, precision: str, seed: int) -> NativeBackend:
    """The engine of a training, in the state of its newest valid checkpoint where there is one."""
    training = watch.training
    engine = Engine(
        model=watch.model,
        optimizer=make_optimizer(adapter_tensors(watch.model), weight_decay=training.weight_decay),
        training=training,
        rows=watch.rows,
        seed=seed,
        max_steps=watch.total_steps,
        packed=watch.packed,
    )
    epoch_steps = steps_per_epoch(len(watch.rows), training.batch_size)
    backend = NativeBackend(
        engine=engine,
        watch=watch,
        identity=identity,
        precision=precision,
        save_every=epoch_steps if training.save_every in {"auto", "epoch"} else int(training.save_every),
        save_seconds=SAVE_SECONDS if training.save_every == "auto" else math.inf,
        threads=torch.get_num_threads(),
    )
    _resume(backend)
    if watch.state.memory.checkpointing:  # rows that packed layers cannot take go through the model's own
        recompute_activations(watch.model)
    elif is_offloaded(watch.model):
        watch.progress.note(_weights_stay(watch))
    return backend


def _weights_stay(watch: Watch) -> str:
    """What it means that layers lie in main memory and no activations are recomputed."""
    if can_recompute(watch.model):
        reason = "training.checkpointing: off"
        way_out = "training.checkpointing: auto"
    else:
        reason = f"{type(watch.model).__name__}, which cannot recompute activations"
        way_out = "a smaller examples.max_length, nf4 weights, or a smaller base"
    return (
        f"Layers in main memory with {reason}: the weights that visit the GPU stay there until the backward pass. "
        f"Where memory runs out, use {way_out}."
    )


def train_natively(backend: NativeBackend, log: StepLog, trackers: Trackers) -> None:
    """Take every step that is left; evaluate and save where that is due."""
    watch = backend.watch
    if watch.is_over:
        return
    for result in train_steps(backend.engine, watch.state, note=watch.progress.note):
        after_step(watch, result, log, trackers)
        if backend.is_due:
            _save(backend)
        if watch.is_over:
            return
        if watch.should_stop():
            _save(backend)
            raise StoppedError(
                f"Training stopped after step {result.step} of {watch.total_steps}; everything is saved.",
                "",
                "Run the same command again to go on.",
            )


def _resume(backend: NativeBackend) -> None:
    """Take over the newest valid checkpoint of this very training, if there is one."""
    watch, engine = backend.watch, backend.engine
    note, folder = watch.progress.note, watch.folder / "checkpoints"
    checkpoint = newest_checkpoint(folder, note=note)
    if checkpoint is None:
        return
    saved = checkpoint.state
    if saved["identity"] != backend.identity() and saved["identity"] not in _older_identities(backend, saved):
        raise RunFolderError(
            f"The checkpoints in {folder} belong to another training.",
            "checkpoints of the same recipe, base and examples",
            "Repeat the command with --replace to train anew, or choose another folder with -o.",
        )
    put_adapter_tensors(engine.model, dict(checkpoint.adapter))
    put_optimizer_tensors(engine.optimizer, adapter_tensors(engine.model), checkpoint.optimizer)  # type: ignore[arg-type]
    state = watch.state
    state.step = checkpoint.step
    state.memory = _memory_plan(backend, saved)
    state.scale = LossScale(**saved["scale"])
    state.best_step, state.best_loss = saved["best_step"], saved["best_loss"]
    state.without_better, state.stopped_early = saved["without_better"], saved["stopped_early"]
    watch.best = dict(checkpoint.best)
    backend.saved_step = checkpoint.step
    note(f"Going on from step {checkpoint.step} of {watch.total_steps}.")
    _same_machine(backend, saved, note)


def _older_identities(backend: NativeBackend, saved: dict[str, Any]) -> Iterator[str]:
    """What earlier versions, for which it mattered how a step is cut, may have called the same training."""
    tokens = {"auto", backend.watch.training.micro_tokens, saved["memory"]["micro_tokens"]}
    for checkpointing, micro_tokens in product(("auto", "on", "off"), tokens):
        yield backend.identity({"checkpointing": checkpointing, "micro_tokens": micro_tokens})


def _memory_plan(backend: NativeBackend, saved: dict[str, Any]) -> MemoryPlan:
    """The plan of the session before, or one that takes less memory where that is asked for now.

    On another kind of device the token budget of before says nothing, and ours is kept.
    """
    before, own = MemoryPlan(**saved["memory"]), backend.watch.state.memory
    if saved["device"] == backend.device_type:
        plan = before
    else:
        plan = replace(own, checkpointing=own.checkpointing or before.checkpointing)
    asked = backend.watch.training
    if asked.checkpointing == "off" and plan.checkpointing:  # kept activations take more than recomputed ones
        plan = replace(plan, micro_tokens=min(plan.micro_tokens, own.micro_tokens))
    if asked.checkpointing != "auto":
        plan = replace(plan, checkpointing=asked.checkpointing == "on", plain_tokens=0)
    tokens = plan.micro_tokens if asked.micro_tokens == "auto" else int(asked.micro_tokens)
    if tokens > plan.micro_tokens:  # memory may have run out on as many
        backend.watch.progress.note(
            f"Micro-batches keep {plan.micro_tokens} tokens as before; training.micro_tokens asks for {tokens}."
        )
    elif tokens < plan.micro_tokens:
        backend.watch.progress.note(
            f"Micro-batches now hold {tokens} tokens, before {plan.micro_tokens}: the same gradient, but with "
            "lora.dropout other masks, so the result is no longer bit-exact."
        )
    return replace(plan, micro_tokens=min(tokens, plan.micro_tokens))


def _same_machine(backend: NativeBackend, saved: dict[str, Any], note: Callable[[str], None]) -> None:
    """Use what the session before used, and say where that cannot be."""
    now, before = f"{backend.device_type} {backend.precision}", f"{saved['device']} {saved['precision']}"
    if now != before:
        backend.watch.state.scale = first_scale(backend.precision)
        note(f"This session works on {now}, the one before on {before}: the result is no longer bit-exact.")
    elif saved.get("gpu", backend.gpu) != backend.gpu:  # earlier checkpoints do not name it
        note(
            f"This session works on {backend.gpu}, the one before on {saved['gpu']}: the result is another than on "
            "one of them alone."
        )
    if saved["device"] == backend.device_type == "cpu":
        _same_processor(backend, saved, note)


def _same_processor(backend: NativeBackend, saved: dict[str, Any], note: Callable[[str], None]) -> None:
    """On a CPU the last digits hang on the processor, on torch and on the number of threads."""
    other = "the result is no longer bit-exact."
    pairs = (
        (backend.processor, saved.get("processor", backend.processor)),  # earlier checkpoints name neither
        (f"torch {torch.__version__}", f"torch {saved.get('torch', torch.__version__)}"),
    )
    for now, before in pairs:
        if now != before:
            note(f"This session works on {now}, the one before on {before}: {other}")
    threads, cores = saved["threads"], usable_cores()
    if threads == backend.threads:
        return
    if threads > cores:
        note(f"The session before had {threads} threads, and there are {cores} processor cores here: {other}")
        return
    torch.set_num_threads(threads)
    backend.threads = threads
    note(f"Using {threads} threads as before.")


def _save(backend: NativeBackend) -> None:
    """Write a checkpoint of the step just done, once."""
    engine, state = backend.engine, backend.watch.state
    if backend.saved_step == state.step:
        return
    parameters = adapter_tensors(engine.model)
    save_checkpoint(
        backend.watch.folder / "checkpoints",
        Checkpoint(
            step=state.step,
            state={
                "identity": backend.identity(),
                "memory": asdict(state.memory),
                "scale": asdict(state.scale),
                "best_step": state.best_step,
                "best_loss": state.best_loss,
                "without_better": state.without_better,
                "stopped_early": state.stopped_early,
                "threads": backend.threads,
                "device": backend.device_type,
                "gpu": backend.gpu,
                "processor": backend.processor,
                "torch": str(torch.__version__),
                "precision": backend.precision,
            },
            adapter=parameters,
            optimizer=optimizer_tensors(engine.optimizer, parameters),  # type: ignore[arg-type]
            best=backend.watch.best,
        ),
        keep=engine.training.keep,
    )
    backend.saved_step, backend.saved_at = state.step, time.monotonic()
