"""Measure speed and memory on this machine; write results as JSON and render RESULTS.md from all of them.

    python benchmarks/run.py                        everything (most of a day on 2 cores)
    python benchmarks/run.py --only scoring         one case
    python benchmarks/run.py --render               only RESULTS.md
    python benchmarks/run.py --only training_peers --model llama-42m --workload short --sides native trl

Eight cases need the folder of real data sets that DATA.md describes (`--data`, by default shared/data beside the
checkout): training_peers, answering, data_runs, preparing, memory_growth, contrast, passages and gguf; a run of
everything leaves them out where it is not there. The first two and the last make an environment for each peer in
benchmarks/.environments/ (some gigabytes, once).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import answering_speed
import contrast_checks
import data_path
import data_runs
import engine_and_trl
import gguf_answers
import machine
import near_duplicates
import retrieval_speed
import same_answers
import sample_tasks
import scoring_speed
import serving_speed
import simulations
import start_up
import training_peers
import training_quality
from peers.comparison import SIDES, compare
from peers.workloads import WORKLOADS
from results_page import render

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared" / "data"
FIGURES = HERE.parent / "docs" / "explanation" / "figures"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", choices=sorted({*CASES, *WORKS}))
    peers = parser.add_argument_group("training_peers")
    peers.add_argument("--model", choices=training_peers.MODELS, help="only this base; also of answering")
    peers.add_argument("--workload", choices=sorted(WORKLOADS), help="only these rows")
    peers.add_argument(
        "--dropout", type=float, choices=training_peers.DROPOUTS, help="only this LoRA dropout"
    )
    peers.add_argument("--sides", nargs="+", choices=list(SIDES), help="only these trainers")
    peers.add_argument("--steps", type=int, help="optimiser steps, by default some for each base")
    quality = parser.add_argument_group("training_quality")
    quality.add_argument(
        "--tasks", nargs="+", choices=training_quality.TASKS, default=training_quality.TASKS,
        help="only these tasks of the demo",
    )  # fmt: skip
    quality.add_argument(
        "--seeds", type=int, default=training_quality.SEEDS, help="trainings of each backend"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="interleaved rounds of training_peers and answering"
    )
    parser.add_argument(
        "--rows", type=int, default=1000, help="of larger sources data_runs draws so many rows"
    )
    parser.add_argument("--large", action="store_true", help="data_path measures a million rows as well")
    parser.add_argument("--note", help="stands beside the result, such as: the machine was busy")
    parser.add_argument("--render", action="store_true", help="only render RESULTS.md")
    asked = parser.parse_args()
    if asked.steps is not None and asked.steps < training_peers.FEWEST_STEPS:
        parser.error(f"--steps: at least {training_peers.FEWEST_STEPS}, of which the first 3 are not timed")
    if not asked.render:
        names = [asked.only] if asked.only else sorted({*CASES, *WORKS})
        if not asked.data.is_dir():
            absent = (
                f"{asked.data} does not exist; DATA.md says what belongs into it, --data names another folder"
            )
            if asked.only and asked.only not in WITHOUT_DATA:
                sys.exit(absent)
            names = [name for name in names if name in WITHOUT_DATA]
            print(f"{absent}. Left out: {', '.join(sorted({*CASES, *WORKS} - WITHOUT_DATA))}", flush=True)
        failed = [
            work.stored_as
            for name in names
            for work in WORKS.get(name, _one_work(name))(asked)
            if not _is_measured(name, work, asked.note)
        ]
    (HERE / "RESULTS.md").write_text(render(HERE / "results"), encoding="utf-8")
    if not asked.render and failed:
        sys.exit(f"Not measured, for the reasons above: {', '.join(failed)}")


def _is_measured(name: str, work: Work, note: str | None) -> bool:
    """Do one measurement and keep it. One that fails says why, and the others still get their turn."""
    print(f"{work.stored_as} ...", flush=True)
    # Before the work: the checkout may change while it runs.
    about = machine.facts() | {"command": f"python benchmarks/run.py --only {name}{work.options}"}
    try:
        found = work.measure()
    except Exception:
        traceback.print_exc()
        return False
    _store(work.stored_as, about | ({"note": note} if note else {}), found)
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One measurement of a case, which has a file of its own."""

    stored_as: str
    options: str
    """What the command that repeats it says besides the case."""
    measure: Callable[[], dict[str, Any]]


def _one_work(name: str) -> Callable[[argparse.Namespace], list[Work]]:
    """A case that is one measurement."""

    def works(asked: argparse.Namespace) -> list[Work]:
        options, stored_as = "", name
        if name == "data_runs":
            options = f" --rows {asked.rows}"
        if name == "answering":
            options = f" --rounds {asked.rounds}"
            if asked.model:
                options, stored_as = f" --model {asked.model}{options}", f"answering-{asked.model}"
        if name == "data_path" and asked.large:
            options, stored_as = " --large", "data_path-large"
        if name == "training_quality":
            options = f" --tasks {' '.join(asked.tasks)} --seeds {asked.seeds}"
            # A closer look at some tasks does not take the place of the look at all of them.
            if set(asked.tasks) != set(training_quality.TASKS):
                stored_as = f"training_quality-{'-'.join(asked.tasks)}"
        return [Work(stored_as=stored_as, options=options, measure=lambda: CASES[name](asked))]

    return works


def _training_peers(asked: argparse.Namespace) -> list[Work]:
    """A measurement for each base, workload and dropout."""
    planned = training_peers.planned(
        model=asked.model,
        workload=asked.workload,
        dropout=asked.dropout,
        sides=asked.sides,
        steps=asked.steps,
        rounds=asked.rounds,
    )
    return [
        Work(
            stored_as=training_peers.name_of(one),
            options=training_peers.options_of(one),
            measure=partial(compare, asked.data.resolve(), one),
        )
        for one in planned
    ]


def _engine_and_trl(_: argparse.Namespace) -> dict[str, Any]:
    found = engine_and_trl.measure()
    engine_and_trl.draw(found, FIGURES / "engine_and_trl.png")
    return found


def _data_runs(asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return data_runs.measure_runs(asked.data.resolve(), Path(folder), rows=asked.rows)


def _in_scratch(
    measure: Callable[[Path, Path], dict[str, Any]],
) -> Callable[[argparse.Namespace], dict[str, Any]]:
    def run(asked: argparse.Namespace) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return measure(asked.data.resolve(), Path(folder))

    return run


def _training_quality(asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return training_quality.measure(Path(folder), asked.tasks, asked.seeds)


def _in_folder(measure: Callable[[Path], dict[str, Any]]) -> Callable[[argparse.Namespace], dict[str, Any]]:
    def run(_: argparse.Namespace) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return measure(Path(folder))

    return run


CASES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "engine_and_trl": _engine_and_trl,
    "data_runs": _data_runs,
    "preparing": _in_scratch(data_runs.measure_preparing),
    "memory_growth": _in_scratch(data_runs.measure_growth),
    "contrast": lambda asked: contrast_checks.measure(asked.data),
    "near_duplicates": lambda _: near_duplicates.measure(),
    "first_run": _in_folder(sample_tasks.measure_first_run),
    "demo": _in_folder(sample_tasks.measure_demo),
    "sample_tasks": _in_folder(sample_tasks.measure_tasks),
    "sample_answers": _in_folder(sample_tasks.measure_answers),
    "training_quality": _training_quality,
    "statistics": lambda _: simulations.measure(),
    "scoring": lambda _: scoring_speed.measure(),
    "data_path": lambda asked: data_path.measure(data_path.WITH_LARGE if asked.large else data_path.SIZES),
    "start_up": lambda _: start_up.measure(),
    "serving": _in_folder(serving_speed.measure),
    "same_answers": _in_folder(same_answers.measure),
    "gguf": _in_scratch(gguf_answers.measure),
    "passages": _in_scratch(retrieval_speed.measure),
    "answering": lambda asked: answering_speed.measure(
        asked.data.resolve(),
        rounds=asked.rounds,
        names=[asked.model] if asked.model else answering_speed.NAMES,
    ),
}
WORKS: dict[str, Callable[[argparse.Namespace], list[Work]]] = {"training_peers": _training_peers}
"""Cases of several measurements."""
WITHOUT_DATA = {
    "engine_and_trl", "near_duplicates", "first_run", "demo", "sample_tasks", "sample_answers", "training_quality",
    "statistics", "scoring", "data_path", "start_up", "serving", "same_answers",
}  # fmt: skip


def _store(name: str, about: dict[str, Any], found: dict[str, Any]) -> None:
    """Write a result into the folder of its machine."""
    folder = HERE / "results" / machine.folder_of(about)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"case": name, "about": about, "found": found}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
