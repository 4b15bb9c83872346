"""How the comparison was made, in the few words that stand at the head of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.facts import described
from medadapt.report.inputs import ReportInputs
from medadapt.report.verdicts import change_of_protocol

HASH_LENGTH = 12
"""Signs of a hash that suffice to tell files apart; the section on the protocol has it whole."""
SPLIT_RULES = {
    "near": "near copies and records of one document kept together",
    "exact": "equal inputs kept together",
    "none": "every record by itself",
    "ready-made": "given with the data",
}
METHODS = {"score": "likelihood of the given answers", "generate": "written answers"}
RULES = {
    "sum": "",
    "per_token": "per token",
    "per_byte": "per byte",
    "relative": "relative to the answer without the question",
}


def protocol_line(inputs: ReportInputs) -> tuple[tuple[str, str], ...]:
    """(name, value) of test records, split, prompts, way of asking, seed, and what was fixed before tuning."""
    protocol = inputs.metrics.get("protocol") or {}
    records = wording.count(inputs.metrics["n"])
    rows = [("Test records", _with_hash(records, protocol.get("records_sha256")))]
    rows += split_rule(inputs.data)
    rows.append(("Prompts", _with_hash(f"chat template {_chat(inputs)}", protocol.get("prompt_sha256"))))
    rows.append(("Asked for", asked_for(inputs)))
    if protocol.get("seed") is not None:
        rows.append(("Seed", described(protocol["seed"])))
    if "fixed_before_tuning" in protocol:
        rows.append(("Protocol fixed before tuning", fixed_before_tuning(inputs.metrics)))
    return tuple(rows)


def split_rule(data: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """What was kept together in one split, as a row; none where that is not known."""
    rule = data.get("group_rule")
    return (("Split", SPLIT_RULES.get(rule, described(rule))),) if rule else ()


def asked_for(inputs: ReportInputs) -> str:
    """What the models were asked for, and how written answers were decoded."""
    evaluation = inputs.recipe.get("evaluation") or {}
    task, written = inputs.metrics["task"], any(p.text is not None for p in inputs.tuned)
    way = "likelihood of the reference answer" if task == "qa" else METHODS["score"]
    rule = RULES.get(str(evaluation.get("choice_by") or "sum"), described(evaluation.get("choice_by")))
    parts = [f"{way}, {rule}" if rule and task != "qa" else way]
    if any(prediction.only_best for prediction in inputs.tuned):
        parts[0] += " (only as many as it takes to find the best)"
    if written:
        parts.append(f"{METHODS['generate']} (greedy decoding)")
    return " and ".join(parts)


def fixed_before_tuning(metrics: dict[str, Any]) -> str:
    """Whether the protocol was fixed before tuning: with its hash where it was, and why not where it was changed."""
    if changed := change_of_protocol(metrics):
        return f"no: {changed}"
    protocol = metrics.get("protocol") or {}
    return (
        _with_hash("yes", protocol.get("fixed_sha256"))
        if protocol.get("fixed_before_tuning")
        else "not known"
    )


def _chat(inputs: ReportInputs) -> str:
    """Whether the prompt holds the model's chat template: as it was made, else as it was asked for."""
    made = (inputs.examples.get("plan") or {}).get("chat")
    if made is not None:
        return "on" if made else "off"
    asked = (inputs.recipe.get("prompt") or {}).get("chat_template")
    return {"never": "off", "always": "on"}.get(str(asked), "as the model has it")


def _with_hash(text: str, digest: Any) -> str:
    return f"{text}, sha256 {str(digest)[:HASH_LENGTH]}" if digest else text
