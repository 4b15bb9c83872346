"""What the figures of a run do not show, in sentences for the page and the model card."""

from __future__ import annotations

from medadapt.core.results import MODEL_NAMES, START_ADAPTER
from medadapt.report import wording
from medadapt.report.card import HIGH_RATE
from medadapt.report.clean_text import one_line
from medadapt.report.data_section import given_splits
from medadapt.report.facts import shows_options, start_adapter
from medadapt.report.inputs import ReportInputs
from medadapt.report.verdicts import protocol_kept

FEW_RECORDS = 100


def limits(inputs: ReportInputs) -> tuple[str, ...]:
    """What was not measured, and what weakens what was."""
    metrics = inputs.metrics
    n = wording.amount(metrics["n"], "test record")
    lines = [
        f"Measured on {n} of one data set. Other wording, languages and patients were not measured, nor were "
        "safety or behaviour in a conversation.",
        "Nobody with clinical training judged the answers.",
    ]
    if not inputs.run.get("smoke"):
        lines.append(
            "What the base model itself was trained on was not checked: test records may be among it, for both models."
        )
    if metrics["n"] < FEW_RECORDS:
        lines.append(f"With {n} chance weighs heavily: read every figure with its interval.")
    if changed := protocol_kept(metrics):
        lines.append(changed.text)
    lines += [*_of_the_data(inputs), *_of_the_start(inputs), *_not_measured(inputs)]
    truncated = [
        ((metrics.get("rates") or {}).get(name) or {}).get("truncated") or 0.0 for name in MODEL_NAMES
    ]
    if max(truncated) >= HIGH_RATE:
        lines.append(
            f"In {wording.share(max(truncated))} of the records prompt or answer did not fit and was cut."
        )
    return tuple(lines)


def _of_the_data(inputs: ReportInputs) -> list[str]:
    data, lines = inputs.data, []
    for key, part in (("labels_without_test", "test"), ("labels_without_train", "training")):
        if labels := data.get(key):
            verb = "has" if len(labels) == 1 else "have"
            lines.append(f"{wording.amount(len(labels), 'label')} {verb} no {part} record.")
    if data.get("group_rule") == "none":
        lines.append("Records were placed one by one, so near copies may lie on both sides of the split.")
    if _tested_on_the_longest(inputs):
        lines.append(
            "Only the records with the longest explanations were kept (data.limit), among the test records too: the "
            "figures hold for such questions only."
        )
    return lines


def _tested_on_the_longest(inputs: ReportInputs) -> bool:
    """Whether `data.limit` chose test records by their explanations; of ready-made splits it shortens train alone."""
    limit = (inputs.recipe.get("data") or {}).get("limit") or {}
    shortened = (inputs.data.get("dropped") or {}).get("over_limit") and not inputs.run.get("smoke")
    return limit.get("by") == "explanation_length" and bool(shortened) and not given_splits(inputs.data)


def _of_the_start(inputs: ReportInputs) -> list[str]:
    """That nobody knows whether the adapter which training started from has seen the test records."""
    found = (inputs.metrics.get("leakage") or {}).get(START_ADAPTER) or {}
    name = start_adapter(inputs)
    if name is None or found.get("known"):
        return []
    told = f"What {name} was trained on is not known"
    if found.get("count") is not None:
        told = f"Not all that {name} was trained on is known"
    return [f"{told}, so test records may be among it."]


def _not_measured(inputs: ReportInputs) -> list[str]:
    metrics, lines = inputs.metrics, []
    for key, what in (
        ("calibration", "How far the model's probabilities can be trusted"),
        ("forgetting", "Whether the model lost other abilities"),
    ):
        found = metrics.get(key) or {}
        if not found or (set(found) <= {"reason"}):
            reason = one_line(str(found.get("reason") or "")).rstrip(".")
            lines.append(f"{what} was not measured{f' ({reason})' if reason else ''}.")
    if shows_options(inputs) and not (metrics.get("permutations") or {}).get("flip_rate"):
        lines.append("The options were shown in one order only; some models answer by place.")
    return lines
