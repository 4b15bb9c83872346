"""What each technique of the training engine gains: steps with it and without it, in interleaved rounds.

The base is a 42M Llama with random weights and a LoRA adapter r=16 on all linear layers, dropout 0.05, in the number
format that the engine chooses on this device. Timed is the gradient of optimiser steps of 8 rows, forwards and
backwards, through the engine's own functions. In a round every way works on the same rows, and no way is timed on a row
twice, because shapes that come again are quicker. A way whose losses without dropout are not the engine's has no ratio;
its gradients are not compared.

    python benchmarks/techniques.py DATA    prints a line of JSON; DATA holds the real data sets
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

MODEL = "llama-42m"
STEPS = {"short": 6, "instructed": 6, "long": 2}
"""Steps of each round; long rows take ten times as long."""
WARM_UP = 2
ROUNDS = 5
DROPOUT = 0.05
SAME = {"fp32": 1e-4, "bf16": 0.05}
"""Largest relative difference of the losses of a step, without dropout, that rounding may make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """Models by number format, the one that the engine chooses, and the rows of each step."""

    models: dict[str, Any]
    precision: str
    steps: Sequence[Any]
    micro_tokens: int
    padding: int
    """The bound on padding where rows are padded."""

    def gradients(self, switch: Any, steps: Sequence[int]) -> None:
        """Compute the gradients of some steps with dropout, as in a training, and drop them."""
        from medadapt.training.engine import accumulate_gradient
        from medadapt.training.memory import MemoryPlan

        model, packed = self._way(switch)
        model.train()
        plan = MemoryPlan(
            micro_tokens=self.micro_tokens,
            checkpointing=switch.recompute,
            padding=self.padding if switch.is_even and packed is None else None,
        )
        for step in steps:
            accumulate_gradient(model, self.steps[step], memory=plan, step=step, seed=0, packed=packed)
            model.zero_grad(set_to_none=True)

    def loss(self, switch: Any, steps: Sequence[int]) -> float:
        """The summed loss of some steps without dropout."""
        from medadapt.training.loss import rows_nll

        model, packed = self._way(switch)
        model.eval()
        return sum(rows_nll(model, self.steps[step], packed=packed).item() for step in steps)

    def _way(self, switch: Any) -> tuple[Any, Any]:
        from medadapt.models.packed.decoder import packed_decoder

        model = self.models[switch.precision or self.precision]
        return model, packed_decoder(model) if switch.is_packed else None


def measure(data: Path) -> dict[str, Any]:
    """By kind of rows and technique: how many times as fast a step is with it, of each round."""
    from engine_techniques.switches import SWITCHES

    return {
        "model": MODEL,
        "dropout": DROPOUT,
        "techniques": {name: {"does": one.does, "kept": one.kept} for name, one in SWITCHES.items()},
        "rows": {kind: _measured(data, kind) for kind in STEPS},
    }


def _measured(data: Path, kind: str) -> dict[str, Any]:
    from engine_techniques.switches import ALL, SWITCHES

    with tempfile.TemporaryDirectory() as folder:
        bench = _prepared(Path(folder), data, kind)
        left_out = {name: switch.missing for name, switch in SWITCHES.items() if switch.missing}
        if bench.precision != "bf16":
            left_out["16 bits"] = "this processor has bf16 in software only"
        switches = {name: switch for name, switch in SWITCHES.items() if name not in left_out}
        other = _other_losses(bench, switches)
        ways: dict[str | None, Any] = {None: ALL} | switches
        seconds: dict[str | None, list[float]] = {name: [] for name in ways}
        for number in range(ROUNDS):
            first = WARM_UP + number * STEPS[kind]
            turn = number % len(ways)
            for name in [*list(ways)[turn:], *list(ways)[:turn]]:
                print(f"  {kind}, round {number + 1}: {name or 'all'}", file=sys.stderr, flush=True)
                seconds[name].append(_seconds(bench, ways[name], range(first, first + STEPS[kind])))
    of_rounds = {
        name: [
            without / whole
            for without, whole in zip(seconds[name], seconds[switches[name].beside], strict=True)
        ]
        for name in switches
    }
    return {
        "tokens_a_row": _mean_length(bench),
        "seconds_a_step": median(seconds[None]) / STEPS[kind],
        "precision": bench.precision,
        "gains": {
            name: {"value": median(ratios), "low": min(ratios), "high": max(ratios)}
            if switches[name].kept
            else {"value": 1 / median(ratios), "low": 1 / max(ratios), "high": 1 / min(ratios)}
            for name, ratios in of_rounds.items()
            if name not in other
        },
        "refused": other,
        "not_measured": left_out,
    }


def _seconds(bench: _Bench, switch: Any, steps: range) -> float:
    with switch.applied():
        bench.gradients(switch, range(WARM_UP))
        started = time.perf_counter()
        bench.gradients(switch, steps)
        return time.perf_counter() - started


def _other_losses(bench: _Bench, switches: dict[str, Any]) -> dict[str, str]:
    """The ways whose losses are not those of the engine."""
    from engine_techniques.switches import ALL

    wanted = bench.loss(ALL, range(WARM_UP))
    other = {}
    for name, switch in switches.items():
        with switch.applied():
            found = bench.loss(switch, range(WARM_UP))
        if abs(found - wanted) > SAME[bench.precision] * wanted:
            other[name] = f"its loss is {found:.6g} and not {wanted:.6g}"
    return other


def _prepared(folder: Path, data: Path, kind: str) -> _Bench:
    from medadapt.core.recipe import LoraSection, ModelSection, TrainingSection
    from medadapt.examples.token_sets import TokenSet
    from medadapt.models.adapter import new_adapter
    from medadapt.models.loading import load_base
    from medadapt.training.batches import rows_of_step
    from medadapt.training.memory import plan_memory
    from peers.workloads import ALPHA, BATCH, RANK, precision, prepare

    steps = WARM_UP + ROUNDS * STEPS[kind]
    prepare(folder, data, model=MODEL, rows=kind, dropout=DROPOUT, steps=1, curve_steps={})
    chosen = precision()
    models = {}
    for one in {chosen, "fp32"} if chosen == "bf16" else {chosen}:
        base = load_base(ModelSection(base=str(folder / "base"), precision=one))
        new_adapter(base, LoraSection(rank=RANK, alpha=ALPHA, dropout=DROPOUT), seed=0)
        models[one] = base.model.train()
    rows = TokenSet(folder / "examples" / "train")
    batches = [
        rows.rows(rows_of_step(step, num_rows=len(rows), batch_size=BATCH, seed=0))
        for step in range(1, steps + 1)
    ]
    memory = plan_memory(
        models[chosen],
        TrainingSection(batch_size=BATCH),
        longest=int(rows.lengths.max()),
        total_memory=base.facts["device"]["total_memory"],
        is_packed=False,
    )
    assert memory.padding is not None
    return _Bench(
        models=models,
        precision=chosen,
        steps=batches,
        micro_tokens=memory.micro_tokens,
        padding=memory.padding,
    )


def _mean_length(bench: _Bench) -> float:
    lengths = [len(row["input_ids"]) for rows in bench.steps for row in rows]
    return sum(lengths) / len(lengths)


def section(found: dict[str, Any]) -> list[str]:
    """The part of the results page, as lines of Markdown."""
    kinds, techniques = found["rows"], found["techniques"]
    lines = [
        "### What each technique of the engine gains\n",
        f"{found['model']}, LoRA r=16 on all linear layers, dropout {found['dropout']}, 8 rows a step, {ROUNDS} "
        "interleaved rounds of rows not seen before: how many times as fast the gradient of a step is with the "
        "technique as without it (smallest and largest of a round). Each is switched off alone; where two do the "
        "same work, each gains less beside the other.\n",
    ]
    for kept, title in ((True, "technique"), (False, "tried and left out")):
        names = [name for name, one in techniques.items() if one["kept"] == kept]
        lines.append(f"| {title} | " + " | ".join(_title(kind, one) for kind, one in kinds.items()) + " |")
        lines.append("| --- |" + " --- |" * len(kinds))
        lines += [
            f"| {techniques[name]['does']} | " + " | ".join(_cell(one, name) for one in kinds.values()) + " |"
            for name in names
        ]
        lines.append("")
    reasons = {
        f"{techniques[name]['does']}: {reason}"
        for one in kinds.values()
        for name, reason in {**one["refused"], **one["not_measured"]}.items()
    }
    lines += [f"Not measured: {'; '.join(sorted(reasons))}.", ""] if reasons else []
    return lines


def _title(kind: str, one: dict[str, Any]) -> str:
    return f"{kind} rows ({one['tokens_a_row']:.0f} tokens, {one['precision']})"


def _cell(one: dict[str, Any], name: str) -> str:
    gain = one["gains"].get(name)
    return f"{gain['value']:.2f} ({gain['low']:.2f} to {gain['high']:.2f})" if gain else ""


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]).resolve())))
