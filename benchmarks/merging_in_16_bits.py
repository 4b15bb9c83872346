"""What an evaluation in bf16 would measure if the adapter were merged first, against base and adapter apart.

The demo for symptoms is run with two learning rates: its own and the default of recipes for large bases. Its tuned
model then scores all labels of all test records in bf16, apart and merged, and in fp32 on the same base weights, which
is what the adapter means. Figures are nats per label.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from timing import timed

RATES = {"3e-3, the demo's": 3e-3, "2e-4, the default": 2e-4}


def measure(folder: Path) -> dict[str, Any]:
    """By learning rate: what rounding does to the update, to the scores and to the choices."""
    found = {}
    for place, (name, rate) in enumerate(RATES.items()):
        run = folder / str(place)
        timed(["run", "demo-symptoms", "--set", f"training.learning_rate={rate}", "-o", str(run)])
        found[name] = _measured(run)
    return found


def _measured(run: Path) -> dict[str, Any]:
    import torch

    from medadapt.models.merging import merge_adapter

    exact = _scores(_tuned(run, wide=True), run)
    base = _tuned(run)
    apart = _scores(base, run)
    kept, lost = _rounding(base)
    merge_adapter(base)
    merged = _scores(base, run)

    def far(other: Any) -> float:
        return float((other - exact).abs().mean())

    def flips(other: Any) -> int:
        return int((other.argmax(1) != exact.argmax(1)).sum())

    return {
        "records": len(exact),
        "labels": exact.shape[1],
        "weights_left_as_they_were": kept,
        "share_of_the_update_lost": lost,
        "mean_difference": {"apart": far(apart), "merged": far(merged)},
        "largest_difference": {
            "apart": float((apart - exact).abs().max()), "merged": float((merged - exact).abs().max()),
        },
        "other_choices": {"apart": flips(apart), "merged": flips(merged)},
        "finite": bool(torch.isfinite(torch.stack([exact, apart, merged])).all()),
    }  # fmt: skip


def _tuned(run: Path, *, wide: bool = False) -> Any:
    """Base and adapter of a run in bf16; with `wide` the same base weights compute in fp32."""
    import torch

    from medadapt.models.adapter import load_adapter
    from medadapt.models.loading import load_base
    from medadapt.serving.command_targets import read_run

    found = read_run(str(run))
    base = load_base(found.recipe.model.model_copy(update={"precision": "bf16"}), device="cpu")
    if wide:
        base.model.float()
        base = replace(base, dtype=torch.float32)
    return load_adapter(base, found.folder.adapter)


def _scores(base: Any, run: Path) -> Any:
    """(records, labels) log-likelihoods of the labels after each test record."""
    import torch

    from medadapt.core.records import read_records
    from medadapt.core.run_folder import RunFolder
    from medadapt.examples.encoding import load_encoder
    from medadapt.predictions.batching import TokenBudget
    from medadapt.predictions.questions import closes_choices, pose
    from medadapt.predictions.scoring import choice_scores

    folder = RunFolder(run)
    encoder = load_encoder(folder.examples, base.tokenizer)
    records = list(read_records(folder.records / "test.jsonl"))
    questions = pose(encoder, records, close_choices=closes_choices(encoder))
    with torch.no_grad():
        scores = choice_scores(base, questions, budget=TokenBudget(8192), advance=lambda _: None)
    return torch.tensor([list(some.values()) for some in scores], dtype=torch.float64)


def _rounding(base: Any) -> tuple[float, float]:
    """Share of the adapted weights that a merge in the base's format leaves alone, and of the update that it loses."""
    from medadapt.models.lora import effective_weight, lora_layers

    same = total = 0
    lost = whole = 0.0
    for _, layer in lora_layers(base.model):
        before, after = layer.base.weight.float(), effective_weight(layer)
        rounded = after.to(layer.base.weight.dtype).float()
        same, total = same + int((rounded == before).sum()), total + before.numel()
        lost += float((rounded - after).square().sum())
        whole += float((after - before).square().sum())
    return same / total, math.sqrt(lost / whole)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(name)), indent=1))
