"""Our trainer and the peers on one workload, in interleaved rounds of fresh processes.

Sides:
    native        our engine with a recipe's default settings
    tutorial      a script as tutorials have it, ported to today's libraries
    trl           TRL's SFTTrainer at its defaults
    trl_tuned     the same with the quickest of the searched settings (peers/tuning.py)
    llamafactory  LLaMA-Factory at its defaults, asked for bf16 or fp16 where the device is quick in it
    unsloth       Unsloth at its defaults, on CUDA
    axolotl       Axolotl with its kernels where there is no dropout, on CUDA
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import roof
from peers.environments import UNTRACKED, make_all
from peers.flops import needed_flops
from peers.gates import PLAIN_STEPS, Promise, broken_gates
from peers.ratios import Ratio, ratios_of
from peers.rounds import LONGEST_RUN_S, how_it_ended, profile_of, run_round, without_folders
from peers.tuning import GIVEN_UP, search
from peers.workloads import MODELS

SCRIPTS = Path(__file__).resolve().parent / "sides"
PREPARE = Path(__file__).resolve().parent / "workloads.py"
OURS = "native"
RULES = 5
"""Goes up with every change of the gates, the search, the roof or the ratio, so that the page marks what is older.

Results from before it was stored are told apart by what they hold (peers/page.py).
"""
FACTS = (
    "sizes", "first_step", "curve_of_answers", "curve_of_all", "longest", "learning_rate", "lora", "precision",
)  # fmt: skip
"""What is kept of a prepared workload's facts beside a result; gates that change can judge it again by them."""
PADDED_TO = 384
"""What the tutorial's script pads every row to, where none is longer."""
WARM_UP_ON_GPU = 20
"""Steps that are not timed there: kernels are still compiled for shapes that come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A trainer: its script, its environment and what it promises."""

    script: str
    environment: str | None
    """None is the environment that runs the benchmark."""
    promise: Promise = field(default_factory=Promise)
    most_steps: int | None = None
    """On a CPU a slow side takes fewer steps; its speed is that of the steps it takes."""
    wants_bf16: bool = False
    """Its defaults are bf16 also on a processor that has it in software only."""


SIDES = {
    OURS: Side(script="run_native.py", environment=None, promise=Promise(is_measure=True)),
    "tutorial": Side(
        script="run_tutorial.py", environment="trl", promise=Promise(learns="all"), most_steps=6
    ),
    "trl": Side(script="run_trl.py", environment="trl", wants_bf16=True),
    "trl_tuned": Side(script="run_trl.py", environment="trl"),
    "llamafactory": Side(
        script="run_llamafactory.py", environment="llamafactory", wants_bf16=True
    ),
    "unsloth": Side(script="run_unsloth.py", environment="unsloth"),
    "axolotl": Side(script="run_axolotl.py", environment="axolotl"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is compared."""

    model: str
    workload: str
    dropout: float
    steps: int
    rounds: int
    sides: tuple[str, ...]


def compare(
    data: Path, asked: Comparison, keep: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """Run every side `rounds` times, one after the other in each round; speeds, gates and ratios.

    The roof of the machine is measured in every round too, at the shapes of this model. After each round `keep` gets
    what the rounds until then have found. Raises RuntimeError where our own side fails.
    """
    import torch

    environments = make_all(
        dict.fromkeys(name for side in asked.sides if (name := SIDES[side].environment)),
        cuda=torch.cuda.is_available(),
    )
    not_run = {
        side: problem
        for side in asked.sides
        if (name := SIDES[side].environment) and (problem := environments[name].get("problem"))
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = _Bench(folder=folder, facts=_prepared(folder, data, asked), environments=environments)
        found = _in_rounds(bench, asked, not_run, keep)
        settings = found["settings"][OURS] | {"profile": True}
        return found | profile_of(lambda: bench.run(OURS, settings, limit_s=LONGEST_RUN_S))


def _prepared(folder: Path, data: Path, asked: Comparison) -> dict[str, Any]:
    """The facts of the workload, prepared in a process of its own: only that one ends where memory does not suffice.

    Raises RuntimeError where it fails, with the end of its output.
    """
    of_all = (SIDES["tutorial"].most_steps or 0) if "tutorial" in asked.sides else 0
    asked_for = {
        "model": asked.model, "rows": asked.workload, "dropout": asked.dropout, "steps": asked.steps,
        "curve_steps": {"answers": min(asked.steps, PLAIN_STEPS), "all": of_all},
    }  # fmt: skip
    command = [sys.executable, str(PREPARE), str(folder), str(data), json.dumps(asked_for)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"preparing {asked.model} {how_it_ended(done.returncode)}: {_end_of(done.stderr)}")
    return dict(json.loads((folder / "facts.json").read_text(encoding="utf-8")))


def _in_rounds(
    bench: _Bench, asked: Comparison, not_run: dict[str, str], keep: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """All rounds; a side that fails joins `not_run` and leaves the others alone."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in asked.sides if side not in not_run}
    plan = _plan(bench, list(runs), asked.steps)
    tokens = round(sum(bench.facts["tokens"]) / len(bench.facts["tokens"]))
    config, precision = MODELS / f"{asked.model}.json", bench.facts["precision"]
    found: dict[str, Any] = {}
    roofs = []

    def run(side: str) -> dict[str, Any]:
        print(f"  round {len(roofs)}: {side}", flush=True)
        return bench.run(side, plan.settings[side], limit_s=LONGEST_RUN_S)

    for number in range(asked.rounds):
        roofs.append(roof.measure_anew(config, tokens=tokens, precision=precision))
        run_round(number, runs, run, ours=(OURS,), not_run=not_run)
        found = _found(bench, replace(asked, rounds=number + 1), plan, not_run, runs, roofs)
        keep(found)
    return found


def _found(
    bench: _Bench,
    asked: Comparison,
    plan: _Plan,
    not_run: Mapping[str, str],
    runs: Mapping[str, Sequence[Mapping[str, Any]]],
    roofs: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What the rounds that were run have found."""
    return {
        "rules": RULES,
        "asked": asdict(asked),
        "facts": {key: bench.facts[key] for key in FACTS},
        "environments": {
            name: {
                key: made[key]
                for key in ("versions", "removed", "seconds", "disk_mb", "problem")
                if key in made
            }
            for name, made in bench.environments.items()
        },
        "not_run": dict(not_run),
        "settings": {side: plan.settings[side] for side in runs},
        "search": plan.tried,
        "roofs": list(roofs),
        **compared(runs, bench.facts, plan.promises),
    }


def compared(
    runs: Mapping[str, Sequence[Mapping[str, Any]]],
    facts: Mapping[str, Any],
    promises: Mapping[str, Promise],
) -> dict[str, Any]:
    """Medians of all rounds, the gates that were broken and the ratios."""
    refused = {
        side: [
            reason
            for run, ours in zip(found, runs[OURS], strict=True)
            for reason in broken_gates(run, ours, facts, promises[side])
        ]
        for side, found in runs.items()
    }
    return {
        "sides": {side: _told(found, facts["sizes"]) for side, found in runs.items()},
        "broken_gates": {side: list(dict.fromkeys(reasons)) for side, reasons in refused.items()},
        "ratios": {
            side: asdict(_ratio(side, runs, refused, promises[side])) for side in runs if side != OURS
        },
    }


def _ratio(
    side: str,
    runs: Mapping[str, Sequence[Mapping[str, Any]]],
    refused: Mapping[str, Sequence[str]],
    promise: Promise,
) -> Ratio:
    """Of rows a second, or of real tokens where other rows are timed because a side puts others into its steps."""
    speed = "examples_per_s" if promise.same_steps else "tokens_per_s"
    speeds = {one: [run[speed] for run in runs[one]] for one in (OURS, side)}
    return ratios_of(speeds, refused, ours=OURS)[side]


def _told(runs: Sequence[Mapping[str, Any]], sizes: Mapping[str, int]) -> dict[str, Any]:
    """What is told of one side."""

    def middle(key: str) -> float:
        return median(run[key] for run in runs)

    last = runs[-1]
    rate = median(
        needed_flops(tokens=run["timed"]["tokens"], supervised=run["timed"]["supervised"], **sizes)
        / run["seconds"]
        for run in runs
    )
    return {
        "examples_per_s": middle("examples_per_s"),
        "examples_per_s_of_rounds": [run["examples_per_s"] for run in runs],
        "tokens_per_s": middle("tokens_per_s"),
        "process_seconds": middle("process_seconds"),
        "start_up_seconds": median(run["process_seconds"] - run["training_seconds"] for run in runs),
        "peak_rss_mb": max(run["peak_rss_mb"] for run in runs),
        "peak_gpu_mb": last["peak_gpu_mb"],
        "steps": last["steps"],
        "tokens_a_row": last["tokens"] / last["rows"],
        "learned_a_row": last["supervised"] / last["rows"],
        "padded_by_real": last["timed"]["padded"] / last["timed"]["tokens"],
        "losses": last["losses"],
        "grad_norm": last["grad_norm"],
        "adapters": last["adapters"],
        "moved": last["moved"],
        "needed_flops_per_s": rate,
        "dropouts": last["dropouts"],
        "device": last["device"],
        "computes_in": last["computes_in"],
        "versions": last["versions"],
        "threads": last["threads"],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """A prepared workload and the interpreters that run the sides."""

    folder: Path
    facts: dict[str, Any]
    environments: dict[str, dict[str, Any]]

    def run(self, side: str, settings: Mapping[str, Any], limit_s: float | None = None) -> dict[str, Any]:
        """One side once, in a fresh process.

        Raises RuntimeError where it fails, with the end of its output, and where it takes longer than `limit_s`.
        """
        name = SIDES[side].environment
        python = self.environments[name]["python"] if name else sys.executable
        told = {**settings, **self._warm_up(settings)}
        command = [python, str(SCRIPTS / SIDES[side].script), str(self.folder), json.dumps(told)]
        variables = os.environ | UNTRACKED | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        if name:  # the project's own packages must not be found by a peer
            variables.pop("PYTHONPATH", None)
        started = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                env=variables,
                timeout=limit_s,
                # What a peer writes into the folder that it is called in must not lie in the checkout.
                cwd=self.folder if name else None,
            )
        except subprocess.TimeoutExpired as problem:
            raise RuntimeError(f"{GIVEN_UP} after {limit_s:.0f} s") from problem
        seconds = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(f"{side} {how_it_ended(done.returncode)}: {_end_of(done.stderr)}")
        return {**_last_object(side, done.stdout), "process_seconds": seconds}

    def _warm_up(self, settings: Mapping[str, Any]) -> dict[str, int]:
        """Longer on a GPU, where at least as many steps are timed."""
        is_longer = self.facts.get("cuda") and settings["steps"] >= 2 * WARM_UP_ON_GPU
        return {"warm_up": WARM_UP_ON_GPU} if is_longer else {}


def _last_object(side: str, output: str) -> dict[str, Any]:
    """The last line that is a JSON object: a library may still say something after it."""
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            with suppress(json.JSONDecodeError):
                return dict(json.loads(line))
    raise RuntimeError(f"{side} told no result: {_end_of(output)}")


def _end_of(output: str) -> str:
    """The end of what a process said, which says as a rule why it failed."""
    return without_folders(output).strip()[-1500:]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How every side is run, and what it promises."""

    settings: dict[str, dict[str, Any]]
    promises: dict[str, Promise]
    tried: list[dict[str, Any]]
    """For `trl_tuned`, the quickest first."""


def _plan(bench: _Bench, sides: Sequence[str], steps: int) -> _Plan:
    """The settings of every side; those of `trl_tuned` are searched."""
    settings: dict[str, dict[str, Any]] = {side: {"steps": _steps_of(side, bench, steps)} for side in sides}
    promises = {side: SIDES[side].promise for side in sides}
    if "tutorial" in settings:
        settings["tutorial"]["max_length"] = max(PADDED_TO, bench.facts["longest"])
    tried = []
    if "trl_tuned" in settings:
        tried = search(bench.facts, partial(bench.run, "trl_tuned"), steps, cuda=bench.facts["cuda"])
        settings["trl_tuned"]["sft"] = tried[0].sft
        if tried[0].regroups:
            promises["trl_tuned"] = Promise(same_steps=False)
    return _Plan(settings=settings, promises=promises, tried=[asdict(one) for one in tried])


def _steps_of(side: str, bench: _Bench, steps: int) -> int:
    most = SIDES[side].most_steps
    return steps if most is None or bench.facts.get("cuda") else min(steps, most)
