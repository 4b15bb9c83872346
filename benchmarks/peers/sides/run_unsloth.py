"""Unsloth at its defaults, its 8-bit optimizer among them, on a prepared workload; it needs a CUDA device."""

from __future__ import annotations

import unsloth  # noqa: F401 - it must come before the libraries that it changes
from datasets import load_from_disk
from trl import SFTConfig, SFTTrainer
from unsloth import FastLanguageModel
from watching import Watch, asked, tell


def main() -> None:
    folder, facts, settings = asked()
    lora = facts["lora"]
    model, tokenizer = FastLanguageModel.from_pretrained(
        str(folder / "base"), max_seq_length=1024, load_in_4bit=False
    )
    model = FastLanguageModel.get_peft_model(
        model, r=lora["r"], lora_alpha=lora["lora_alpha"], lora_dropout=lora["lora_dropout"]
    )
    watch = Watch(folder, settings["warm_up"])
    rows = load_from_disk(str(folder / "sequence")).select_columns(["input_ids", "labels"])
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        args=SFTConfig(
            output_dir=str(folder / "unsloth"), per_device_train_batch_size=facts["batch"],
            gradient_accumulation_steps=1,  # Unsloth's own default is 2
            max_steps=settings["steps"], learning_rate=facts["learning_rate"], lr_scheduler_type="constant",
            weight_decay=0.0, max_grad_norm=0.0, train_sampling_strategy="sequential", logging_steps=1,
            save_strategy="no", report_to="none", disable_tqdm=True,
        ),
        train_dataset=rows.select(range(settings["steps"] * facts["batch"])),
        callbacks=[watch],
    )  # fmt: skip
    trainer.train()
    tell(watch.found(), "torch", "transformers", "peft", "trl", "unsloth")


if __name__ == "__main__":
    main()
