"""How records became examples, and what of them is learned, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.examples.encoding_notes import same_token_notes
from medadapt.report import wording
from medadapt.report.facts import described, facts, spoken
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Facts, Heading, MaskedExample, Part, Section, Table, Text

PLAN_NAMES = {
    "template": "Template",
    "chat": "Chat template of the model",
    "options": "Options in the prompt",
    "answer": "Answer as",
    "system": "Instruction",
    "max_length": "Most tokens in all",
    "prompt_limit": "Most tokens of a prompt",
    "closing": "Token that ends an answer",
}
MAX_PREVIEWS = 3


def examples_section(inputs: ReportInputs) -> Section:
    """Lengths of the examples, and what of their text the model is trained on."""
    examples = inputs.examples
    plan = _flat(examples.get("plan") or {})
    blocks: list[Block] = []
    if rows := facts(plan, PLAN_NAMES):
        blocks.append(Facts(rows=rows))
    if splits := {name: tally for name, tally in (examples.get("splits") or {}).items() if tally}:
        blocks.append(_lengths(splits))
    blocks += [Text(text=line[:1].upper() + line[1:] + ".") for line in same_token_notes(examples)]
    shown = _masked(examples.get("preview") or [])
    if shown:
        blocks.append(Heading(text="What is trained"))
        blocks.append(
            Text(text="Grey text is the prompt and only read. Marked text is what the model learns to write.")
        )
        blocks += shown[:MAX_PREVIEWS]
    return Section(anchor="examples", title="Examples", blocks=tuple(blocks))


def _flat(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan with the keys of its inner sections beside its own."""
    inner = [part for part in plan.values() if isinstance(part, dict)]
    return {
        key: value for part in (plan, *inner) for key, value in part.items() if not isinstance(value, dict)
    }


def _lengths(splits: dict[str, dict[str, Any]]) -> Table:
    measures = dict.fromkeys(measure for tally in splits.values() for measure in tally)
    rows = tuple(
        (_titled(measure, splits), *(_measure(measure, tally.get(measure)) for tally in splits.values()))
        for measure in measures
    )
    return Table(caption="Examples and their lengths in tokens", columns=("", *splits), rows=rows)


def _titled(measure: str, splits: dict[str, dict[str, Any]]) -> str:
    """The measure's name; of several figures in one cell also theirs."""
    parts = next((part for tally in splits.values() if isinstance(part := tally.get(measure), dict)), {})
    return spoken(measure) + (f" ({' / '.join(map(spoken, parts))})" if parts else "")


def _measure(name: str, value: Any) -> str:
    if value is None:
        return wording.MISSING
    if isinstance(value, dict):
        return " / ".join(map(described, value.values()))
    return wording.share(value) if name.endswith("share") and isinstance(value, float) else described(value)


def _masked(preview: list[dict[str, Any]]) -> list[MaskedExample]:
    """Previews, each as its parts in order: `segments` where it has them, else `prompt` and `trained`."""
    return [MaskedExample(parts=_parts(example)) for example in preview]


def _parts(example: dict[str, Any]) -> tuple[Part, ...]:
    segments = example.get("segments") or [
        {"text": example["prompt"], "trained": False},
        {"text": example["trained"], "trained": True},
    ]
    return tuple(Part(text=part["text"], trained=bool(part["trained"])) for part in segments)
