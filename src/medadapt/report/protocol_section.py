"""Everything needed to reproduce the numbers, as a section of the page."""

from __future__ import annotations

from typing import Any

import yaml

from medadapt.report import wording
from medadapt.report.card import num_adjusted
from medadapt.report.facts import described, facts, machine, spoken
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Code, Facts, Section, Table, Text


def protocol_section(inputs: ReportInputs) -> Section:
    """Hashes, seed, versions, device, tests and the whole recipe."""
    metrics, run = inputs.metrics, inputs.run
    protocol = metrics.get("protocol") or {}
    evaluation, prompt = inputs.recipe.get("evaluation") or {}, inputs.recipe.get("prompt") or {}
    rows = facts(
        protocol,
        {
            "base": "Base model",
            "base_sha256": "Base model sha256",
            "adapter_sha256": "Adapter sha256",
            "records_sha256": "Test records sha256",
            "prompt_sha256": "Prompts sha256",
            "dtype": "Number format in evaluation",
            "seed": "Seed",
            "fixed_sha256": "Evaluation protocol sha256",
        },
    )
    if "fixed_before_tuning" in protocol:
        rows += (("Protocol fixed before tuning", described(protocol["fixed_before_tuning"])),)
    rows += facts(protocol, {"fixed_reason": "Why"})
    rows += facts(
        metrics, {"num_groups": "Groups among the test records", "uniform_loss": "Loss of blind guessing"}
    )
    rows += facts(prompt, {"template": "Prompt template", "chat_template": "Chat template"})
    rows += facts(evaluation, {"method": "Evaluation method", "bootstrap_samples": "Bootstrap resamples"})
    rows += (("Decoding of written answers", "greedy"), ("Intervals", wording.confidence(metrics["alpha"])))
    rows += machine(run)
    rows += facts(run, {"git_commit": "Commit", "resume": "Command"})
    blocks: list[Block] = [
        Text(text="Both models answered the same records with the same prompts and the same code."),
        Facts(rows=rows),
        _tests(metrics),
        *_stages(run),
    ]
    if versions := protocol.get("versions") or run.get("versions"):
        pairs = tuple((str(name), described(version)) for name, version in versions.items())
        blocks.append(Table(caption="Versions", columns=("package", "version"), rows=pairs, words=True))
    text = yaml.safe_dump(inputs.recipe, sort_keys=False, allow_unicode=True)
    blocks.append(Code(title="The recipe with every value", text=text))
    return Section(anchor="protocol", title="Protocol", blocks=tuple(blocks))


def _tests(metrics: dict[str, Any]) -> Table:
    intervals, adjusted = metrics.get("intervals") or {}, num_adjusted(metrics)
    rows = tuple(
        (
            wording.metric_name(key),
            described(intervals.get(key) or wording.MISSING),
            (leaf or {}).get("test") or wording.MISSING,
            wording.p_value((leaf or {}).get("p")),
            *([wording.p_value((leaf or {}).get("p_adjusted"))] if adjusted else []),
        )
        for key, leaf in metrics["difference"].items()
    )
    columns: tuple[str, ...] = ("metric", "interval of a value", "test of the difference", "p")
    if adjusted:
        columns += (f"p adjusted for {wording.amount(adjusted, 'metric')} (Holm)",)
    return Table(caption="How values and differences were judged", columns=columns, rows=rows, words=True)


def _stages(run: dict[str, Any]) -> list[Block]:
    stages = run.get("stages") or run.get("timings") or {}
    rows = tuple(
        (spoken(name), wording.duration(stage["seconds"]))
        for name, stage in stages.items()
        if isinstance(stage, dict) and isinstance(stage.get("seconds"), int | float)
    )
    return [Table(caption="Time of each stage", columns=("stage", "time"), rows=rows)] if rows else []
