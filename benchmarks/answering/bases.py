"""What every side answers with and about: a random base, its adapters, prompts and labels."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peers.workloads import MODELS, precision, symptom_rows

ENDING = 40
"""Every token whose number this divides ends a written answer."""
SURE_NATS = 0.5
"""What the right label costs at most, on average: as in the demo's tuned model (docs/decisions/0028)."""
NEAR_NATS = 1.0
"""From here on it learns more slowly, so that it ends a little below `SURE_NATS` and not far: how much a search saves
hangs on it."""
RATES = {"far": 1e-3, "near": 2e-4}
MOST_STEPS = 500


def prepare(folder: Path, data: Path, name: str, prompts: int) -> None:
    """Write the model in `base`, its adapter in `adapter`, and `questions.json`; the same, tuned, in `tuned`.

    In it stand `prompts` and `labels` as lists of tokens (labels end with the closing token), `right`, the number of
    each prompt's label, `closing`, the tokens that end a written answer, and `dtype`, the number format.
    """
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from medadapt.core.recipe import LoraSection
    from medadapt.models.adapter import new_adapter, save_config, save_weights
    from medadapt.models.lora import adapter_tensors, lora_layers

    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "llama2")
    torch.manual_seed(0)
    # Wider weights than usual: the same work, and answers that do not repeat one token for ever.
    shape = json.loads((MODELS / f"{name}.json").read_text(encoding="utf-8"))
    config = LlamaConfig(**shape | {"vocab_size": len(tokenizer), "initializer_range": 0.08})
    model = LlamaForCausalLM(config)
    model.to(torch.bfloat16).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    base = _base(folder, torch.float32)
    head = model.get_output_embeddings().weight.numel()
    frozen = sum(part.weight.numel() for part in model.modules() if type(part) is torch.nn.Linear) - head
    lora = LoraSection()
    layers = new_adapter(base, lora, seed=0)
    for _, layer in lora_layers(base.model):
        torch.nn.init.normal_(layer.lora_B, std=0.01)
    save_config(base, lora, layers, folder / "adapter")
    save_weights(dict(adapter_tensors(base.model)), folder / "adapter")
    if best_dtype() is torch.float32:
        _merged(folder, torch.float32).save_pretrained(folder / "merged")
        tokenizer.save_pretrained(folder / "merged")
    rows = symptom_rows(data)
    labels = sorted({label for _, label in rows})  # each with the space before it
    # No prompt twice: the harness reads equal requests once.
    different = list(dict.fromkeys(rows))
    if len(different) < prompts:
        raise ValueError(f"the table has {len(different)} different prompts, fewer than {prompts}")
    chosen = [different[place * len(different) // prompts] for place in range(prompts)]
    questions = {
        "prompts": [tokenizer(prompt)["input_ids"] for prompt, _ in chosen],
        "labels": [
            [*tokenizer(label, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
            for label in labels
        ],
        "label_bytes": [len(label.strip().encode()) for label in labels],
        "right": [labels.index(label) for _, label in chosen],
        "closing": list(range(0, len(tokenizer), ENDING)),
        "dtype": str(best_dtype()).removeprefix("torch."),
        "precision": precision(),
        "sizes": {"frozen": frozen, "head": head},
    }
    (folder / "questions.json").write_text(json.dumps(questions), encoding="utf-8")
    _tune(folder, folder / "tuned", questions)


def _tune(plain: Path, folder: Path, questions: Mapping[str, Any]) -> None:
    """The same base in `folder` with an adapter that was trained on the prompts until their labels are nearly sure.

    As likely as those of the tuned model of `medadapt demo`; a random base learns nothing that it could carry over to
    other prompts. What it came to stands in `questions.json` as `tuning`.
    """
    import torch

    from medadapt.models.adapter import save_weights
    from medadapt.models.lora import adapter_tensors
    from medadapt.predictions.batching import TokenBudget
    from medadapt.predictions.scoring import continuation_scores

    folder.mkdir()
    (folder / "base").symlink_to(plain / "base")
    base = _with_adapter(plain, torch.float32)
    for tensor in adapter_tensors(base.model).values():
        tensor.requires_grad_(True)
    learned = list(adapter_tensors(base.model).values())
    optimizer = torch.optim.AdamW(learned, weight_decay=0)
    prompts, labels, right = questions["prompts"], questions["labels"], questions["right"]
    draw = torch.Generator().manual_seed(0)
    answers = [labels[place] for place in right]
    budget = TokenBudget(8192)
    nats, steps, waiting = math.inf, 0, []
    while nats > SURE_NATS:
        if (steps := steps + 1) > MOST_STEPS:
            raise RuntimeError(f"after {MOST_STEPS} steps the right label still costs {nats:.2f} nats")
        waiting = waiting or torch.randperm(len(prompts), generator=draw).tolist()
        places, waiting = waiting[:8], waiting[8:]
        for group in optimizer.param_groups:
            group["lr"] = RATES["near" if nats < NEAR_NATS else "far"]
        base.model.train()
        optimizer.zero_grad()
        _loss(base, [(prompts[place], answers[place]) for place in places]).backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        base.model.eval()
        with torch.no_grad():
            costs = continuation_scores(base, prompts, [[one] for one in answers], budget=budget)
        nats = -sum(score for (score,) in costs) / len(costs)
    with torch.no_grad():
        found = continuation_scores(base, prompts, [labels] * len(prompts), budget=budget)
    chosen = [max(range(len(labels)), key=scores.__getitem__) for scores in found]
    tuning = {
        "epochs": round(steps * 8 / len(prompts), 1),
        "nats": nats,
        "right": sum(one == other for one, other in zip(chosen, right, strict=True)) / len(right),
    }
    shutil.copytree(plain / "adapter", folder / "adapter")
    save_weights(dict(adapter_tensors(base.model)), folder / "adapter")
    if best_dtype() is torch.float32:
        _merged(folder, torch.float32).save_pretrained(folder / "merged")
        base.tokenizer.save_pretrained(folder / "merged")
    (folder / "questions.json").write_text(json.dumps({**questions, "tuning": tuning}), encoding="utf-8")


def _loss(base: Any, rows: Sequence[tuple[list[int], list[int]]]) -> Any:
    """Of the labels alone, with transformers' own modules; rows are padded on the right."""
    import torch

    width = max(len(prompt) + len(label) for prompt, label in rows)
    tokens = torch.zeros(len(rows), width, dtype=torch.long)
    targets = torch.full_like(tokens, -100)
    for number, (prompt, label) in enumerate(rows):
        whole = torch.tensor([*prompt, *label])
        tokens[number, : len(whole)] = whole
        targets[number, len(prompt) : len(whole)] = whole[len(prompt) :]
    return base.model(input_ids=tokens.to(base.device), labels=targets.to(base.device)).loss


def _base(folder: Path, dtype: Any) -> Any:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from medadapt.models.device import pick_device
    from medadapt.models.loading import LoadedBase

    device = pick_device("auto")
    model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=dtype).to(device).eval()
    model.requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(folder / "base")
    facts = {"quantization": {"asked": "none", "got": "none"}}
    return LoadedBase(
        model=model, tokenizer=tokenizer, device=device, dtype=dtype, sha256="", name="base", facts=facts
    )


def ours(folder: Path, dtype: Any) -> Any:
    """The base with its adapter as a run loads it to be evaluated."""
    from medadapt.models.merging import merge_where_exact

    base = _with_adapter(folder, dtype)
    merge_where_exact(base)
    return base


def _with_adapter(folder: Path, dtype: Any) -> Any:
    from medadapt.models.adapter import load_adapter

    return load_adapter(_base(folder, dtype), folder / "adapter")


def theirs(folder: Path, dtype: Any) -> Any:
    """Through transformers and PEFT; merged where `folder` holds the merged model."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from medadapt.models.device import pick_device

    if (folder / "merged").is_dir():
        merged = AutoModelForCausalLM.from_pretrained(folder / "merged", dtype=dtype)
        return merged.to(pick_device("auto")).eval()
    plain = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=dtype).to(pick_device("auto"))
    return PeftModel.from_pretrained(plain, folder / "adapter").eval()


def _merged(folder: Path, dtype: Any) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=dtype)
    return PeftModel.from_pretrained(plain, folder / "adapter").merge_and_unload()


def best_dtype() -> Any:
    """The number format in which a run computes on this machine."""
    from medadapt.models.device import pick_device, resolve_dtype

    return resolve_dtype("auto", pick_device("auto"))


def questions_of(folder: Path) -> dict[str, Any]:
    """What `prepare` wrote of the questions."""
    return dict(json.loads((folder / "questions.json").read_text(encoding="utf-8")))
