"""What TARGET names -> everything that stands behind its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from medadapt.core.errors import MedAdaptError
from medadapt.core.files import read_json
from medadapt.core.records import Task
from medadapt.core.results import MODEL_NAMES, ModelName
from medadapt.core.run_folder import RunFolder
from medadapt.report.card import proof_card
from medadapt.serving.abstention import AbstentionRule, abstention_rule
from medadapt.serving.asking import Asking
from medadapt.serving.command_targets import Target
from medadapt.serving.page import panels
from medadapt.serving.page.blocks import About
from medadapt.serving.page.inputs import Offer, offer_of

CAREFUL_RISK = 0.1
"""What "sure enough" means on the page: wrong in at most this share of the answers."""
DOES: dict[Task, str] = {
    "diagnosis": "Names the condition that the training data has for such symptoms.",
    "multiple_choice": "Chooses among the options of an exam question.",
    "qa": "Answers questions in the way of its training data.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What is read from the disk for a page, before a model is loaded."""

    offer: Offer
    about: About
    report: Path | None
    rules: Mapping[ModelName, AbstentionRule]
    """When a model is sure enough, for each of which that is known."""
    unvouched: Mapping[ModelName, str]
    """Why it is not known of the others."""


def open_target(target: Target, *, base: str | None) -> Opened:
    """The lists, the proof and the rules of a run; of a bare adapter there are none."""
    run = RunFolder(target.adapter.parent)
    is_run = run.state.is_file()
    asking = target.asking
    report = run.report / "index.html"
    metrics = run.metrics / "metrics.json"
    card = proof_card(read_json(metrics)) if is_run and metrics.is_file() else None
    name = run.path.resolve().name if is_run else target.name
    rules, unvouched = _rules(target, asking) if is_run and base is None else ({}, {})
    return Opened(
        offer=offer_of(run.records / "train.jsonl", data_format=asking.data_format if asking else "unknown"),
        about=About(
            name=name,
            does=DOES[asking.task] if asking else DOES["qa"],
            proof=panels.proof(card),
            has_report=report.is_file(),
            notes=target.notes,
        ),
        report=report if report.is_file() else None,
        rules=rules,
        unvouched=unvouched,
    )


def _rules(
    target: Target, asking: Asking | None
) -> tuple[dict[ModelName, AbstentionRule], dict[ModelName, str]]:
    """The rules at the page's risk of those models whose validation records vouch for one, and why others have none."""
    rules: dict[ModelName, AbstentionRule] = {}
    unvouched: dict[ModelName, str] = {}
    if asking is None or asking.task == "qa":
        return rules, unvouched
    for model in MODEL_NAMES:
        try:
            rules[model] = abstention_rule(target.name, risk=CAREFUL_RISK, model=model)
        except MedAdaptError as problem:  # no fault here: the page says it in place of this model's answer
            unvouched[model] = problem.problem
    return rules, unvouched
