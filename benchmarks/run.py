"""Measure speed and memory on this machine; write results as JSON and render RESULTS.md from all of them.

    python benchmarks/run.py                        everything (most of a day on 2 cores)
    python benchmarks/run.py --missing              what has no result of this machine yet, such as after Ctrl-C
    python benchmarks/run.py --only scoring         one case
    python benchmarks/run.py --render               only RESULTS.md
    python benchmarks/run.py --only training_peers --model llama-42m --workload short --sides native trl

On a processor without instructions for bf16, trainers whose defaults want it run only where --sides names them: they
take days there, and what they take says little about them.

Every result is kept and RESULTS.md rendered as soon as a case is done. A result never takes the place of one with more
trainers, steps or rounds unless `--replace` is given.

Nine cases need the folder of real data sets that DATA.md describes (`--data`, by default shared/data beside the
checkout): training_peers, techniques, answering, data_runs, preparing, memory_growth, contrast, passages and gguf; a
run of everything leaves them out where it is not there. training_peers, answering and gguf make an environment for
each peer in benchmarks/.environments/ (some gigabytes, once).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import answering_speed
import contrast_checks
import data_files
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
import techniques
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
    parser.add_argument("--missing", action="store_true", help="only what has no result of this machine yet")
    parser.add_argument(
        "--replace", action="store_true", help="also results with more trainers, steps or rounds"
    )
    parser.add_argument("--note", help="stands beside the result, such as: the machine was busy")
    parser.add_argument("--render", action="store_true", help="only render RESULTS.md")
    asked = parser.parse_args()
    if asked.steps is not None and asked.steps < training_peers.FEWEST_STEPS:
        parser.error(f"--steps: at least {training_peers.FEWEST_STEPS}, of which the first 3 are not timed")
    if asked.render:
        _render()
        return
    names = [asked.only] if asked.only else sorted({*CASES, *WORKS})
    without = {name: absent for name in names if (absent := data_files.missing(name, asked.data))}
    if asked.only and without:
        sys.exit(_without_data(without, asked.data))
    works = [
        (name, work)
        for name in names
        if name not in without
        for work in WORKS.get(name, _one_work(name))(asked)
    ]
    if asked.missing:
        works = [(name, work) for name, work in works if _stored(work.stored_as) is None]
    failed = []
    for number, (name, work) in enumerate(works, start=1):
        print(f"{work.stored_as} ({number} of {len(works)}){_last_time(work)} ...", flush=True)
        if problem := _not_measured(name, work, asked):
            failed.append(f"{work.stored_as}: {problem}")
        _render()
    if without:
        print(_without_data(without, asked.data), flush=True)
    if failed:
        sys.exit("Not measured:\n" + "\n".join(failed))


def _render() -> None:
    (HERE / "RESULTS.md").write_text(render(HERE / "results"), encoding="utf-8")


def _without_data(without: Mapping[str, list[str]], data: Path) -> str:
    """Which cases are left out for want of data."""
    lines = [f"  {name}: {', '.join(absent)}" for name, absent in without.items()]
    return "\n".join([
        f"Not measured, because {data} lacks what they read (benchmarks/DATA.md says where it is from; --data names "
        "another folder):", *lines
    ])  # fmt: skip


def _last_time(work: Work) -> str:
    """How long it took on this machine before, where that is known."""
    seconds = (_stored(work.stored_as) or {"about": {}})["about"].get("seconds")
    return f", {math.ceil(seconds / 60)} min last time" if seconds else ""


def _not_measured(name: str, work: Work, asked: argparse.Namespace) -> str | None:
    """Do one measurement and keep it; returns why there is no result. The others still get their turn."""
    began = time.monotonic()
    try:
        # Before the work: the checkout may change while it runs.
        about = machine.facts() | {"command": f"python benchmarks/run.py --only {name}{work.options}"}
        if work.weight is not None and not asked.replace:
            there = _stored(work.stored_as)
            if there and any(one > other for one, other in zip(_weight(there), work.weight, strict=True)):
                print("  kept: it has more trainers, steps or rounds; --replace measures it anew", flush=True)
                return None
        if other := list(data_files.other_than_published(name, asked.data)):
            about["note"] = f"Other data than the published results have: {', '.join(other)}."
            print(f"  {about['note']}", flush=True)
        found = work.measure()
    except Exception as problem:
        traceback.print_exc()
        return str(problem).splitlines()[0] if str(problem) else type(problem).__name__
    if asked.note:
        about["note"] = " ".join([about.get("note", ""), asked.note]).strip()
    about["seconds"] = round(time.monotonic() - began)
    print(f"  {about['seconds']} s", flush=True)
    lost = _lost_sides(_stored(work.stored_as), found) if not asked.replace else []
    if lost:
        _store(work.stored_as, about, found, below="incomplete")
        return f"{', '.join(lost)} did not run now, so the stored result stays; this one lies in incomplete/"
    _store(work.stored_as, about, found)
    return None


def _stored(name: str) -> dict[str, Any] | None:
    """The result of this machine that is there already."""
    path = HERE / "results" / machine.folder_of(_machine()) / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


@cache
def _machine() -> dict[str, Any]:
    return machine.facts()


def _weight(stored: Mapping[str, Any]) -> tuple[int, int, int]:
    """Trainers, steps and rounds of a comparison; in place of the first two those of answering have bases."""
    asked = stored["found"].get("asked")
    if asked:
        return len(stored["found"]["sides"]), asked["steps"], asked["rounds"]
    models = stored["found"]["models"].values()
    return len(models), 0, min(len(one["labels"]["runs"]["ours"]) for one in models)


def _lost_sides(there: Mapping[str, Any] | None, found: Mapping[str, Any]) -> list[str]:
    """Trainers of the stored result that were asked to run again and did not."""
    if not there or "asked" not in found:
        return []
    return [side for side in there["found"]["sides"] if side in found["not_run"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One measurement of a case, which has a file of its own."""

    stored_as: str
    options: str
    """What the command that repeats it says besides the case."""
    measure: Callable[[], dict[str, Any]]
    weight: tuple[int, int, int] | None = None
    """Trainers, steps and rounds, where fewer of them must not take the place of more."""


def _one_work(name: str) -> Callable[[argparse.Namespace], list[Work]]:
    """A case that is one measurement."""

    def works(asked: argparse.Namespace) -> list[Work]:
        options, stored_as, weight = "", name, None
        if name == "data_runs":
            options = f" --rows {asked.rows}"
        if name == "answering":
            options = f" --rounds {asked.rounds}"
            weight = (1 if asked.model else len(answering_speed.NAMES), 0, asked.rounds)
            if asked.model:
                options, stored_as = f" --model {asked.model}{options}", f"answering-{asked.model}"
        if name == "data_path" and asked.large:
            options, stored_as = " --large", "data_path-large"
        if name == "training_quality":
            options = f" --tasks {' '.join(asked.tasks)} --seeds {asked.seeds}"
            # A closer look at some tasks does not take the place of the look at all of them.
            if set(asked.tasks) != set(training_quality.TASKS):
                stored_as = f"training_quality-{'-'.join(asked.tasks)}"
        measure = partial(CASES[name], asked)
        return [Work(stored_as=stored_as, options=options, measure=measure, weight=weight)]

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
        is_slow=not (_machine()["instructions"] or _machine()["cuda"]),
    )
    return [
        Work(
            stored_as=training_peers.name_of(one),
            options=training_peers.options_of(one),
            measure=partial(compare, asked.data.resolve(), one),
            weight=(len(one.sides), one.steps, one.rounds),
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
    "techniques": lambda asked: techniques.measure(asked.data.resolve()),
    "answering": lambda asked: answering_speed.measure(
        asked.data.resolve(),
        rounds=asked.rounds,
        names=[asked.model] if asked.model else answering_speed.NAMES,
    ),
}
WORKS: dict[str, Callable[[argparse.Namespace], list[Work]]] = {"training_peers": _training_peers}
"""Cases of several measurements."""


def _store(name: str, about: dict[str, Any], found: dict[str, Any], *, below: str = "") -> None:
    """Write a result into the folder of its machine, or into one below it that the page does not show."""
    folder = HERE / "results" / machine.folder_of(about) / below
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"case": name, "about": about, "found": found}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
