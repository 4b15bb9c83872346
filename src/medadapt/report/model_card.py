"""The model card: the proof, and what a stranger must know before using the adapter. No text of records."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from medadapt.core.results import MODEL_NAMES
from medadapt.report import verdicts, wording
from medadapt.report.card import ProofCard, proof_card
from medadapt.report.clean_text import one_line
from medadapt.report.data_section import given_splits, hub_rows, ledger
from medadapt.report.facts import described, facts, machine, start_adapter
from medadapt.report.forgetting_section import CAPTION, forgetting_columns, forgetting_rows
from medadapt.report.front_matter import front_matter, why_no_results
from medadapt.report.inputs import ReportInputs
from medadapt.report.limits import limits
from medadapt.report.markdown import inline, table
from medadapt.report.named_base import base_of
from medadapt.report.protocol_line import split_rule
from medadapt.report.reporting import reporting
from medadapt.report.search_section import judged, search_facts
from medadapt.report.training_section import training_facts
from medadapt.report.usage import usage
from medadapt.report.written_section import soft_match_sentence

CALIBRATION_NAMES = {
    "nll": "Log loss of the right answer (nats)",
    "brier": "Brier score",
    "ece": "Expected calibration error",
    "aurc": "Area under risk and coverage",
}


def model_card(inputs: ReportInputs) -> str:
    """The text of `README.md`. Every word of the run's data in it is escaped."""
    card = proof_card(inputs.metrics, inputs.seeds)
    name = _name(inputs)
    parts = [
        front_matter(inputs, name),
        f"# {inline(name)}",
        f"> **{inline(card.notice)}**",
        _summary(inputs, card),
        "## Intended use and limits",
        _limits(inputs),
        "## Results",
        _results(inputs, card),
        "## Data and licence",
        _data(inputs),
        "## Training",
        _training(inputs),
        "## How to use",
        usage(inputs),
        "## Protocol",
        _protocol(inputs),
        "## What is reported",
        _reporting(inputs),
        f"> **{inline(card.notice)}**",
    ]
    return "\n\n".join(parts) + "\n"


def _name(inputs: ReportInputs) -> str:
    return one_line(str(inputs.run.get("name") or inputs.recipe.get("name") or "run"))


def _summary(inputs: ReportInputs, card: ProofCard) -> str:
    smoke = "**This is a smoke run: its numbers mean nothing.** " if inputs.run.get("smoke") else ""
    variant = (inputs.recipe.get("lora") or {}).get("variant", "lora")
    packing = (inputs.recipe.get("model") or {}).get("quantization")
    kind = "QLoRA" if packing == "nf4" else "LoRA"
    kind = kind if variant == "lora" else f"{kind} ({variant})"
    kind = f"{kind} adapter (base in 8 bits)" if packing == "int8" else f"{kind} adapter"
    base = inline(base_of(inputs).in_words)
    if inputs.run.get("smoke"):
        base = f"a tiny random stand-in of {base}"
    made = "trained with MedAdapt"
    if start := start_adapter(inputs):
        origin = inline(start)
        made = f"trained further from {origin} with MedAdapt"
        if not inputs.steps:
            made = f"a copy of {origin}, which was measured with MedAdapt and not trained further"
    what = f"{smoke}A {kind} for {base}, {made}. Task: {card.task.lower()}."
    return f"{what}\n\n**{inline(card.headline)}** {inline(card.sentence)}"


def _limits(inputs: ReportInputs) -> str:
    lines = [
        "For research on fine-tuning and for learning; not for patients, and not for decisions about care.",
        *limits(inputs),
        "The adapter carries over the faults and biases of its base model and of its training data.",
    ]
    return "\n".join(f"- {inline(line)}" for line in lines)


def _results(inputs: ReportInputs, card: ProofCard) -> str:
    metrics = inputs.metrics
    rows: list[tuple[str, ...]] = [
        (
            row.name,
            wording.with_interval(row.baseline, row.baseline_interval),
            wording.with_interval(row.tuned, row.tuned_interval),
            wording.with_interval(row.difference, row.difference_interval),
            row.p,
            row.verdict,
        )
        for row in card.rows
    ]
    compared = verdicts.compared_metric(metrics)
    controls: list[tuple[str, ...]] = [
        (wording.control_name(name), wording.estimate(compared, (leaves or {}).get(compared)))
        for name, leaves in (metrics.get("controls") or {}).items()
        if ((leaves or {}).get(compared) or {}).get("value") is not None
    ]
    judged = [card.few_shot, card.leakage, card.clean, card.seeds]
    parts = [
        f"Both models on the same {wording.amount(card.n, 'test record')}, with {card.level} intervals:",
        table(("metric", "base", "tuned", "difference", "p", "verdict"), rows),
        *([_adjusted(card)] if card.num_adjusted else []),
        f"**{card.control.title}.** {inline(card.control.text)}",
        *([table(("control", wording.metric_name(compared)), controls)] if controls else []),
        *(f"**{one.title}.** {inline(one.text)}" for one in judged if one is not None),
        *([inline(card.boilerplate)] if card.boilerplate else []),
        *_orders(metrics.get("permutations") or {}),
        *_calibration(metrics.get("calibration") or {}, card.level),
        *_forgetting(metrics.get("forgetting") or {}, card.level),
    ]
    if likeness := soft_match_sentence(metrics.get("soft_match") or {}, card.level):
        parts.append(inline(likeness))
    if reason := why_no_results(inputs):
        parts.append(f"These figures are left out of the card's metadata: {reason}.")
    if card.rates:
        parts.append(table(("share of the test records", "base", "tuned"), list(card.rates)))
    for finding in card.findings:
        kind = "Failed gate" if finding.failed else "Finding"
        parts.append(f"**{kind}: {inline(finding.title)}.** {inline(finding.problem)}")
    return "\n\n".join(parts)


def _adjusted(card: ProofCard) -> str:
    number = wording.amount(card.num_adjusted, "metric")
    return f"The p-values of the secondary metrics are adjusted for {number} (Holm)."


def _orders(found: dict[str, Any]) -> list[str]:
    """How often the order of the options decides; nothing where they were asked in one order only."""
    rates = found.get("flip_rate")
    if not rates:
        return []
    base, tuned = (wording.estimate("accuracy", rates.get(model)) for model in MODEL_NAMES)
    return [
        inline(
            f"Asked with the options in {found.get('count')} orders, the base model changes its choice in {base} of "
            f"the records whose options moved, the tuned model in {tuned}."
        )
    ]


def _calibration(found: dict[str, Any], level: str) -> list[str]:
    """The main figures of calibration; nothing where it was not measured."""
    models = [found.get(model) or {} for model in MODEL_NAMES]
    rows = [
        (name, *(wording.estimate(key, leaves.get(key)) for leaves in models))
        for key, name in CALIBRATION_NAMES.items()
        if any((leaves.get(key) or {}).get("value") is not None for leaves in models)
    ]
    if not rows:
        return []
    few = " Fewer than 300 test records make a poor picture of it." if found.get("few") else ""
    return [
        f"How far the probabilities can be trusted ({level} intervals; lower is better).{few}",
        table(("calibration", "base", "tuned"), rows),
    ]


def _forgetting(found: dict[str, Any], level: str) -> list[str]:
    """What tuning cost on general text; nothing where it was not measured."""
    if not found.get("kinds"):
        return []
    return [
        f"What tuning cost elsewhere. {CAPTION} ({level} intervals). Kept: the upper end of the rise's interval lies "
        f"below {found['margin']:g}.",
        table(forgetting_columns(found), list(forgetting_rows(found))),
    ]


def _reporting(inputs: ReportInputs) -> str:
    rows: list[tuple[str, ...]] = list(reporting(inputs))
    intro = (
        "Items that a reader of a study with a language model in health care looks for, after the guideline "
        "TRIPOD-LLM. What the run does not know is not filled in."
    )
    return f"{intro}\n\n{table(('item', 'state', 'where or why'), rows)}"


def _data(inputs: ReportInputs) -> str:
    data = inputs.data
    licence = data.get("licence")
    licence = licence.get("name") or licence.get("licence") if isinstance(licence, dict) else licence
    licence = one_line(str(licence or "unknown"))
    lines = [f"- Licence of the data: {inline(licence)}."]
    if licence.lower().startswith("unknown"):
        lines[0] += " Unknown does not mean free: ask its owners before you share the data or this adapter."
    lines.append("- Licence of this adapter: not stated. The licence of the base model applies to its use.")
    for row in hub_rows(data):
        lines.append("- Data set of the Hub: " + inline(", ".join(row)))
    if given_splits(data):
        lines.append("- The splits were given and are never mixed.")
    for name, digest in (data.get("sources") or {}).items():
        lines.append(f"- Source: {inline(PurePosixPath(str(name)).name)}, sha256 {inline(described(digest))}")
    rows = list(ledger(data).rows)
    return "\n".join(lines) + (f"\n\n{table(('', 'rows', 'share'), rows)}" if rows else "")


def _training(inputs: ReportInputs) -> str:
    recipe, run = inputs.recipe, inputs.run
    rows: list[tuple[str, ...]] = []
    for section, names in (
        (
            "lora",
            {
                "rank": "Rank",
                "alpha": "Alpha",
                "dropout": "Dropout",
                "targets": "Targets",
                "variant": "Variant",
            },
        ),
        (
            "training",
            {
                "epochs": "Epochs",
                "batch_size": "Examples in a step",
                "learning_rate": "Highest learning rate",
                "schedule": "Schedule",
                "warmup": "Warm-up",
                "weight_decay": "Weight decay",
                "max_grad_norm": "Largest gradient norm",
            },
        ),
    ):
        rows += facts(recipe.get(section) or {}, names)
    rows += machine(run)
    rows += training_facts(inputs)
    rows += facts(recipe, {"seed": "Seed"})
    text = table(("setting", "value"), rows)
    if inputs.search:
        rows = list(search_facts(inputs.search))
        text += f"\n\n{inline(judged(inputs.search))}\n\n{table(('search', 'value'), rows)}"
    return text


def _protocol(inputs: ReportInputs) -> str:
    metrics = inputs.metrics
    protocol = metrics.get("protocol") or {}
    rows: list[tuple[str, ...]] = list(
        facts(
            protocol,
            {
                "records_sha256": "Test records sha256",
                "prompt_sha256": "Prompts sha256",
                "base_sha256": "Base sha256",
                "adapter_sha256": "Adapter sha256",
                "seed": "Seed",
                "dtype": "Number format",
                "versions": "Versions",
                "fixed_sha256": "Evaluation protocol sha256",
                "fixed_before_tuning": "Protocol fixed before tuning",
                "fixed_reason": "Why",
            },
        )
    )
    tests = sorted({(leaf or {}).get("test") or "" for leaf in metrics["difference"].values()} - {""})
    rows += split_rule(inputs.data)
    rows.append(("Tests", ", ".join(tests) or "none"))
    rows += facts(
        inputs.recipe.get("prompt") or {}, {"template": "Prompt template", "chat_template": "Chat template"}
    )
    rows += facts(
        inputs.recipe.get("evaluation") or {},
        {"method": "Method", "bootstrap_samples": "Bootstrap resamples"},
    )
    return "Both models answered the same records with the same prompts and the same code.\n\n" + table(
        ("", "value"), rows
    )
