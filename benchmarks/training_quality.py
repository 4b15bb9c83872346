"""Whether the quick engine tunes as well as TRL: the demo tasks, trained by both under the same seeds.

    python benchmarks/run.py --only training_quality                        all tasks, 3 seeds
    python benchmarks/run.py --only training_quality --tasks qa --seeds 8   a closer look at one

Each backend runs `medadapt run demo-TASK --seeds N` on the same records. With three seeds of TRL's trainer the mean
of its tuned models is known to a Student interval of two degrees of freedom, which is wide. Both backends begin with
the same adapter and rows under one seed, so their difference seed by seed is told as well, with the interval of its
mean.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from medadapt.core.recipe import LoraSection
from medadapt.workflow.demo import DEMOS
from timing import timed

BACKENDS = ("native", "trl")
TASKS = tuple(DEMOS)
SEEDS = 3
LEVEL = 0.95


def measure(folder: Path, tasks: Sequence[str] = TASKS, seeds: int = SEEDS) -> dict[str, Any]:
    """Task -> the tuned models' primary metric and validation loss by backend and seed, and where ours lie.

    As many runs at a time as there are processors, each with one thread.
    """
    pairs = [(task, backend) for task in tasks for backend in BACKENDS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = dict(zip(pairs, pool.map(lambda pair: _run(*pair, folder, seeds), pairs), strict=True))
    return {
        "dropout": LoraSection().dropout,
        "level": LEVEL,
        "tasks": {task: _task({name: runs[task, name] for name in BACKENDS}) for task in tasks},
    }


def section(found: Mapping[str, Any]) -> Iterator[str]:
    """The part of the results page, as Markdown."""
    yield "### As well tuned as by TRL's trainer\n"
    seeds = max(len(one["seeds"]) for one in found["tasks"].values())
    yield (
        f"The demo tasks trained by the engine and by `training.backend: trl` under the same {seeds} seeds, LoRA "
        f"dropout {found['dropout']}: the tuned models' mean and each of them, the {found['level']:.0%} interval "
        f"of the mean of those that TRL trained (Student's t, {seeds - 1} degrees of freedom), and that of the mean "
        "difference, engine less TRL, seed by seed. Where both tune equally well and seeds have nothing in common, a "
        f"mean lies outside of the interval in {outside_by_chance(seeds):.0%} of cases.\n"
    )
    names = ["task", "test records", "metric", "engine", "TRL", "interval of TRL", "engine's mean in it"]
    names += ["engine - TRL"]
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    for task, one in found["tasks"].items():
        for metric, told in one["metrics"].items():
            each = [
                f"{np.mean(told[name]):.4g} ({', '.join(f'{value:.4g}' for value in told[name])})"
                for name in BACKENDS
            ]
            interval = f"{told['low']:.4g} to {told['high']:.4g}"
            cells = [task, str(one["n"]), metric, *each, interval, "yes" if told["inside"] else "NO"]
            cells += [_difference(told)]
            lines.append(f"| {' | '.join(cells)} |")
    yield "\n".join(lines) + "\n"


def _difference(told: Mapping[str, Any]) -> str:
    """The mean difference of both backends and its interval; under one seed they begin alike."""
    differences = np.subtract(*(told[name] for name in BACKENDS))
    low, high = student_interval(differences)
    return f"{differences.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def student_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Interval of the mean of a few values that scatter normally.

    >>> low, high = student_interval([1.0, 2.0, 3.0])
    >>> round(low, 2), round(high, 2)
    (-0.48, 4.48)
    """
    reach = stats.t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values) - reach), float(np.mean(values) + reach)


def outside_by_chance(seeds: int, level: float = LEVEL) -> float:
    """How often the mean of one trainer lies outside the interval of another that is as good and independent.

    The difference of the two means scatters by the square root of 2 more than the mean that the interval is of.
    """
    reach = stats.t.ppf((1 + level) / 2, seeds - 1)
    return float(2 * stats.t.sf(reach / np.sqrt(2), seeds - 1))


def _task(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Both backends of one task, metric by metric."""
    metrics = {}
    for metric in runs["trl"]["metrics"]:
        values = {name: runs[name]["metrics"][metric] for name in BACKENDS}
        low, high = student_interval(values["trl"])
        inside = bool(low <= np.mean(values["native"]) <= high)
        metrics[metric] = {**values, "low": low, "high": high, "inside": inside}
    return {
        "n": runs["trl"]["n"],
        "metrics": metrics,
        "seconds": {name: runs[name]["seconds"] for name in BACKENDS},
        "seeds": runs["trl"]["seeds"],
    }


def _run(task: str, backend: str, folder: Path, seeds: int) -> dict[str, Any]:
    run = folder / f"{task}-{backend}"
    asked = [
        "run",
        f"demo-{task}",
        "--set",
        f"training.backend={backend}",
        "--seeds",
        str(seeds),
        "-o",
        str(run),
    ]
    cost = timed(asked, threads=1)
    spread = json.loads((run / "5-metrics" / "seeds.json").read_text(encoding="utf-8"))
    first, *others = spread["seeds"]
    runs = [run, *(run / "seeds" / str(seed) for seed in others)]
    return {
        "n": spread["n"],
        "seeds": [first, *others],
        "metrics": {
            spread["primary"]: [spread["values"][str(seed)] for seed in spread["seeds"]],
            "validation loss": [_validation_loss(one) for one in runs],
        },
        **cost,
    }


def _validation_loss(run: Path) -> float:
    """The lowest one of a training, in nats per token: that of the adapter which is kept."""
    lines = (run / "3-adapter" / "steps.jsonl").read_text(encoding="utf-8").splitlines()
    return min(float(row["validation_loss"]) for row in map(json.loads, lines) if "validation_loss" in row)
