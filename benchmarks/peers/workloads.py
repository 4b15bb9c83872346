"""What every side trains on: a base, its first adapter and token rows in the order of their steps.

    base/           random weights of a shipped configuration, stored in bf16, with the Llama 2 tokenizer
    examples/train  the token set that our engine reads, shuffled by our engine
    sequence/       the same rows in the order in which our engine learns from them, for the peers
    adapter/        the first values of the adapter, drawn by PEFT
    facts.json      what is known beforehand: tokens of every step, loss and gradient of the first one, losses of more

    python benchmarks/peers/workloads.py FOLDER DATA '{"model": "llama-42m", ...}'    what `prepare` does

The tokenizer's 32,000 ids are the first of every vocabulary here, so models of larger vocabularies have a
larger head and read the same rows.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

MODELS = Path(__file__).resolve().parents[1] / "models"
ROWS = 1000
BATCH = 8
IGNORED = -100
RANK, ALPHA = 16, 32
LEARNING_RATE = 1e-3
"""High, so that the losses fall within a few steps and a side that does not learn is seen."""
LEARNING_RATES = {"opt-1.3b": 2e-4}
"""Of bases whose losses jump at that rate."""
LARGEST_PLAIN = 500_000_000
"""Frozen weights up to which more than the first step is computed in plain fp32; above it that takes too long."""
LONGEST = 512
MOST_CHARACTERS = 1800
"""Of question and answer; most such rows have at most 512 tokens, and only these are tokenised."""
SYMPTOMS = "Given these symptoms: {question}\n\nThe disease is:"
INSTRUCTED = (
    "You are a careful medical assistant. Read the symptoms of a patient and name the most likely disease among those "
    "you have learned. Answer with its name alone.\n\nSymptoms: {question}\n\nDisease:"
)
QUESTION = "Question: {question}\n\nAnswer:"


def symptom_rows(data: Path, prompt: str = SYMPTOMS) -> list[tuple[str, str]]:
    """(prompt, answer) of 1,000 rows spread evenly over the symptom table, repetitions included."""
    rows = _spread(_table(data / "symptom_disease" / "dataset.csv")[1:])
    return [(prompt.format(question="; ".join(_symptoms(row[1:6]))), f" {row[0].strip()}") for row in rows]


def instructed_rows(data: Path) -> list[tuple[str, str]]:
    """The same behind an instruction that all of them begin with, as prompts for chat models do."""
    return symptom_rows(data, INSTRUCTED)


def medquad_rows(data: Path) -> list[tuple[str, str]]:
    """(prompt, answer) of 1,000 MedQuAD rows, spread evenly over those that are not too long."""
    rows = _table(data / "medquad" / "train.csv")[1:]
    pairs = [(" ".join(question.split()), " ".join(answer.split())) for _, question, answer in rows]
    fitting = [(q, a) for q, a in pairs if q and a and len(q) + len(a) <= MOST_CHARACTERS]
    return [(QUESTION.format(question=question), f" {answer}") for question, answer in _spread(fitting)]


WORKLOADS: dict[str, Callable[[Path], list[tuple[str, str]]]] = {
    "short": symptom_rows,
    "instructed": instructed_rows,
    "long": medquad_rows,
}


def prepare(
    folder: Path,
    data: Path,
    *,
    model: str,
    rows: str,
    dropout: float,
    steps: int,
    curve_steps: Mapping[str, int],
) -> dict[str, Any]:
    """Write a workload of so many steps; returns its facts.

    `curve_steps` says of how many steps the losses are computed in plain fp32, of a side that learns `answers` and of
    one that learns `all`; of answers none where the base is larger than `LARGEST_PLAIN`.
    """
    import torch
    from datasets import Dataset, disable_progress_bars
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from medadapt.examples.token_sets import write_token_set

    disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "llama2")
    tokenizer.pad_token = tokenizer.unk_token  # Llama 2 has none, and some peers insist
    values = json.loads((MODELS / f"{model}.json").read_text(encoding="utf-8"))
    config = AutoConfig.for_model(
        **values, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).to(torch.bfloat16).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    examples = list(_examples(tokenizer, WORKLOADS[rows](data)))
    write_token_set(folder / "examples" / "train", iter(examples))
    batches = [[examples[place] for place in places] for places in _order(len(examples), steps)]
    sequence = [example for batch in batches for example in batch]
    columns = ("input_ids", "labels", "prompt", "completion")
    Dataset.from_list([{name: getattr(e, name) for name in columns} for e in sequence]).save_to_disk(
        folder / "sequence"
    )
    rate = LEARNING_RATES.get(model, LEARNING_RATE)
    facts = {
        "model": model,
        "workload": rows,
        "dropout": dropout,
        "rows": [len(batch) for batch in batches],
        "tokens": [sum(len(e.input_ids) for e in batch) for batch in batches],
        "supervised": [sum(e.num_supervised for e in batch) for batch in batches],
        "longest": max(len(e.input_ids) for e in sequence),
        "lora": {"r": RANK, "lora_alpha": ALPHA, "lora_dropout": dropout, "target_modules": "all-linear"},
        "learning_rate": rate,
        "batch": BATCH,
        "precision": precision(),
        "cuda": torch.cuda.is_available(),
        **_plain_facts(
            folder, [[(e.input_ids, e.labels) for e in batch] for batch in batches], curve_steps, rate
        ),
    }
    (folder / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return facts


def precision() -> str:
    """The number format in which our engine computes on this device by itself."""
    from medadapt.models.device import DTYPES, pick_device, resolve_dtype

    got = resolve_dtype("auto", pick_device("auto"))
    return next(name for name, dtype in DTYPES.items() if dtype == got)


def _order(num_rows: int, steps: int) -> list[list[int]]:
    """Places of the rows of every step, as our engine takes them."""
    from medadapt.training.batches import rows_of_step

    return [rows_of_step(step, num_rows=num_rows, batch_size=BATCH, seed=0) for step in range(1, steps + 1)]


def _examples(tokenizer: Any, pairs: list[tuple[str, str]]) -> Iterator[Any]:
    """The rows that fit whole; answers are closed with the end token."""
    from medadapt.examples.masking import Example

    for number, (prompt, answer) in enumerate(pairs):
        start = tokenizer(prompt)["input_ids"]
        whole = tokenizer(prompt + answer)["input_ids"]
        if whole[: len(start)] != start or len(whole) >= LONGEST:
            continue
        end = [*whole[len(start) :], tokenizer.eos_token_id]
        yield Example(id=f"row-{number}", input_ids=start + end, labels=[IGNORED] * len(start) + end, prompt=prompt,
                      completion=answer, answer_cut=False, prompt_cut=False)  # fmt: skip


Rows = list[tuple[list[int], list[int]]]
"""Tokens and labels of each row."""


def _plain_facts(
    folder: Path, batches: list[Rows], curve_steps: Mapping[str, int], rate: float
) -> dict[str, Any]:
    """Draw the adapter; sizes of the model, and what its first steps must find, in plain fp32."""
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from safetensors.torch import save_file
    from torch import nn
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    head = base.get_output_embeddings().weight.numel()
    frozen = sum(
        layer.weight.numel()
        for layer in base.modules()
        if isinstance(layer, nn.Linear) and layer is not base.get_output_embeddings()
    )
    torch.manual_seed(0)
    model = get_peft_model(
        base,
        LoraConfig(
            r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )
    tensors = {name: tensor.contiguous() for name, tensor in get_peft_model_state_dict(model).items()}
    (folder / "adapter").mkdir()
    save_file(tensors, folder / "adapter" / "adapter_model.safetensors")
    steps = {
        "answers": curve_steps.get("answers", 0) if frozen <= LARGEST_PLAIN else 0,
        "all": curve_steps.get("all", 0),
    }
    return {
        "sizes": {
            "frozen": frozen,
            "head": head,
            "adapter": sum(tensor.numel() for tensor in tensors.values()),
        },
        "first_step": {learns: _plain_step(model, batches[0], learns) for learns in ("answers", "all")},
        **{
            f"curve_of_{learns}": _plain_curve(folder, model, batches[:number], learns, rate)
            for learns, number in steps.items()
        },
    }


def _plain_curve(folder: Path, model: Any, batches: list[Rows], learns: str, rate: float) -> list[float]:
    """The loss of each step from the first adapter on, with the optimizer that all sides have, without dropout."""
    import torch
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    set_peft_model_state_dict(model, load_file(folder / "adapter" / "adapter_model.safetensors"))
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    losses = []
    for rows in batches:
        losses.append(_plain_step(model, rows, learns)["loss"])
        optimizer.step()
    return losses


def _plain_step(model: Any, rows: Rows, learns: str) -> dict[str, float]:
    """Loss in nats per learned token and length of the gradient, one row after the other.

    `all` is what a tutorial's script learns: every token, the first one from padding on its left, and no end token.
    """
    import torch
    from torch.nn import functional

    model.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    if learns == "all":
        rows = [([0, *ids[:-1]], [IGNORED, *ids[:-1]]) for ids, _ in rows]
    count = sum(sum(label != IGNORED for label in labels[1:]) for _, labels in rows)
    for ids, labels in rows:
        seen = torch.ones(1, len(ids), dtype=torch.long)
        seen[0, 0] = int(learns == "answers")
        logits = model(input_ids=torch.tensor([ids]), attention_mask=seen).logits[0, :-1]
        loss = functional.cross_entropy(logits, torch.tensor(labels[1:]), reduction="sum")
        (loss / count).backward()
        total += loss.detach()
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    return {"loss": float(total) / count, "norm": float(norm)}


def _spread(rows: list[Any]) -> list[Any]:
    """1,000 rows, evenly over all."""
    return [rows[place * len(rows) // ROWS] for place in range(ROWS)]


def _symptoms(cells: list[str]) -> list[str]:
    return [cell.replace("_", " ").strip() for cell in cells if cell.strip()]


def _table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _main() -> None:
    from medadapt.models.quiet import quiet_libraries

    with quiet_libraries():
        prepare(Path(sys.argv[1]), Path(sys.argv[2]), **json.loads(sys.argv[3]))


if __name__ == "__main__":
    _main()
