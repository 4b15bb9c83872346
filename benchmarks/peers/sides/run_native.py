"""Our engine with the settings of a recipe, on a prepared workload.

What a run does around its steps, such as a line in steps.jsonl for each, is not part of it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from watching import asked, result, tell, wait

from medadapt.core.recipe import LoraSection, ModelSection, TrainingSection
from medadapt.examples.token_sets import TokenSet
from medadapt.models.adapter import new_adapter
from medadapt.models.loading import load_base
from medadapt.models.lora import adapter_tensors, lora_layers, put_adapter_tensors
from medadapt.models.packed.decoder import pack_for, packed_decoder
from medadapt.training.batches import cut_by_tokens, pad, rows_of_step
from medadapt.training.engine import Engine, TrainingState, train_steps
from medadapt.training.memory import plan_memory
from medadapt.training.optimizer import make_optimizer
from medadapt.training.scaling import first_scale

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from time_shares import time_shares


def main() -> None:
    folder, facts, settings = asked()
    lora = facts["lora"]
    base = load_base(ModelSection(base=str(folder / "base")))
    new_adapter(
        base, LoraSection(rank=lora["r"], alpha=lora["lora_alpha"], dropout=lora["lora_dropout"]), seed=0
    )
    first = load_file(folder / "adapter" / "adapter_model.safetensors")
    put_adapter_tensors(base.model, first)
    training = TrainingSection(
        batch_size=facts["batch"], learning_rate=facts["learning_rate"], schedule="constant", warmup=0,
        weight_decay=0, max_grad_norm=None,
    )  # fmt: skip
    rows = TokenSet(folder / "examples" / "train")
    engine = Engine(
        model=base.model,
        optimizer=make_optimizer(adapter_tensors(base.model), weight_decay=training.weight_decay),
        training=training,
        rows=rows,
        seed=0,
        max_steps=settings["steps"],
        packed=packed_decoder(base.model),
    )
    memory = plan_memory(
        base.model,
        training,
        longest=int(rows.lengths.max()),
        total_memory=base.facts["device"]["total_memory"],
        is_packed=engine.packed is not None,
    )
    state = TrainingState(memory=memory, scale=first_scale(base.facts["precision"]["got"]))
    steps, ends, began, warm_up = [], [], time.perf_counter(), settings["warm_up"]
    course = train_steps(engine, state, note=print)
    if settings.get("profile"):
        first_steps = [next(course) for _ in range(warm_up)]
        shares = time_shares(lambda: [*course])
        print("\n" + json.dumps({"shares": shares, "steps": settings["steps"] - len(first_steps)}))
        return
    for done in course:
        wait()
        ends.append(time.perf_counter())
        steps.append(done)
    now = adapter_tensors(base.model)
    tell(
        result(
            began=began,
            ends=ends,
            warm_up=warm_up,
            timed={
                **_work(steps[warm_up:], facts),
                "padded": _padded(range(warm_up + 1, len(steps) + 1), engine, state),
            },
            whole=_work(steps, facts),
            losses=[done.loss for done in steps],
            grad_norm=steps[0].grad_norm,
            adapters=len(now),
            moved=sum(not now[name].detach().cpu().equal(first[name]) for name in now),
            dropouts=sorted({layer.dropout for _, layer in lora_layers(base.model)}),
            device=base.device.type,
            computes_in=str(base.model.get_input_embeddings().weight.dtype).removeprefix("torch."),
        ),
        "torch",
        "transformers",
    )


def _work(steps: list[Any], facts: dict[str, Any]) -> dict[str, int]:
    return {
        "rows": sum(facts["rows"][done.step - 1] for done in steps),
        "tokens": sum(done.tokens for done in steps),
        "supervised": sum(done.supervised for done in steps),
    }


def _padded(timed: range, engine: Engine, state: TrainingState) -> int:
    """Tokens that went through the model in these steps: padding counts, a common beginning once."""
    padded = 0
    for step in timed:
        places = rows_of_step(
            step, num_rows=len(engine.rows), batch_size=engine.training.batch_size, seed=engine.seed
        )
        rows = engine.rows.rows(places)
        lengths = [len(row["input_ids"]) for row in rows]
        for micro in cut_by_tokens(lengths, state.memory.micro_tokens, padding=state.memory.padding):
            some = [rows[place] for place in micro]
            if engine.packed is None:
                padded += pad(some, torch.device("cpu")).tokens_BT.numel()
            else:
                padded += pack_for(engine.packed, [row["input_ids"] for row in some]).num_tokens
    return padded


if __name__ == "__main__":
    main()
