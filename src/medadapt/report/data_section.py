"""Where the records came from and what became of every source row, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.facts import described, facts, spoken
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Facts, Section, Table, Text

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
    "ready-made": "nothing: the splits were given, and every record stayed in its own",
}
HUB_FACTS = ("repo", "config", "split", "revision", "commit", "licence")
MAX_LEAK_PAIRS = 10


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
    if (counts := ledger(data)).rows:
        blocks.append(counts)
    if labels := data.get("labels"):
        blocks.append(Text(text=f"{wording.amount(len(labels), 'label')}: {', '.join(labels)}.", quiet=True))
    blocks += _given(data)
    if hub := hub_rows(data):
        columns = ("data set of the Hub", "config", "split", "revision asked for", "commit", "licence")
        blocks.append(Table(caption="From the Hugging Face Hub", columns=columns, rows=hub, words=True))
    blocks += _sources(data)
    blocks += _without_test(data.get("labels_without_test") or [])
    blocks += _without_train(data.get("labels_without_train") or [])
    blocks += _alike(data.get("alike_labels") or [])
    blocks += _left_out(data.get("columns_left_out") or {})
    if repairs := data.get("repairs"):
        rows = tuple((spoken(kind), wording.count(n)) for kind, n in repairs.items())
        blocks.append(Table(caption="Repairs made while reading", columns=("repair", "times"), rows=rows))
    blocks += _seen_validation(data)
    blocks += _leak_pairs(data.get("leakage") or {})
    return Section(anchor="data", title="Data", blocks=tuple(blocks))


def hub_rows(data: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """(repository, config, split, revision asked for, commit, licence) of each data set of the Hub."""
    return tuple(tuple(described(facts.get(key)) for key in HUB_FACTS) for facts in data.get("hub") or [])


def given_splits(data: dict[str, Any]) -> bool:
    """Whether the splits came with the data."""
    return data.get("group_rule") == "ready-made"


def _given(data: dict[str, Any]) -> list[Block]:
    """That the splits were given, and what they share."""
    if not given_splits(data):
        return []
    shared, alike = ((data.get("leakage") or {}).get(key) for key in ("exact", "near"))
    return [
        Text(
            text="The splits were given and are never mixed, so what they share is their makers' doing: "
            f"{wording.count(shared)} test records are the same as one of train or validation, "
            f"{wording.count(alike)} at least nearly so."
        )
    ]


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


def _without_train(labels: list[str]) -> list[Block]:
    if not labels:
        return []
    number = wording.amount(len(labels), "label")
    verb = "has" if len(labels) == 1 else "have"
    return [Text(text=f"{number} {verb} no training record, so none could be learned: {', '.join(labels)}.")]


def _alike(alike: list[list[str]]) -> list[Block]:
    """Labels that a reader may take for one."""
    if not alike:
        return []
    pairs = "; ".join(" and ".join(f"“{label}”" for label in labels) for labels in alike)
    return [
        Text(
            text=f"Labels that differ in case or spaces only, learned and counted as different ones: {pairs}."
        )
    ]


def _left_out(columns: dict[str, list[str]]) -> list[Block]:
    """Columns of each file of which nothing came into a record."""
    return [
        Text(text=f"No question holds anything of these columns of {file}: {', '.join(names)}.", quiet=True)
        for file, names in columns.items()
    ]


def _seen_validation(data: dict[str, Any]) -> list[Block]:
    """That validation records also stand in train, where some do."""
    found = (data.get("leakage") or {}).get("validation") or {}
    if not found.get("near"):
        return []
    number = (data.get("counts") or {}).get("validation", 0)
    return [
        Text(
            text=f"Of {wording.amount(number, 'validation record')}, {wording.count(found.get('exact'))} are the "
            f"same as one of train, {wording.count(found['near'])} at least nearly so: the validation loss, by "
            "which the best step is chosen, flatters by them. The test figures do not."
        )
    ]


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
        case {"asked": str(asked), "got": dict(got)}:
            return f"{asked}: {', '.join(f'{name} {wording.share(part)}' for name, part in got.items())}"
    return described(split)
