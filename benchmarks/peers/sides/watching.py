"""What a side on Hugging Face's Trainer is watched with: first adapter in, work counted, time taken."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from peak_memory import own_peak_mb
from transformers import TrainerCallback

WARM_UP = 3
"""Steps that are not timed where nothing else is asked for: the first ones allocate and pick kernels."""


class Watch(TrainerCallback):
    """Puts the first adapter in, counts what is read, and takes the time of the steps after the warm-up."""

    def __init__(self, folder: Path, warm_up: int = WARM_UP) -> None:
        self.folder = folder
        self.warm_up = warm_up
        self.losses: list[float] = []
        self.batches: list[dict[str, int]] = []
        self.ends: list[float] = []
        self.grad_norm: float | None = None
        self.model: Any = None
        self.accumulation = 1
        self.computes_in: str | None = None
        """Unknown where kernels of its own go around the layer's forward."""

    def on_train_begin(
        self, args: Any, _state: Any, _control: Any, *, model: Any, train_dataloader: Any, **_: Any
    ) -> None:
        self._check_step(args)
        self.model, self.accumulation = model, args.gradient_accumulation_steps
        self.began = time.perf_counter()
        self.first = put_first_adapter(model, self.folder)
        self.dropouts = dropouts_of(model)
        self._watch_number_format()
        loader = getattr(train_dataloader, "base_dataloader", train_dataloader)  # accelerate wraps it
        collate = loader.collate_fn

        def counting(rows: list[Any]) -> Any:
            batch = collate(rows)
            self.batches.append(work_of(batch))
            return batch

        loader.collate_fn = counting

    def _check_step(self, args: Any) -> None:
        """Raise RuntimeError at once where a step takes not as many rows as promised; packs have their own number."""
        wanted = json.loads((self.folder / "facts.json").read_text(encoding="utf-8"))["batch"]
        rows = args.per_device_train_batch_size * args.gradient_accumulation_steps
        if rows != wanted and not getattr(args, "packing", False):
            raise RuntimeError(f"a step takes {rows} rows, not {wanted}")

    def _watch_number_format(self) -> None:
        """Note the number format of the first frozen product, which autocast may set apart from its weight's."""
        from peft.tuners.lora import LoraLayer

        frozen = next(
            layer for layer in self.model.modules() if isinstance(layer, LoraLayer)
        ).get_base_layer()

        def note(_layer: Any, _inputs: Any, product: torch.Tensor) -> None:
            self.computes_in = str(product.dtype).removeprefix("torch.")
            hook.remove()

        hook = frozen.register_forward_hook(note)

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        if self.grad_norm is None:
            gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
            self.grad_norm = float(torch.nn.utils.get_total_norm(gradients))

    def on_step_end(self, *_: Any, **__: Any) -> None:
        wait()
        self.ends.append(time.perf_counter())

    def on_log(self, _args: Any, _state: Any, _control: Any, *, logs: dict[str, Any], **_: Any) -> None:
        if "loss" in logs:
            self.losses.append(float(logs["loss"]))

    def found(self, **more: Any) -> dict[str, Any]:
        """The result of the side."""
        read = self.batches[: len(self.ends) * self.accumulation]  # the last batches may be read ahead
        timed = read[self.warm_up * self.accumulation :]
        now = adapter_of(self.model)
        return result(
            began=self.began,
            ends=self.ends,
            warm_up=self.warm_up,
            timed={
                key: sum(batch[key] for batch in timed) for key in ("rows", "tokens", "supervised", "padded")
            },
            whole={key: sum(batch[key] for batch in read) for key in ("rows", "tokens", "supervised")},
            losses=self.losses,
            grad_norm=self.grad_norm,
            adapters=len(now),
            moved=sum(not torch.equal(now[name], self.first[name]) for name in now),
            dropouts=self.dropouts,
            device=next(self.model.parameters()).device.type,
            computes_in=self.computes_in,
            **more,
        )


def result(
    *,
    began: float,
    ends: list[float],
    warm_up: int,
    timed: dict[str, int],
    whole: dict[str, int],
    **more: Any,
) -> dict[str, Any]:
    """What every side prints; `timed` and `whole` count rows and tokens after the warm-up and in all steps."""
    seconds = ends[-1] - ends[warm_up - 1]
    return {
        "seconds": seconds,
        "training_seconds": ends[-1] - began,
        "examples_per_s": timed["rows"] / seconds,
        "tokens_per_s": timed["tokens"] / seconds,
        "timed": timed,
        "steps": len(ends),
        **whole,
        "peak_rss_mb": own_peak_mb(),
        "peak_gpu_mb": round(torch.cuda.max_memory_allocated() / 2**20)
        if torch.cuda.is_available()
        else None,
        "threads": torch.get_num_threads(),
        **more,
    }


def work_of(batch: Any) -> dict[str, int]:
    """Rows, real tokens, learned tokens and padded tokens of one micro-batch."""
    tokens = batch["input_ids"]
    if "position_ids" in batch and "attention_mask" not in batch:
        rows, real = _packed(batch["position_ids"])
    else:
        rows = len(tokens)
        real = int(batch["attention_mask"].sum()) if "attention_mask" in batch else tokens.numel()
    return {
        "rows": rows,
        "tokens": real,
        "supervised": int((batch["labels"][:, 1:] != -100).sum()),
        "padded": tokens.numel(),
    }


def _packed(positions_PT: torch.Tensor) -> tuple[int, int]:
    """Rows and real tokens of packs, of which the places of each row's tokens are known; no row has a single token.

    A pack is filled up with tokens at place 0, which begin no row.
    """
    follows = torch.nn.functional.pad(positions_PT[:, 1:], (0, 1)) == 1
    starts = (positions_PT == 0) & follows
    return int(starts.sum()), int((starts | (positions_PT > 0)).sum())


def put_first_adapter(model: Any, folder: Path) -> dict[str, Any]:
    """Give the model the adapter that all sides start from; returns its tensors under PEFT's names."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    tensors = load_file(folder / "adapter" / "adapter_model.safetensors")
    done = set_peft_model_state_dict(model, tensors)
    if done.unexpected_keys or set(tensors) != set(adapter_of(model)):
        raise RuntimeError(
            f"this side adapts other layers: {sorted(set(tensors) ^ set(adapter_of(model)))[:5]}"
        )
    return adapter_of(model)


def adapter_of(model: Any) -> dict[str, Any]:
    """A copy of the adapter's tensors."""
    from peft import get_peft_model_state_dict

    return {name: tensor.detach().clone().cpu() for name, tensor in get_peft_model_state_dict(model).items()}


def dropouts_of(model: Any) -> list[float]:
    """The different shares that PEFT's layers drop; a layer without dropout has 0."""
    from peft.tuners.lora import LoraLayer

    layers = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]
    return sorted(
        {float(getattr(drop, "p", 0.0)) for layer in layers for drop in layer.lora_dropout.values()}
    )


def wait() -> None:
    """Until the device has done what it was asked."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def asked() -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """Folder, facts and settings of this process: its arguments are the folder and the settings as JSON."""
    folder = Path(sys.argv[1])
    settings = {"warm_up": WARM_UP, **json.loads(sys.argv[2])}
    return folder, json.loads((folder / "facts.json").read_text(encoding="utf-8")), settings


def tell(found: dict[str, Any], *packages: str) -> None:
    """Print the result as the last line."""
    versions = {name: importlib.metadata.version(name) for name in packages}
    print("\n" + json.dumps({**found, "versions": versions}), flush=True)
