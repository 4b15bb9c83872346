"""The metadata block at the head of the model card, as the Hub reads it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import yaml

from medadapt.report import wording
from medadapt.report.clean_text import one_line
from medadapt.report.inputs import ReportInputs
from medadapt.report.named_base import HUB_ID, base_of
from medadapt.report.verdicts import change_of_protocol, compared_metric, leakage

HUB_TASKS = {
    "diagnosis": "text-classification",
    "qa": "question-answering",
    "multiple_choice": "multiple-choice",
}
HUB_METRICS = {"macro_f1": "f1"}
"""Where the Hub knows a metric under another name."""


def front_matter(inputs: ReportInputs, name: str) -> str:
    """Metadata for the Hub, written by the YAML library so that no text of the data can end it."""
    metrics, base = inputs.metrics, None if inputs.run.get("smoke") else base_of(inputs).hub_id
    qlora = (inputs.recipe.get("model") or {}).get("quantization") == "nf4"
    matter: dict[str, Any] = {
        "library_name": "peft",
        **({"base_model": base} if base else {}),
        **({"base_model_relation": "adapter"} if base else {}),
        **({"datasets": sets} if (sets := _datasets(inputs)) else {}),
        "pipeline_tag": "text-generation",
        "tags": [
            "medadapt",
            "lora",
            *(["qlora"] if qlora else []),
            "medical",
            metrics["task"].replace("_", "-"),
        ],
    }
    if why_no_results(inputs) is None:
        matter["model-index"] = [{"name": name, "results": [_index_result(inputs)]}]
    text = yaml.safe_dump(matter, sort_keys=False, allow_unicode=False, width=1000)
    return f"---\n{text}---"


def why_no_results(inputs: ReportInputs) -> str | None:
    """Why the figures must not stand in a table of the Hub, which shows them bare; None where they may."""
    metrics = inputs.metrics
    kinds = {finding.get("kind") for finding in metrics.get("findings") or [] if finding.get("exit_code")}
    if inputs.run.get("smoke"):
        return "a smoke run's numbers mean nothing"
    if leakage(metrics).tone == "bad":
        return "test data leaked into training or validation"
    if "edited" in kinds:
        return "files of the run were changed by hand"
    if "diverged" in kinds:
        return "training diverged"
    if change_of_protocol(metrics):
        return "the evaluation was changed after the training had begun"
    return None


def _datasets(inputs: ReportInputs) -> list[str]:
    """Ids of the data sets of the Hub that were used."""
    repos = [str(facts.get("repo")) for facts in inputs.data.get("hub") or []]
    return [repo for repo in dict.fromkeys(repos) if HUB_ID.fullmatch(repo)]


def _index_result(inputs: ReportInputs) -> dict[str, Any]:
    metrics = inputs.metrics
    sources = inputs.data.get("sources") or {}
    source = ", ".join(one_line(PurePosixPath(str(name)).name) for name in sources) or "unknown"
    protocol = metrics.get("protocol") or {}
    digest = protocol.get("records_sha256")
    fixed = protocol.get("fixed_sha256") if protocol.get("fixed_before_tuning") is True else None
    return {
        "task": {"type": HUB_TASKS[metrics["task"]], "name": wording.TASK_NAMES[metrics["task"]]},
        "dataset": {
            "type": str(inputs.data.get("format") or "unknown"),
            "name": source,
            "split": "test",
            **({"args": {"records_sha256": digest}} if digest else {}),
        },
        "metrics": [
            {
                "type": HUB_METRICS.get(key, key),
                "name": wording.metric_name(key),
                "value": leaf["value"],
                "args": {
                    "n": leaf.get("n", metrics["n"]),
                    "interval": [leaf.get("low"), leaf.get("high")],
                    "level": round(1 - metrics["alpha"], 6),
                    "baseline": (metrics["baseline"].get(key) or {}).get("value"),
                    "verdict": (metrics["difference"].get(key) or {}).get("verdict"),
                    **_difference(metrics["difference"].get(key) or {}),
                    **({"protocol_sha256": fixed} if fixed else {}),
                    **_best_control(metrics, key),
                },
            }
            for key, leaf in metrics["tuned"].items()
            if leaf and leaf.get("value") is not None
        ],
    }


def _difference(found: dict[str, Any]) -> dict[str, Any]:
    """Tuned minus baseline with its interval, for the metric's `args`."""
    if found.get("value") is None:
        return {}
    return {"difference": found["value"], "difference_interval": [found.get("low"), found.get("high")]}


def _best_control(metrics: dict[str, Any], key: str) -> dict[str, Any]:
    """Name and value of the best control, for the metric that it was compared by."""
    found = metrics.get("against_control") or {}
    name = found.get("name")
    if not name or compared_metric(metrics) != key:
        return {}
    value = (((metrics.get("controls") or {}).get(name) or {}).get(key) or {}).get("value")
    return {"best_control": name, "best_control_value": value, "against_control": found.get("verdict")}
