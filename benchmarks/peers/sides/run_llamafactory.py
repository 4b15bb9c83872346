"""LLaMA-Factory at its defaults on a prepared workload, asked for the 16 bits that the device is quick in, if any.

It reads the rows as a tokenised data set, which it takes as they are, so no template of its own comes in
between. It imports torchaudio whatever it trains; where that package does not load, an empty one stands in.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from pathlib import Path

import torch
from datasets import DatasetDict, load_from_disk
from watching import Watch, asked, tell


def main() -> None:
    _leave_out("torchaudio")
    folder, facts, settings = asked()
    from llamafactory.train.tuner import run_exp

    watch = Watch(folder, settings["warm_up"])
    run_exp(
        {
            "stage": "sft", "do_train": True, "finetuning_type": "lora", "lora_target": "all",
            "model_name_or_path": str(folder / "base"), "template": "empty",
            "dataset": "sequence", "tokenized_path": str(_rows(folder, settings["steps"] * facts["batch"])),
            "output_dir": str(folder / "llamafactory"), "overwrite_output_dir": True,
            "use_cpu": not torch.cuda.is_available(), "bf16": facts["precision"] == "bf16",
            "fp16": facts["precision"] == "fp16",
            "per_device_train_batch_size": facts["batch"], "max_steps": settings["steps"],
            "lora_rank": facts["lora"]["r"], "lora_alpha": facts["lora"]["lora_alpha"],
            "lora_dropout": facts["lora"]["lora_dropout"],
            "learning_rate": facts["learning_rate"], "lr_scheduler_type": "constant", "weight_decay": 0.0,
            "max_grad_norm": 0.0, "disable_shuffling": True, "logging_steps": 1, "save_strategy": "no",
            "report_to": "none",
        },
        callbacks=[watch],
    )  # fmt: skip
    tell(watch.found(), "torch", "transformers", "peft", "llamafactory")


def _rows(folder: Path, count: int) -> Path:
    """The rows with the columns that LLaMA-Factory keeps in its own tokenised data sets."""
    path = folder / f"llamafactory-rows-{count}"
    if not path.is_dir():
        rows = load_from_disk(str(folder / "sequence")).select(range(count))
        rows = rows.map(
            lambda row: {
                "attention_mask": [1] * len(row["input_ids"]),
                "images": None,
                "videos": None,
                "audios": None,
            },
            remove_columns=["prompt", "completion"],
        )
        DatasetDict({"train": rows}).save_to_disk(str(path))
    return path


def _leave_out(name: str) -> None:
    try:
        __import__(name)
    except (ImportError, OSError, RuntimeError):
        empty = types.ModuleType(name)
        empty.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = empty


if __name__ == "__main__":
    main()
