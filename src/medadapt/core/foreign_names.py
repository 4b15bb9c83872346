"""What settings of PEFT, TRL, transformers and bitsandbytes, and the usual scripts around them, are called here.

Names are in lower case. No key of the recipe is among those of `INSTEAD` and `NO_KEY`.
"""

from __future__ import annotations

INSTEAD = {
    "base_model": "model.base",
    "model_id": "model.base",
    "model_name": "model.base",
    "model_name_or_path": "model.base",
    "load_in_4bit": "model.quantization: nf4",
    "load_in_7bit": "model.quantization: int8",
    "load_in_8bit": "model.quantization: int8",
    "bnb_4bit_quant_type": "model.quantization, whose 4 bits are nf4",
    "quantization_config": "model.quantization",
    "dtype": "model.precision",
    "torch_dtype": "model.precision",
    "bnb_4bit_compute_dtype": "model.precision",
    "bf16": "model.precision: bf16",
    "fp16": "model.precision: fp16",
    "r": "lora.rank",
    "lora_r": "lora.rank",
    "lora_alpha": "lora.alpha",
    "lora_dropout": "lora.dropout",
    "target_modules": "lora.targets",
    "lora_target_modules": "lora.targets",
    "use_dora": "lora.variant: dora",
    "use_rslora": "lora.variant: rslora",
    "num_epochs": "training.epochs",
    "num_train_epochs": "training.epochs",
    "max_steps": "training.epochs, of which a fraction is allowed",
    "per_device_train_batch_size": "training.batch_size, the examples of a whole optimiser step",
    "micro_batch_size": "training.batch_size, the examples of a whole optimiser step",
    "gradient_accumulation_steps": "training.batch_size, the examples of a whole optimiser step",
    "lr": "training.learning_rate",
    "lr_scheduler": "training.schedule",
    "lr_scheduler_type": "training.schedule",
    "warmup_ratio": "training.warmup",
    "warmup_steps": "training.warmup",
    "eval_steps": "training.eval_every",
    "eval_strategy": "training.eval_every",
    "evaluation_strategy": "training.eval_every",
    "save_steps": "training.save_every",
    "save_strategy": "training.save_every",
    "save_total_limit": "training.keep",
    "early_stopping_patience": "training.early_stopping",
    "logging_steps": "training.log_every",
    "report_to": "training.tracking",
    "gradient_checkpointing": "training.checkpointing",
    "cutoff_len": "examples.max_length",
    "max_seq_len": "examples.max_length",
    "max_seq_length": "examples.max_length",
    "data_path": "data.source",
    "dataset": "data.source",
    "dataset_name": "data.source",
    "max_samples": "data.limit.rows",
    "random_state": "seed",
}
"""Foreign name -> the key of the recipe, with its value where the name holds one."""

NO_KEY = {
    "attn_implementation": "the fastest attention of the device is taken",
    "device_map": "layers are spread over the GPUs; for those that do not fit there is model.offload: cpu",
    "optim": "adapters are trained with AdamW",
    "optimizer": "adapters are trained with AdamW",
    "output_dir": "the run folder is named with -o",
    "packing": "rows are packed where the base allows it",
    "push_to_hub": "medadapt push shares a finished run",
    "resume_from_checkpoint": "the same command goes on by itself",
}
"""Foreign name -> why no key of the recipe is like it."""

MEANT = {
    "evaluation.metric": "evaluation.primary",
    "training.metric": "evaluation.primary",
    "model.model": "model.base",
    "model.name": "model.base",
    "model.path": "model.base",
}
"""A key that stands elsewhere in the recipe and means something else there -> the key that is meant here."""
