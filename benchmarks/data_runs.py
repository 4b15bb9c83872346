"""`medadapt run` from the first row to the report on every real data set, and `report --verify` on what it left.

The base is the 260,000-parameter model beside the data: these runs measure the path, not medicine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from timing import timed

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


def measure_runs(data: Path, folder: Path, *, rows: int) -> dict[str, Any]:
    """One whole run a data set: seconds, peak memory, exit code, counts, both verdicts, leakage, verification.

    Of larger sources `rows` rows are drawn.
    """
    return {
        name: _run(
            name,
            {**section, "source": str(data / section["source"]), "limit": {"rows": rows}},
            data,
            folder,
        )
        for name, section in RUNS.items()
    }


def measure_preparing(data: Path, folder: Path) -> dict[str, Any]:
    """The prepare stage alone on all 12,928 rows of MedQuAD."""
    section = {"format": "typed_qa", "source": str(data / "medquad" / "train.csv")}
    recipe = _write_recipe("medquad_all", section, data, folder)
    run = folder / "runs" / "medquad_all"
    measured = timed(["prepare", str(recipe), "-o", str(run)])
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
        timed(["run", str(recipe), "-o", str(run), "--until", "encode"])
        found[str(rows)] = timed(["train", str(run)])
    return found


def _run(name: str, section: dict[str, Any], data: Path, folder: Path) -> dict[str, Any]:
    recipe = _write_recipe(name, section, data, folder)
    run = folder / "runs" / name
    measured = timed(["run", str(recipe), "-o", str(run)])
    metrics = json.loads((run / "5-metrics" / "metrics.json").read_text(encoding="utf-8"))
    state = json.loads((run / "run.json").read_text(encoding="utf-8"))
    content = json.loads((run / "1-records" / "data.json").read_text(encoding="utf-8"))
    primary, against, clean = metrics["primary"], metrics["against_control"], metrics["clean"]
    metric = against["metric"]
    controls = {
        name: {metric: (marks.get(metric) or {}).get("value")} for name, marks in metrics["controls"].items()
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
        "against_control": against,
        "leakage": {key: metrics["leakage"][key] for key in ("exact", "near", "boilerplate")},
        "clean": {"n": clean["n"], "difference": (clean["difference"] or {}).get(primary)},
        "verified": _verified(run),
    }


def _verified(run: Path) -> bool:
    """Whether the metrics of a run come out the same from its predictions."""
    command = [sys.executable, "-m", "medadapt", "report", str(run), "--verify"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


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
