"""What passes before the work begins: the command's start, its imports, and the demo's time outside its work.

`python benchmarks/start_up.py` prints a line of JSON.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from timing import timed_command

ROUNDS = 5
PYTHON = sys.executable
STARTS = {
    "python": ["-c", "pass"],
    "import medadapt.cli.app": ["-c", "import medadapt.cli.app"],
    "medadapt --version": ["-m", "medadapt", "--version"],
    "medadapt --help": ["-m", "medadapt", "--help"],
    "import torch": ["-c", "import torch"],
    "import the training session": ["-c", "import medadapt.training.session"],
}
WORK = ("train", "predict", "score")
"""Stages of the demo that train a model, let it answer, and score the answers; their imports are in them."""
HEAVY = ("torch", "transformers", "peft", "bitsandbytes", "datasets", "pandas", "scipy", "sklearn", "trl")
IMPORTED = "import sys; import {module}; print(*[name for name in {heavy!r}.split() if name in sys.modules])"
MODULES = ("medadapt.cli.app", "medadapt.records.preparing", "medadapt.examples.encoding_stage",
           "medadapt.training.session")  # fmt: skip


def measure() -> dict[str, Any]:
    """Medians of the starts in seconds, the libraries that modules bring along, and the stages of the demo."""
    seconds: dict[str, list[float]] = {name: [] for name in STARTS}
    for _ in range(ROUNDS):  # interleaved, so that a busy moment falls on all alike
        for name, arguments in STARTS.items():
            seconds[name].append(_seconds([PYTHON, *arguments]))
    return {
        "starts": {name: round(statistics.median(each), 2) for name, each in seconds.items()},
        "imported": {module: _imported(module) for module in MODULES},
        "demo": _demo(),
    }


def section(found: dict[str, Any]) -> list[str]:
    """The part of the results page, as lines of Markdown."""
    demo = found["demo"]
    lines = ["### Start-up\n", f"Medians of {ROUNDS} interleaved runs, each in a process of its own.\n"]
    lines += ["| start | seconds |", "| --- | --- |"]
    lines += [f"| `{name}` | {seconds:.2f} |" for name, seconds in found["starts"].items()]
    lines += ["", "| module | large libraries it brings along |", "| --- | --- |"]
    lines += [f"| `{module}` | {', '.join(names) or 'none'} |" for module, names in found["imported"].items()]
    lines += [
        f"\n`medadapt demo` took {demo['seconds']:.0f} s. Outside training and scoring: "
        f"{100 * demo['outside_share']:.0f} % of it (goal: under 15 %), "
        f"{100 * (demo['outside_share'] + demo['around_steps'] / demo['seconds']):.0f} % with what training does "
        "around its steps.\n",
        "| part | seconds |",
        "| --- | --- |",
        *(f"| {stage} | {seconds:.1f} |" for stage, seconds in demo["stages"].items()),
        f"| before the first stage, between stages and after the last | {demo['between']:.1f} |",
        f"| of train: outside its steps (imports, loading, validation, saving) | {demo['around_steps']:.1f} |",
        "",
    ]
    return lines


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def _imported(module: str) -> list[str]:
    code = IMPORTED.format(module=module, heavy=" ".join(HEAVY))
    return subprocess.run([PYTHON, "-c", code], check=True, capture_output=True, text=True).stdout.split()


def _demo() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "demo"
        took = timed_command([PYTHON, "-m", "medadapt", "demo", "-o", str(run)])
        state = json.loads((run / "run.json").read_text(encoding="utf-8"))
        lines = (run / "3-adapter" / "steps.jsonl").read_text(encoding="utf-8").splitlines()
    stages = {name: stage["seconds"] for name, stage in state["stages"].items()}
    steps = sum(json.loads(line)["seconds"] for line in lines)
    return took | {
        "stages": stages,
        "between": round(took["seconds"] - sum(stages.values()), 1),
        "around_steps": round(stages["train"] - steps, 1),
        "outside_share": round(1 - sum(stages[name] for name in WORK) / took["seconds"], 3),
    }


if __name__ == "__main__":
    measured = measure()
    print(json.dumps(measured))
    print("\n".join(section(measured)), file=sys.stderr)
