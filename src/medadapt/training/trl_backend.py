"""Training with TRL's SFTTrainer: the same recipe on the same tokens, in the same order, from the same weights.

What decides the result is handed over, not left to TRL: the examples with their labels, the order of the
rows, the adapter's first values, the learning rate of each step, the validation loss and the choice of the
best step. At dropout 0 both engines give the same losses; `docs/explanation/engine_and_trl.md` shows it.
TRL's own checkpoints hold pickles, so none are written: a training that was stopped begins anew.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from datasets import load_from_disk
from peft import get_peft_model_state_dict
from torch.utils.data import Sampler
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from medadapt.core.errors import ModelError, StoppedError
from medadapt.core.recipe import Recipe
from medadapt.models.device import is_out_of_memory
from medadapt.models.loading import LoadedBase
from medadapt.models.lora import lora_layers
from medadapt.models.quiet import quiet_libraries
from medadapt.training.batches import rows_of_step, steps_per_epoch
from medadapt.training.peft_layers import put_values, with_our_layers, with_peft_layers
from medadapt.training.schedule import learning_rate, warmup_steps
from medadapt.training.step_log import StepLog
from medadapt.training.trackers.opening import Trackers
from medadapt.training.trainer_settings import refuse_without_gpu, settings_problem
from medadapt.training.trl_follower import Follower
from medadapt.training.watch import Watch


def train_with_trl(
    recipe: Recipe, base: LoadedBase, watch: Watch, *, examples: Path, log: StepLog, trackers: Trackers
) -> dict[str, Any]:
    """Train the adapter that lies on the base with SFTTrainer. Returns rows_at_once and trainer.

    The model is left with PEFT's layers in place of ours.

    Raises:
        RecipeError: SFTConfig does not take a value of `training.trainer`.
        ModelError: the examples do not fit into memory, or several GPUs are visible.
        DivergedError: a loss is not finite.
        StoppedError: somebody asked to stop.
    """
    training, note = recipe.training, watch.progress.note
    note("Training with TRL, which saves no checkpoints: if it is stopped, it begins anew.")
    _one_device(base)
    refuse_without_gpu(training.trainer, base.device.type)
    rows_at_once = largest_cut(
        training.batch_size, longest=int(watch.rows.lengths.max()), budget=watch.state.memory.micro_tokens
    )
    values = {name: tensor.detach().clone() for name, tensor in watch.adapter().items()}
    ours = dict(lora_layers(base.model))
    model = with_peft_layers(base.model, watch.folder)
    # The embeddings are frozen. Left to itself, PEFT asks the Hub each time whether there are more of them now.
    watch.adapter = lambda: get_peft_model_state_dict(model, save_embedding_layers=False)
    watch.as_loaded = lambda: with_our_layers(base.model, ours, watch.adapter())
    follower = Follower(watch, seed=recipe.seed, log=log, trackers=trackers)
    with tempfile.TemporaryDirectory() as scratch, quiet_libraries("trl"):
        try:
            arguments = sft_config(recipe, base, watch, rows_at_once=rows_at_once, folder=Path(scratch))
            trainer = _Trainer(
                model=model,
                args=arguments,
                train_dataset=load_from_disk(str(examples / "train")).select_columns(["input_ids", "labels"]),
                processing_class=base.tokenizer,
                data_collator=DataCollatorForLanguageModeling(
                    pad_token_id=0, pad_to_multiple_of=arguments.pad_to_multiple_of
                ),
                callbacks=[follower],
            )
        except (ValueError, TypeError, ImportError) as problem:
            raise settings_problem(problem, training.trainer) from problem
        put_values(model, values)  # only now: TRL puts the adapter of a quantised base into bf16
        trainer.begin(watch, recipe.seed)
        follower.trainer = trainer
        try:
            trainer.train()
        except (RuntimeError, MemoryError) as problem:
            if not is_out_of_memory(problem):
                raise
            raise ModelError(
                f"TRL runs out of memory with {rows_at_once} examples at once.",
                "room for one piece of a step",
                "Set a smaller training.micro_tokens, or use training.backend: native, which adapts by itself.",
            ) from problem
    if follower.stopped:
        raise StoppedError(
            f"Training stopped after step {watch.state.step} of {watch.total_steps}; TRL saves no checkpoints.",
            "",
            "The same command begins the training anew; training.backend: native would go on.",
        )
    return {"rows_at_once": rows_at_once, "trainer": training.trainer}


def sft_config(recipe: Recipe, base: LoadedBase, watch: Watch, *, rows_at_once: int, folder: Path) -> Any:
    """The recipe's training section in SFTConfig's words, and `training.trainer` as it stands."""
    training, precision = recipe.training, base.facts["precision"]["got"]
    settings: dict[str, Any] = {
        "output_dir": str(folder),
        "per_device_train_batch_size": rows_at_once,
        "gradient_accumulation_steps": training.batch_size // rows_at_once,
        "max_steps": watch.total_steps,
        "learning_rate": training.learning_rate,
        "weight_decay": training.weight_decay,
        "max_grad_norm": training.max_grad_norm or 0.0,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": base.device.type == "cpu",
        "seed": recipe.seed % 2**32,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would hide a loss that is no number
        "eval_strategy": "no",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": base.device.type == "cuda",
    }
    # The newer name of a setting that TRL also reads under the older one.
    known = {field.name for field in dataclasses.fields(SFTConfig)}
    for name in {"activation_checkpointing", "gradient_checkpointing"} & known:
        settings[name] = watch.state.memory.checkpointing
    if "router_aux_loss_coef" in known:
        # Left open, TRL adds the base's own loss for even use of its experts, which the engine does not have.
        settings["router_aux_loss_coef"] = 0.0
    return SFTConfig(**(settings | recipe.training.trainer))


def largest_cut(batch_size: int, *, longest: int, budget: int) -> int:
    """Rows that go through the model at once: the largest divisor of `batch_size` whose tokens fit `budget`.

    >>> largest_cut(8, longest=100, budget=450)
    4
    """
    return max(
        n for n in range(1, batch_size + 1) if batch_size % n == 0 and (n * longest <= budget or n == 1)
    )


class _Trainer(SFTTrainer):
    """SFTTrainer with our order of rows and our learning rate."""

    def begin(self, watch: Watch, seed: int) -> None:
        """Hand over what TRL would choose itself."""
        self._watch, self._row_seed = watch, seed
        # Some classes do not say that they count the tokens of the whole step; TRL's loss does it for all.
        self.model_accepts_loss_kwargs = True
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, *_: Any) -> Sampler[int]:
        return _OurOrder(len(self._watch.rows), self._watch.training.batch_size, self._row_seed)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        training = self._watch.training
        warm_up = warmup_steps(training, num_training_steps)

        def share(done: int) -> float:
            rate = learning_rate(
                done + 1, total=num_training_steps, peak=1.0, schedule=training.schedule, warmup_steps=warm_up
            )
            return max(rate, 0.0)  # asked for one step beyond the last

        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, share)
        return self.lr_scheduler


class _OurOrder(Sampler[int]):
    """The rows of one epoch in the order in which our engine learns from them."""

    def __init__(self, num_rows: int, batch_size: int, seed: int) -> None:
        self._num_rows, self._batch_size, self._seed = num_rows, batch_size, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._num_rows

    def __iter__(self) -> Iterator[int]:
        each = steps_per_epoch(self._num_rows, self._batch_size)
        for step in range(self._epoch * each + 1, (self._epoch + 1) * each + 1):
            yield from rows_of_step(
                step, num_rows=self._num_rows, batch_size=self._batch_size, seed=self._seed
            )


def _one_device(base: LoadedBase) -> None:
    """SFTTrainer takes the first GPU, and wraps a model in a way it cannot use where it sees several."""
    if base.device.type == "cuda" and (torch.cuda.device_count() > 1 or base.device.index not in {None, 0}):
        raise ModelError(
            f"TRL trains on one GPU, but this process sees {torch.cuda.device_count()}.",
            "one visible GPU",
            "Set CUDA_VISIBLE_DEVICES to the number of one GPU, or use training.backend: native.",
        )
    if len(set(getattr(base.model, "hf_device_map", {}).values())) > 1:
        raise ModelError(
            "TRL trains on one device, but the layers of this base lie on several.",
            "a base that fits on one device",
            "Use training.backend: native, or model.offload: none with a smaller or quantised base.",
        )
