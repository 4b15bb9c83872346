"""Measure speed and memory on this machine; write results as JSON and render RESULTS.md from all of them.

    python benchmarks/run.py                        everything that is not up to date (most of a day on 2 cores)
    python benchmarks/run.py --replace              everything
    python benchmarks/run.py --only scoring         one case
    python benchmarks/run.py --render               only RESULTS.md
    python benchmarks/run.py --only training_peers --model llama-42m --workload short --sides native trl

A result is up to date that this machine found with these very sources and versions. So the same command goes on after
Ctrl-C, and a commit in between that changes no source loses nothing; where sources were changed and not committed, or
without git, everything is measured.

On a processor without instructions for bf16, trainers whose defaults want it run only where --sides names them: they
take days there, and what they take says little about them. Of bases above 0.5B only our own speed is measured there,
and without LoRA dropout only those up to 135M; answering takes the smaller base alone. --model has all of them.

Every result is kept and RESULTS.md rendered as soon as a case is done; whole rounds of a comparison of trainers, and
whole bases of answering, lie in incomplete/ beside the results until then. A result never takes the place of one with
a trainer, base or task that it lacks, or with more steps, rounds or seeds, unless `--replace` is given.

Nine cases need the folder of real data sets that DATA.md describes (`--data`, by default shared/data beside the
checkout): training_peers, techniques, answering, data_runs, preparing, memory_growth, contrast, passages and gguf; a
run of everything leaves them out where it is not there. training_peers, answering and gguf make an environment for
each peer in benchmarks/.environments/, once: about 2 GB each with a CPU build of torch, several times that with CUDA,
which the package index gives on Linux. A base is prepared in fp32: 5 GB of memory for 1.3B parameters, 32 GB for 8B.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from peers.rounds import without_folders
from peers.workloads import MODELS, WORKLOADS
from results_page import render

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared" / "data"
FIGURES = HERE.parent / "docs" / "explanation" / "figures"
INCOMPLETE = "incomplete"
"""Below the results of a machine: what the page does not show."""


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
    parser.add_argument(
        "--replace",
        action="store_true",
        help="also results that are up to date, or have other trainers, or more steps or rounds",
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
    if not (asked.only or asked.replace):
        works = _not_up_to_date(works)
    try:
        failed = _measured_in_turn(works, asked)
    except KeyboardInterrupt:
        sys.exit("\nStopped. Everything that was done is kept; the same command goes on.")
    if without:
        print(_without_data(without, asked.data), flush=True)
    if failed:
        sys.exit("Not measured:\n" + "\n".join(failed))


def _not_up_to_date(works: Sequence[tuple[str, Work]]) -> list[tuple[str, Work]]:
    left = [(name, work) for name, work in works if not _is_up_to_date(name, work)]
    if done := len(works) - len(left):
        print(f"{done} of {len(works)} are up to date; --replace measures them anew.", flush=True)
    return left


def _measured_in_turn(works: Sequence[tuple[str, Work]], asked: argparse.Namespace) -> list[str]:
    """Measure all; returns which have no result and why."""
    failed = []
    for number, (name, work) in enumerate(works, start=1):
        print(f"{work.stored_as} ({number} of {len(works)}){_last_time(work)} ...", flush=True)
        if problem := _not_measured(name, work, asked):
            failed.append(f"{work.stored_as}: {problem}")
        _render()
    return failed


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
    there = _stored(work.stored_as) if work.scope and not asked.replace else None
    if there and not work.scope.holds(_scope_of(there["found"])):
        more = "a trainer that was not asked for, or more steps or rounds"
        print(f"  kept: it has {more}; --replace measures it anew", flush=True)
        return None
    began = time.monotonic()
    try:
        # Before the work: the checkout may change while it runs.
        about = _about(name, work, asked)

        def keep(found: dict[str, Any]) -> None:
            so_far = about | {"seconds": round(time.monotonic() - began)}
            _store(work.stored_as, so_far, found, below=INCOMPLETE)

        found = work.measure(keep)
    except Exception as problem:
        traceback.print_exc()
        if said := _stderr_of(problem):
            print(said[-3000:], file=sys.stderr, flush=True)
        return _reason(problem)
    about["seconds"] = round(time.monotonic() - began)
    print(f"  {about['seconds']} s", flush=True)
    if lost := _lost_sides(there, found):
        keep(found)
        return (
            f"{', '.join(lost)} did not run now, so the stored result stays; this one lies in {INCOMPLETE}/"
        )
    _store(work.stored_as, about, found)
    return None


def _reason(problem: Exception) -> str:
    """The first line and, where there are more, the last one, which says why a helper failed."""
    said = f"{problem}\n{_stderr_of(problem)}".splitlines()
    lines = [line.strip() for line in said if line.strip()] or [type(problem).__name__]
    return without_folders(lines[0] if len(lines) == 1 else f"{lines[0]} ... {lines[-1]}")


def _stderr_of(problem: Exception) -> str:
    """What a command that failed said; its exception does not show it."""
    said = problem.stderr if isinstance(problem, subprocess.CalledProcessError) else None
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def _about(name: str, work: Work, asked: argparse.Namespace) -> dict[str, Any]:
    """The machine, the command that repeats it, and what is to be said beside the result."""
    about = machine.facts() | {"command": _command(name, work)}
    notes = [asked.note] if asked.note else []
    if other := list(data_files.other_than_published(name, asked.data)):
        notes.insert(0, f"Other data than the published results have: {', '.join(other)}.")
        print(f"  {notes[0]}", flush=True)
    return about | ({"note": " ".join(notes)} if notes else {})


def _command(name: str, work: Work) -> str:
    return f"python benchmarks/run.py --only {name}{work.options}"


def _stored(name: str) -> dict[str, Any] | None:
    """The result of this machine that is there already."""
    path = HERE / "results" / machine.folder_of(_machine()) / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _is_up_to_date(name: str, work: Work) -> bool:
    """Whether there is a result of this machine, these sources and versions that tells at least as much."""
    stored = _stored(work.stored_as)
    if stored is None or not _is_of_today(stored["about"]):
        return False
    if work.scope:
        return _asked_scope(stored["found"]).holds(work.scope)
    return bool(stored["about"]["command"] == _command(name, work))


def _is_of_today(about: Mapping[str, Any]) -> bool:
    """Whether sources, versions and machine are what they were; unknown sources may be others."""
    here = _machine()
    is_same = about.get("sources") == here["sources"] and about["versions"] == here["versions"]
    return here["sources"] is not None and is_same and machine.are_one([about, here])


@cache
def _machine() -> dict[str, Any]:
    return machine.facts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """How much a result tells: one that tells less must not take the place of one that tells more."""

    sides: frozenset[str]
    """Trainers, the bases of answering, or the tasks of quality."""
    steps: int = 0
    rounds: int
    """Or seeds."""

    def holds(self, other: Scope) -> bool:
        return self.sides >= other.sides and self.steps >= other.steps and self.rounds >= other.rounds


def _scope_of(found: Mapping[str, Any]) -> Scope:
    """Of a result that is there."""
    if asked := found.get("asked"):
        return Scope(sides=frozenset(found["sides"]), steps=asked["steps"], rounds=asked["rounds"])
    if bases := found.get("models"):
        rounds = min(len(one["labels"]["runs"]["ours"]) for one in bases.values())
        return Scope(sides=frozenset(bases), rounds=rounds)
    tasks = found["tasks"]
    return Scope(sides=frozenset(tasks), rounds=min(len(one["seeds"]) for one in tasks.values()))


def _asked_scope(found: Mapping[str, Any]) -> Scope:
    """The same with the trainers that could not run: asked again they would fail again."""
    scope = _scope_of(found)
    return replace(scope, sides=scope.sides | set(found.get("asked", {}).get("sides", ())))


def _lost_sides(there: Mapping[str, Any] | None, found: Mapping[str, Any]) -> list[str]:
    """What the stored result has and this one lacks, because it failed this time."""
    here = _sides_of(found)
    return [side for side in _sides_of(there["found"]) if side not in here] if there else []


def _sides_of(found: Mapping[str, Any]) -> list[str]:
    """Trainers of a comparison, or all that answered by base and work."""
    return list(found.get("sides", ())) + [
        f"{side} ({base}, {work})"
        for base, one in found.get("models", {}).items()
        for work in answering_speed.WORKS
        if work in one
        for side in one[work]["runs"]
    ]


Keep = Callable[[dict[str, Any]], None]
"""Called with what is found so far; an interrupted measurement loses no more than what comes after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One measurement of a case, which has a file of its own."""

    stored_as: str
    options: str = ""
    """What the command that repeats it says besides the case."""
    measure: Callable[[Keep], dict[str, Any]]
    scope: Scope | None = None
    """Where a result that tells less must not take the place of one that tells more."""


def _one_work(name: str) -> Callable[[argparse.Namespace], list[Work]]:
    """A case that is one measurement."""
    return lambda asked: [Work(stored_as=name, measure=lambda _: CASES[name](asked))]


def _training_peers(asked: argparse.Namespace) -> list[Work]:
    """A measurement for each base, workload and dropout."""
    planned = training_peers.planned(
        model=asked.model,
        workload=asked.workload,
        dropout=asked.dropout,
        sides=asked.sides,
        steps=asked.steps,
        rounds=asked.rounds,
        is_slow=_is_slow(),
        gpu_gb=_machine()["memory_gb"] if _machine()["cuda"] else None,
    )
    return [
        Work(
            stored_as=training_peers.name_of(one),
            options=training_peers.options_of(one),
            measure=partial(compare, asked.data.resolve(), one),
            scope=Scope(sides=frozenset(one.sides), steps=one.steps, rounds=one.rounds),
        )
        for one in planned
    ]


def _is_slow() -> bool:
    """Whether this is a processor without instructions for bf16."""
    return not (_machine()["instructions"] or _machine()["cuda"])


def _answering(asked: argparse.Namespace) -> list[Work]:
    """All bases together, or the one that is asked for. Exits where that one is no Llama."""
    if asked.model and _architecture(asked.model) != answering_speed.ARCHITECTURE:
        sys.exit(
            f"answering is measured with Llamas alone, and {asked.model} is none: name another --model, or "
            "--only training_peers"
        )
    usual = answering_speed.NAMES[:1] if _is_slow() else answering_speed.NAMES
    names = [asked.model] if asked.model else list(usual)
    of_one = len(names) == 1
    return [
        Work(
            stored_as=f"answering-{names[0]}" if of_one else "answering",
            options=f"{f' --model {names[0]}' if of_one else ''} --rounds {asked.rounds}",
            measure=partial(answering_speed.measure, asked.data.resolve(), rounds=asked.rounds, names=names),
            scope=Scope(sides=frozenset(names), rounds=asked.rounds),
        )
    ]


def _architecture(model: str) -> str:
    return str(json.loads((MODELS / f"{model}.json").read_text(encoding="utf-8"))["model_type"])


def _training_quality(asked: argparse.Namespace) -> list[Work]:
    """All tasks, or in a file of its own the closer look at some."""

    def measure(_: Keep) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return training_quality.measure(Path(folder), asked.tasks, asked.seeds)

    of_some = set(asked.tasks) != set(training_quality.TASKS)
    return [
        Work(
            stored_as=f"training_quality-{'-'.join(asked.tasks)}" if of_some else "training_quality",
            options=f" --tasks {' '.join(asked.tasks)} --seeds {asked.seeds}",
            measure=measure,
            scope=Scope(sides=frozenset(asked.tasks), rounds=asked.seeds),
        )
    ]


def _data_runs(asked: argparse.Namespace) -> list[Work]:
    def measure(_: Keep) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return data_runs.measure_runs(asked.data.resolve(), Path(folder), rows=asked.rows)

    return [Work(stored_as="data_runs", options=f" --rows {asked.rows}", measure=measure)]


def _data_path(asked: argparse.Namespace) -> list[Work]:
    if asked.large:
        sizes, stored_as, options = data_path.WITH_LARGE, "data_path-large", " --large"
    else:
        sizes, stored_as, options = data_path.SIZES, "data_path", ""
    return [Work(stored_as=stored_as, options=options, measure=lambda _: data_path.measure(sizes))]


def _engine_and_trl(_: argparse.Namespace) -> dict[str, Any]:
    found = engine_and_trl.measure()
    engine_and_trl.draw(found, FIGURES / "engine_and_trl.png")
    return found


def _in_scratch(
    measure: Callable[[Path, Path], dict[str, Any]],
) -> Callable[[argparse.Namespace], dict[str, Any]]:
    def run(asked: argparse.Namespace) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return measure(asked.data.resolve(), Path(folder))

    return run


def _in_folder(measure: Callable[[Path], dict[str, Any]]) -> Callable[[argparse.Namespace], dict[str, Any]]:
    def run(_: argparse.Namespace) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return measure(Path(folder))

    return run


CASES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "engine_and_trl": _engine_and_trl,
    "preparing": _in_scratch(data_runs.measure_preparing),
    "memory_growth": _in_scratch(data_runs.measure_growth),
    "contrast": lambda asked: contrast_checks.measure(asked.data),
    "near_duplicates": lambda _: near_duplicates.measure(),
    "first_run": _in_folder(sample_tasks.measure_first_run),
    "demo": _in_folder(sample_tasks.measure_demo),
    "sample_tasks": _in_folder(sample_tasks.measure_tasks),
    "sample_answers": _in_folder(sample_tasks.measure_answers),
    "statistics": lambda _: simulations.measure(),
    "scoring": lambda _: scoring_speed.measure(),
    "start_up": lambda _: start_up.measure(),
    "serving": _in_folder(serving_speed.measure),
    "same_answers": _in_folder(same_answers.measure),
    "gguf": _in_scratch(gguf_answers.measure),
    "passages": _in_scratch(retrieval_speed.measure),
    "techniques": lambda asked: techniques.measure(asked.data.resolve()),
}
"""Cases of one measurement that no option changes."""
WORKS: dict[str, Callable[[argparse.Namespace], list[Work]]] = {
    "training_peers": _training_peers,
    "answering": _answering,
    "training_quality": _training_quality,
    "data_runs": _data_runs,
    "data_path": _data_path,
}
"""Cases of several measurements, or that options change."""


def _store(name: str, about: dict[str, Any], found: dict[str, Any], *, below: str = "") -> None:
    """Write a result into the folder of its machine, in place of the incomplete one, or into one `below` it."""
    folder = HERE / "results" / machine.folder_of(about)
    (folder / below).mkdir(parents=True, exist_ok=True)
    text = json.dumps({"case": name, "about": about, "found": found}, indent=1)
    (folder / below / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    if not below:
        (folder / INCOMPLETE / f"{name}.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
