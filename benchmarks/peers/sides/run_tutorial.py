"""A script as tutorials have it, in the smallest port to today's libraries.

As there: prompt and answer joined as text, padded on the left to 384 tokens, every token but padding learned,
no end token, batch 1 times 8, activations recomputed, Hugging Face's Trainer with PEFT. Changed: fp32 in place
of fp16, which CPUs compute slower than fp32 or not at all; the learning rate, schedule, weight decay and
clipping are those of every side here; the shipped base in place of OPT-1.3B.
"""

from __future__ import annotations

import torch
from datasets import load_from_disk
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments
from watching import Watch, asked, tell


def main() -> None:
    folder, facts, settings = asked()
    cuda = torch.cuda.is_available()
    tokenizer = AutoTokenizer.from_pretrained(folder / "base")
    tokenizer.padding_side = "left"
    model = AutoModelForCausalLM.from_pretrained(
        folder / "base", dtype=torch.float32, device_map="cuda" if cuda else None
    )
    model = get_peft_model(
        model,
        LoraConfig(
            r=facts["lora"]["r"],
            lora_alpha=facts["lora"]["lora_alpha"],
            target_modules=["q_proj", "v_proj", "k_proj", "o_proj", "up_proj", "down_proj", "gate_proj"],
            lora_dropout=facts["lora"]["lora_dropout"],
            bias="none",
            task_type="CAUSAL_LM",
        ),
    )
    model.enable_input_require_grads()  # else nothing before the first adapter asks for a gradient
    longest = settings["max_length"]

    def tokenise(rows: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        texts = [prompt + answer for prompt, answer in zip(rows["prompt"], rows["completion"], strict=True)]
        tokens = tokenizer(texts, max_length=longest, padding="max_length", truncation=True)
        tokens["labels"] = [
            [token if token != tokenizer.pad_token_id else -100 for token in ids]
            for ids in tokens["input_ids"]
        ]
        return dict(tokens)

    sequence = load_from_disk(str(folder / "sequence"))
    rows = sequence.select(range(settings["steps"] * facts["batch"]))
    rows = rows.map(tokenise, batched=True, remove_columns=rows.column_names)
    watch = Watch(folder, settings["warm_up"])
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(folder / "tutorial"), use_cpu=not cuda, max_steps=settings["steps"],
            learning_rate=facts["learning_rate"], lr_scheduler_type="constant", weight_decay=0.0,
            max_grad_norm=0.0, per_device_train_batch_size=1, gradient_accumulation_steps=facts["batch"],
            activation_checkpointing=True, train_sampling_strategy="sequential", remove_unused_columns=False,
            fp16=cuda, logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True,
        ),
        train_dataset=rows,
        processing_class=tokenizer,
        callbacks=[watch],
    )  # fmt: skip
    trainer.train()
    tell(watch.found(), "torch", "transformers", "peft")


if __name__ == "__main__":
    main()
