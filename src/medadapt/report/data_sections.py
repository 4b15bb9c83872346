"""Where the records came from and how they became examples, as sections of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.inputs import ReportInputs, described, facts, spoken
from medadapt.report.sections import Block, Facts, Heading, MaskedExample, Part, Section, Table, Text

DROP_NAMES = {
    "duplicate": "merged: the same record again",
    "conflicting_duplicate": "dropped: same input, different answers",
    "empty_question": "dropped: no question",
    "empty_answer": "dropped: no answer",
    "unlabelled": "dropped: no label",
    "multi_choice": "dropped: other choice type",
    "filtered": "dropped: filtered by the recipe",
    "over_limit": "dropped: over the recipe's limit",
    "unparsed_row": "dropped: row could not be read",
    "bad_options": "dropped: equal or missing options",
}
GROUP_RULES = {
    "near": "records with the same or nearly the same input, and those of one document",
    "exact": "records with exactly the same input",
    "none": "nothing: every record was placed by itself",
}
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
MAX_LEAK_PAIRS = 10
MAX_PREVIEWS = 3


def ledger(data: dict[str, Any]) -> Table:
    """What became of every source row: the splits and the reasons for leaving rows out."""
    counts = data.get("counts") or {}
    rows = [
        (f"{split} records", counts[split]) for split in ("train", "validation", "test") if split in counts
    ]
    rows += [
        (DROP_NAMES.get(reason, spoken(reason)), n) for reason, n in (data.get("dropped") or {}).items() if n
    ]
    total = data.get("rows")
    table = [
        (name, wording.count(n), wording.share(n / total) if total else wording.MISSING) for name, n in rows
    ]
    if total is not None:
        table.append(("source rows in all", wording.count(total), ""))
    return Table(caption="What became of every source row", columns=("", "rows", "share"), rows=tuple(table))


def data_section(inputs: ReportInputs) -> Section:
    """Sources, splits, repairs and leakage of the data."""
    data = inputs.data
    rows = facts(data, {"format": "Format", "groups": "Groups of records", "largest_group": "Largest group"})
    if rule := data.get("group_rule"):
        rows += (("Kept together in one split", GROUP_RULES.get(rule, described(rule))),)
    if split := data.get("split"):
        rows += (("Split", _shares(split)),)
    rows += facts(data, {"answer_base": "Answers counted from", "seed": "Seed"})
    licence = described(data.get("licence") or "unknown")
    blocks: list[Block] = [Facts(rows=(*rows, ("Licence of the data", licence)))]
    if labels := data.get("labels"):
        blocks.append(Text(text=f"{wording.amount(len(labels), 'label')}: {', '.join(labels)}.", quiet=True))
    blocks += _sources(data)
    blocks += _without_test(data.get("labels_without_test") or [])
    if repairs := data.get("repairs"):
        rows = tuple((spoken(kind), wording.count(n)) for kind, n in repairs.items())
        blocks.append(Table(caption="Repairs made while reading", columns=("repair", "times"), rows=rows))
    blocks += _leak_pairs(data.get("leakage") or {})
    return Section(anchor="data", title="Data", blocks=tuple(blocks))


def _sources(data: dict[str, Any]) -> list[Block]:
    sources, encodings = data.get("sources") or {}, data.get("encoding")
    if not isinstance(sources, dict) or not sources:
        return []
    by_file = encodings if isinstance(encodings, dict) else {}
    rows = tuple(
        (name, described(by_file.get(name, encodings or "")), described(digest))
        for name, digest in sources.items()
    )
    return [Table(caption="Sources", columns=("file", "encoding", "sha256"), rows=rows, words=True)]


def _without_test(labels: list[str]) -> list[Block]:
    if not labels:
        return []
    verb = "has" if len(labels) == 1 else "have"
    number = wording.amount(len(labels), "label")
    return [Text(text=f"{number} {verb} no test record, so nothing is known about: {', '.join(labels)}.")]


def _leak_pairs(leakage: dict[str, Any]) -> list[Block]:
    """Ids of test records with the most alike record that the model has seen, from {test, seen, exact}."""
    pairs = (leakage.get("examples") or [])[:MAX_LEAK_PAIRS]
    if not pairs:
        return []
    rows = tuple(
        (pair["test"], pair["seen"], "the same" if pair.get("exact") else "nearly the same") for pair in pairs
    )
    columns = ("test record", "training or validation record", "input")
    return [
        Table(caption="Test records with a twin among those seen", columns=columns, rows=rows, words=True)
    ]


def examples_section(inputs: ReportInputs) -> Section:
    """Lengths of the examples, and what of their text the model is trained on."""
    examples = inputs.examples
    plan = _flat(examples.get("plan") or {})
    blocks: list[Block] = []
    if rows := facts(plan, PLAN_NAMES):
        blocks.append(Facts(rows=rows))
    if splits := {name: tally for name, tally in (examples.get("splits") or {}).items() if tally}:
        blocks.append(_lengths(splits))
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


def _shares(split: Any) -> str:
    """The shares of the splits in per cent, as they are and, where that differs, as they were asked for."""
    match split:
        case {"asked": {"train": _, "validation": _, "test": _} as asked, "got": dict(got)}:
            names = ("train", "validation", "test")
            shares = [(name, wording.share(asked[name]), wording.share(got.get(name))) for name in names]
            return ", ".join(
                f"{name} {came}" + ("" if came == wanted else f" (asked: {wanted})")
                for name, wanted, came in shares
            )
    return described(split)


def _lengths(splits: dict[str, dict[str, Any]]) -> Table:
    measures = dict.fromkeys(measure for tally in splits.values() for measure in tally)
    rows = tuple(
        (spoken(measure), *(_measure(measure, tally.get(measure)) for tally in splits.values()))
        for measure in measures
    )
    return Table(caption="Examples and their lengths in tokens", columns=("", *splits), rows=rows)


def _measure(name: str, value: Any) -> str:
    if value is None:
        return wording.MISSING
    return wording.share(value) if name.endswith("share") and isinstance(value, float) else described(value)


def _masked(preview: list[dict[str, Any]]) -> list[MaskedExample]:
    """Previews of the form {id, prompt, trained}, each as its two parts."""
    return [
        MaskedExample(
            parts=(Part(text=example["prompt"], trained=False), Part(text=example["trained"], trained=True))
        )
        for example in preview
    ]
