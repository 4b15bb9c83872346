"""`medadapt run` from the first row to the report on every real data set, with wall time and peak memory.

The base is the 260,000-parameter model beside the data: these runs measure the path, not medicine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import yaml

RUNS: dict[str, dict[str, Any]] = {
    "symptom_disease": {"format": "symptom_table", "source": "symptom_disease/dataset.csv"},
    "medquad_symptoms": {"format": "typed_qa", "source": "medquad/train.csv", "types": ["symptoms"]},
    "medmcqa": {"format": "multiple_choice", "source": "medmcqa/medmcqa_validation.jsonl"},
    "medmcqa_mirage": {"format": "multiple_choice", "source": "medmcqa/medmcqa_validation.mirage.json"},
    "mir": {"format": "multiple_choice", "source": "medmcqa/mir_test_en.csv"},
    "medqa_usmle": {"format": "multiple_choice", "source": "medqa_usmle/*.jsonl"},
    "pubmedqa": {"format": "multiple_choice", "source": "pubmedqa/*.json"},
    "genmedgpt": {"format": "dialogue", "source": "dialogues/genmedgpt5k_part.json"},
    "icliniq": {"format": "dialogue", "source": "dialogues/icliniq_dialogues.json"},
    "questiondoctor": {"format": "dialogue", "source": "dialogues/questiondoctor_dialogues.json"},
    "ehealthforum": {"format": "dialogue", "source": "dialogues/ehealthforum_dialogues.json"},
    "wikidoc": {"format": "question_answer", "source": "open_medical_qa/*.jsonl"},
}
GROWTH = (1000, 10000)
"""Rows of the two trainings whose peak memory is compared."""


def measure_runs(data: Path, folder: Path) -> dict[str, Any]:
    """One whole run a data set: seconds, peak memory, exit code, counts and the verdict."""
    return {
        name: _run(name, {**section, "source": str(data / section["source"])}, data, folder)
        for name, section in RUNS.items()
    }


def measure_preparing(data: Path, folder: Path) -> dict[str, Any]:
    """The prepare stage alone on all 12,928 rows of MedQuAD."""
    section = {"format": "typed_qa", "source": str(data / "medquad" / "train.csv")}
    recipe = _write_recipe("medquad_all", section, data, folder)
    run = folder / "runs" / "medquad_all"
    measured = _timed(["prepare", str(recipe), "-o", str(run)])
    content = json.loads((run / "1-records" / "data.json").read_text(encoding="utf-8"))
    return measured | {"rows": content["rows"], "counts": content["counts"]}


def measure_growth(data: Path, folder: Path) -> dict[str, Any]:
    """Peak memory of the train stage with few and with ten times as many rows, at the same number of steps."""
    section = {"format": "typed_qa", "source": str(data / "medquad" / "train.csv")}
    found = {}
    for rows in GROWTH:
        name = f"growth_{rows}"
        recipe = _write_recipe(
            name, {**section, "limit": {"rows": rows}}, data, folder,
            training={"epochs": 100 * 8 / (rows * 0.8), "eval_every": 1000, "save_every": 1000, "tracking": []},
            examples={"max_length": 256},
        )  # fmt: skip
        run = folder / "runs" / name
        _timed(["run", str(recipe), "-o", str(run), "--until", "encode"])
        found[str(rows)] = _timed(["train", str(run)])
    return found


def _run(name: str, section: dict[str, Any], data: Path, folder: Path) -> dict[str, Any]:
    recipe = _write_recipe(name, section, data, folder)
    run = folder / "runs" / name
    measured = _timed(["run", str(recipe), "-o", str(run)])
    metrics = json.loads((run / "5-metrics" / "metrics.json").read_text(encoding="utf-8"))
    state = json.loads((run / "run.json").read_text(encoding="utf-8"))
    content = json.loads((run / "1-records" / "data.json").read_text(encoding="utf-8"))
    primary = metrics["primary"]
    controls = {
        name: (marks.get("accuracy") or {}).get("value") for name, marks in metrics["controls"].items()
    }
    return measured | {
        "counts": content["counts"],
        "stages_s": {stage: round(entry["seconds"], 1) for stage, entry in state["stages"].items()},
        "primary": primary,
        "baseline": metrics["baseline"][primary]["value"],
        "tuned": metrics["tuned"][primary]["value"],
        "difference": {key: metrics["difference"][primary][key] for key in ("value", "low", "high")},
        "verdict": metrics["difference"][primary]["verdict"],
        "controls": controls,
        "leakage": {key: metrics["leakage"][key] for key in ("exact", "near")},
    }


def _write_recipe(
    name: str, section: dict[str, Any], data: Path, folder: Path, training: dict[str, Any] | None = None,
    examples: dict[str, Any] | None = None,
) -> Path:  # fmt: skip
    values = {
        "name": name,
        "data": section,
        "examples": examples or {},
        "model": {"base": str(data / "models" / "stories260K")},
        "training": {"epochs": 1, "learning_rate": 1.0e-3} | (training or {}),
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def _timed(arguments: list[str]) -> dict[str, Any]:
    """Run one command; its seconds, peak memory in MB and exit code.

    `peak_anonymous_mb` leaves out pages of files that are mapped into memory, such as token sets: the
    system takes those back whenever it needs the room.
    """
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        command = [sys.executable, "-m", "medadapt", *arguments]
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        watch = _AnonymousPeak(child.pid)
        watch.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        watch.join()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 3):
            output.seek(0)
            raise RuntimeError(f"{arguments} left with {child.returncode}:\n{output.read()[-3000:].decode()}")
    return {
        "seconds": round(seconds, 1),
        "peak_rss_mb": round(usage.ru_maxrss / 1024),
        "peak_anonymous_mb": round(watch.peak_kb / 1024),
        "exit_code": child.returncode,
    }


class _AnonymousPeak(threading.Thread):
    """Watches the anonymous memory of a process, ten times a second, until it ends (Linux only)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_kb = 0
        self._status = Path(f"/proc/{pid}/status")

    def run(self) -> None:
        while (now := self._anonymous_kb()) is not None:
            self.peak_kb = max(self.peak_kb, now)
            time.sleep(0.1)

    def _anonymous_kb(self) -> int | None:
        try:
            lines = self._status.read_text(encoding="utf-8").splitlines()
        except OSError:
            return None  # the process has ended
        found = [line for line in lines if line.startswith("RssAnon:")]
        return int(found[0].split()[1]) if found else None
