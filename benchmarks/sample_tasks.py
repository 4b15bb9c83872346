"""The five sample tasks on several data seeds, what the demo costs, and what the tuned model writes.

`measure_first_run` times `make demo` in a fresh clone, with the installation.
`measure_tasks` runs the bundled demo recipe of each task on freshly generated data; `measure_demo` times
`medadapt demo` in new folders, twice, and compares the adapters byte for byte; `measure_answers` asks the
tuned model of the typed questions 20 fixed questions and marks the answers against the sample knowledge.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapt.core.hashes import sha256_file
from medadapt.core.results import LOWER_IS_BETTER
from medadapt.samples.generating.facts import Field
from medadapt.samples.generating.typed_qa import TYPES
from medadapt.samples.knowledge import Condition, load_conditions
from medadapt.workflow.demo import DEMOS
from timing import timed, timed_tree

HERE = Path(__file__).resolve().parent

TASKS: tuple[str, ...] = tuple(DEMOS)
SEEDS = (0, 1, 2, 3, 4)
FIELDS: tuple[Field, ...] = ("symptoms", "causes", "tests", "treatments", "complications")
QUESTIONS = 20
EVERY = 7
"""The fixed questions take every seventh condition of the knowledge, and the fields in turn."""


def measure_tasks(
    folder: Path, tasks: tuple[str, ...] = TASKS, seeds: tuple[int, ...] = SEEDS
) -> dict[str, Any]:
    """Task -> seed -> base, tuned, difference, controls, verdicts, seconds and memory.

    As many runs at a time as there are processors, each with one thread: the seconds are of that.
    """
    for seed in seeds:
        timed(["samples", "write", str(folder / f"data-{seed}"), "--seed", str(seed)])
    pairs = [(task, seed) for task in tasks for seed in seeds]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = pool.map(
            lambda pair: _task(pair[0], folder / f"data-{pair[1]}", folder / f"{pair[0]}-{pair[1]}"), pairs
        )
        found: dict[str, Any] = {task: {} for task in tasks}
        for (task, seed), run in zip(pairs, runs, strict=True):
            found[task][str(seed)] = run
            print(f"  {task}, seed {seed}: {run['against_baseline']}", flush=True)
    return found


def _task(task: str, data: Path, run: Path) -> dict[str, Any]:
    (source,) = [path for path in (data / task).iterdir() if path.is_file()]
    recipe = ["run", f"demo-{task}", "--set", f"data.source={source}", "-o", str(run)]
    cost = timed(recipe, threads=1)
    metrics = json.loads((run / "5-metrics" / "metrics.json").read_text(encoding="utf-8"))
    content = json.loads((run / "1-records" / "data.json").read_text(encoding="utf-8"))
    primary = metrics["primary"]
    shown = sorted({primary, "token_f1"} & set(metrics["tuned"]))
    return cost | {
        "counts": content["counts"],
        "n": metrics["n"],
        "primary": primary,
        "baseline": {key: metrics["baseline"][key] for key in shown},
        "tuned": {key: metrics["tuned"][key] for key in shown},
        "difference": {key: metrics["difference"].get(key) for key in shown},
        "controls": {
            name: {key: (marks.get(key) or {}).get("value") for key in shown}
            for name, marks in metrics["controls"].items()
        },
        "against_baseline": metrics["difference"][primary]["verdict"],
        "against_control": metrics.get("against_control"),
        "leakage": {key: metrics["leakage"][key] for key in ("exact", "near")},
        "lower_is_better": primary in LOWER_IS_BETTER,
    }


def measure_demo(folder: Path) -> dict[str, Any]:
    """Seconds and peak memory of the demo, of a second one beside it, and of all five tasks."""
    first, second = folder / "first", folder / "second"
    found = {
        "default": timed(["demo", "-o", str(first)]),
        "again": timed(["demo", "-o", str(second)]),
        "all": timed(["demo", "--all", "-o", str(folder / "all")]),
    }
    adapters = [sha256_file(run / "3-adapter" / "adapter_model.safetensors") for run in (first, second)]
    return found | {"adapters_equal": adapters[0] == adapters[1], "adapter_sha256": adapters[0]}


def measure_first_run(folder: Path) -> dict[str, Any]:
    """`make demo` in a fresh clone of the commit checked out here: installation and demo together.

    What the package index serves may come from pip's cache, where this machine has one.
    """
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(HERE.parent), str(clone)], check=True)
    installing = timed_tree(["make", "setup"], folder=clone)
    return {"setup": installing, "demo": timed_tree(["make", "demo"], folder=clone)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One fixed question."""

    condition: Condition
    field: Field

    @property
    def question(self) -> str:
        """As the typed questions ask it."""
        return TYPES[self.field][1].format(name=self.condition.name)


def fixed_questions() -> list[Asked]:
    """The same questions for every data seed."""
    picked = load_conditions()[::EVERY][:QUESTIONS]
    return [Asked(condition=one, field=FIELDS[number % len(FIELDS)]) for number, one in enumerate(picked)]


def measure_answers(folder: Path) -> dict[str, Any]:
    """The tuned and the base model's answers to the fixed questions, and the share that is right.

    An answer is right when it names at least one phrase that the knowledge has in this field of this
    condition, and none that stands there only for other conditions.
    """
    run = folder / "typed_qa"
    timed(["demo", "--task", "typed_qa", "-o", str(run)])
    trained = (run / "1-records" / "train.jsonl").read_text(encoding="utf-8").casefold()
    answers = []
    for asked in fixed_questions():
        told = _answers(run, asked)
        answers.append({
            "question": asked.question,
            "asked_in_training": asked.question.rstrip(" ?").casefold() in trained,
            **told,
            **{f"{model}_right": is_right(text, asked) for model, text in told.items()},
            **{f"{model}_repeats": repeats_itself(text, asked.field) for model, text in told.items()},
        })  # fmt: skip
    shares = {
        f"{model}_{mark}": sum(answer[f"{model}_{mark}"] for answer in answers) / len(answers)
        for model in ("tuned", "baseline")
        for mark in ("right", "repeats")
    }
    return {"answers": answers, **shares}


def is_right(text: str, asked: Asked) -> bool:
    """Whether an answer names something true of the condition, and nothing that is true of others only."""
    own = {phrase.casefold() for phrase in getattr(asked.condition, asked.field)}
    named = set(_named(text, asked.field))
    return bool(named) and named <= own


def repeats_itself(text: str, field: Field) -> bool:
    """Whether an answer names the same phrase of the knowledge twice, which is true but no good answer."""
    named = _named(text, field)
    return len(set(named)) < len(named)


def _named(text: str, field: Field) -> list[str]:
    """The phrases that the knowledge has in this field of any condition, as often as they stand in the text.

    Of phrases that overlap the longest counts: `bloody diarrhea` is not `diarrhea`.
    """
    phrases = {phrase.casefold() for condition in load_conditions() for phrase in getattr(condition, field)}
    longest_first = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    return re.findall(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", text.casefold())


def _answers(run: Path, asked: Asked) -> dict[str, str]:
    """Model name -> its answer."""
    command = [sys.executable, "-m", "medadapt", "ask", str(run), asked.question]
    command += ["--type", TYPES[asked.field][0], "--model", "both", "--json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {model: answer["text"] for model, answer in json.loads(output)["answers"].items()}
