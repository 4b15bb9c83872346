"""Axolotl with its LoRA kernels on a prepared workload; it needs a CUDA device.

It reads the rows as a tokenised data set. Its kernels take no dropout, so they are on where there is none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from axolotl.cli.args import TrainerCliArgs
from axolotl.cli.config import load_cfg
from axolotl.cli.train import do_train
from axolotl.integrations.base import BasePlugin
from datasets import load_from_disk
from watching import Watch, asked, tell

WATCHES: list[Watch] = []


class WatchPlugin(BasePlugin):  # type: ignore[misc]
    """Hands the watch to Axolotl's trainer."""

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[Watch]:  # noqa: ARG002
        return WATCHES


def main() -> None:
    # Axolotl imports the plugin by its name, so the watch must lie in that module, not in `__main__`.
    import run_axolotl

    folder, facts, settings = asked()
    watch = Watch(folder, settings["warm_up"])
    run_axolotl.WATCHES.append(watch)
    lora, kernels = facts["lora"], not facts["lora"]["lora_dropout"]
    recipe = folder / "axolotl.json"  # YAML holds JSON
    recipe.write_text(
        json.dumps(
            {
                "base_model": str(folder / "base"), "plugins": ["run_axolotl.WatchPlugin"],
                "datasets": [{"path": str(_rows(folder, settings["steps"] * facts["batch"])), "ds_type": "json"}],
                "output_dir": str(folder / "axolotl"), "dataset_prepared_path": str(folder / "axolotl-rows"),
                "adapter": "lora", "lora_r": lora["r"], "lora_alpha": lora["lora_alpha"],
                "lora_dropout": lora["lora_dropout"], "lora_target_linear": True, "lora_mlp_kernel": kernels,
                "lora_qkv_kernel": kernels, "lora_o_kernel": kernels, "sequence_len": 1024, "bf16": True,
                "micro_batch_size": facts["batch"], "gradient_accumulation_steps": 1,
                "max_steps": settings["steps"], "learning_rate": facts["learning_rate"],
                "lr_scheduler": "constant", "optimizer": "adamw_torch", "weight_decay": 0.0,
                "max_grad_norm": 0.0, "curriculum_sampling": True, "shuffle_merged_datasets": False,
                "logging_steps": 1, "save_strategy": "no", "val_set_size": 0,
                "dataloader_num_workers": 0,  # what another process reads, the watch does not see
            }
        ),
        encoding="utf-8",
    )  # fmt: skip
    do_train(load_cfg(recipe), TrainerCliArgs())
    tell(watch.found(), "torch", "transformers", "peft", "axolotl")


def _rows(folder: Path, count: int) -> Path:
    path = folder / f"axolotl-{count}.jsonl"
    rows = load_from_disk(str(folder / "sequence")).select(range(count))
    lines = [
        json.dumps(
            {
                "input_ids": row["input_ids"],
                "attention_mask": [1] * len(row["input_ids"]),
                "labels": row["labels"],
            }
        )
        for row in rows
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
