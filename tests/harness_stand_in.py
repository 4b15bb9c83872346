"""A stand-in of lm-evaluation-harness: an interpreter with a package `lm_eval` that logs given answers.

It reads the settings and task files as the real one does, words the prompts by functions of its own, and takes the
log-likelihoods from a file, so that it needs no model. Its log has the shape of version 0.4.13.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

PACKAGE = """
import json, sys
from pathlib import Path
import yaml

def medmcqa(doc):
    options = "".join(f"{key}. {doc[field]}\\n" for key, field in zip("ABCD", ("opa", "opb", "opc", "opd")))
    return f"Question: {doc['question']}\\nChoices:\\n{options}Answer:", ["A", "B", "C", "D"]

def pubmedqa(doc):
    abstract = "\\n".join(doc["CONTEXTS"])
    return f"Abstract: {abstract}\\nQuestion: {doc['QUESTION']}\\nAnswer:", ["yes", "no", "maybe"]

WORDED = {"medmcqa.yaml": medmcqa, "pubmedqa.yaml": pubmedqa}

settings = yaml.safe_load(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
if "peft" in settings["model_args"] and not Path(settings["model_args"]["peft"]).is_dir():
    sys.exit("no adapter")
given = json.loads(Path(__file__).with_name("answers.json").read_text())
if given.get("fail"):
    sys.exit("RuntimeError: out of luck")
scores = given["tuned" if "peft" in settings["model_args"] else "baseline"]
output = Path(settings["output_path"]) / "model"
output.mkdir(parents=True)
for name in settings["tasks"]:
    task = yaml.safe_load((Path(settings["include_path"]) / f"{name}.yaml").read_text())
    rows = [json.loads(line) for line in open(task["dataset_kwargs"]["data_files"]["test"], encoding="utf-8")]
    with open(output / f"samples_{name}_2026-01-01T00-00-00.000000.jsonl", "w", encoding="utf-8") as log:
        for number, doc in enumerate(rows):
            prompt, choices = WORDED[Path(task["include"]).name](doc)
            answers = [scores[prompt][choice] for choice in choices]
            prompt += given.get("after_prompt", "")
            pairs = {f"gen_args_{n}": {"arg_0": prompt, "arg_1": f" {c}"} for n, c in enumerate(choices)}
            row = {"doc_id": number, "doc": doc, "arguments": pairs, "resps": [[[str(a), "False"]] for a in answers]}
            log.write(json.dumps(row) + "\\n")
"""


@dataclass(frozen=True)
class StandIn:
    """Where it is, and the file with its answers."""

    python: Path
    answers: Path

    def answer(
        self, baseline: dict[str, dict[str, float]], tuned: dict[str, dict[str, float]], **more: object
    ):
        """The log-likelihood of each choice by prompt, of both models."""
        self.answers.write_text(json.dumps({"baseline": baseline, "tuned": tuned, **more}))


def write_stand_in(folder: Path) -> StandIn:
    """Write the package and an interpreter that finds it."""
    package = folder / "site" / "lm_eval"
    for task in ("medmcqa", "pubmedqa"):
        (package / "tasks" / task).mkdir(parents=True)
        (package / "tasks" / task / f"{task}.yaml").write_text(f"task: {task}\n")
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(PACKAGE)
    about = folder / "site" / "lm_eval-0.4.13.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lm_eval\nVersion: 0.4.13\n")
    python = folder / "python"
    python.write_text(f"#!/bin/sh\nPYTHONPATH='{folder / 'site'}' exec '{sys.executable}' \"$@\"\n")
    python.chmod(0o755)
    return StandIn(python=python, answers=package / "answers.json")
