"""TRL's SFTTrainer on a prepared workload: at its defaults, or with the settings it is given.

The model is given by its path, so TRL loads it as it does. What decides the result is set equal for every
side: order of the rows, learning rate, schedule, weight decay, clipping, number of steps.
"""

from __future__ import annotations

import torch
from datasets import load_from_disk
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer
from watching import Watch, asked, tell


def main() -> None:
    folder, facts, settings = asked()
    watch = Watch(folder, settings["warm_up"])
    rows = load_from_disk(str(folder / "sequence")).select_columns(["input_ids", "labels"])
    batch = facts["batch"]
    trainer = SFTTrainer(
        model=str(folder / "base"),
        args=SFTConfig(
            **{
                "output_dir": str(folder / "trl"), "use_cpu": not torch.cuda.is_available(),
                "max_steps": settings["steps"], "learning_rate": facts["learning_rate"],
                "lr_scheduler_type": "constant", "weight_decay": 0.0, "max_grad_norm": 0.0,
                "train_sampling_strategy": "sequential", "logging_steps": 1, "save_strategy": "no",
                "report_to": "none", "disable_tqdm": True,
            }
            | settings.get("sft", {})
        ),
        train_dataset=rows.select(range(settings["steps"] * batch)),
        peft_config=LoraConfig(**facts["lora"], task_type="CAUSAL_LM"),
        callbacks=[watch],
    )  # fmt: skip
    trainer.train()
    tell(watch.found(), "torch", "transformers", "peft", "trl")


if __name__ == "__main__":
    main()
