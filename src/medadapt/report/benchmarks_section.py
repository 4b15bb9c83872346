"""Standard sets that the run's models were asked, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.core.standard_sets import is_named_after
from medadapt.report import wording
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Section, Table, Text

METRIC = "accuracy"
COLUMNS = ("set", "questions", "base model", "tuned model", "difference", "p", "verdict")


def benchmarks_section(inputs: ReportInputs) -> Section | None:
    """Each set, the mean over sets and the pooled figure; None where no set was asked."""
    sets = {name: values for name, values in inputs.benchmarks.items() if name != "together"}
    if not sets:
        return None
    rows = [row for name, values in sets.items() for row in _rows(name, values)]
    rows += _together(inputs.benchmarks.get("together"), sets)
    blocks: list[Block] = [
        Text(
            text="Published question sets, asked as lm-evaluation-harness does. No verdict of this page rests on them."
        ),
        Table(caption="Accuracy", columns=COLUMNS, rows=tuple(rows)),
        Table(
            caption="What qualifies these figures",
            columns=(
                "set",
                "most frequent answer",
                "also in training",
                "word for word",
                "rows not usable",
                "prompts cut",
            ),
            rows=tuple(_qualified(name, values) for name, values in sets.items()),
        ),
    ]
    if f1 := _macro_f1(sets):
        blocks.append(f1)
    doubts = {name: base_named_after(name, values) for name, values in sets.items()}
    blocks += [Text(text=f"{name}: {doubt}") for name, doubt in doubts.items() if doubt]
    told = (
        "The most frequent answer is chosen with the answers known: no constant answer can do better. The mean of the "
        "sets gives every set the same weight, the pooled figure every question."
    )
    if len(sets) > 1:
        told += (
            " Each set is judged by itself, without correction for their number: of several, quote the mean or the "
            "pooled figure, which one call with all of them gives."
        )
    blocks.append(Text(text=told, quiet=True))
    return Section(anchor="benchmarks", title="Standard question sets", blocks=tuple(blocks))


def base_named_after(name: str, values: dict[str, Any]) -> str | None:
    """That the base has the name of a set in its own, as a sentence; None where it has not."""
    base = (values.get("protocol") or {}).get("base") or ""
    if not is_named_after(base, name):
        return None
    return (
        "its name suggests that the base was trained on questions of this set; then its figures say little."
    )


def _together(together: dict[str, Any] | None, sets: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Mean and pooled figure; nothing where they are of other questions than the files of their sets."""
    if not together or any(sets.get(name, {}).get("n") != n for name, n in together["sets"].items()):
        return []
    whole = together["sets"].keys() == sets.keys()
    names = ", ".join(together["sets"])
    return [
        _row("mean of the sets" if whole else f"mean of {names}", together["macro"]),
        _row("all pooled" if whole else f"{names} pooled", together["pooled"]),
    ]


def _rows(name: str, values: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = [_row(name, values)]
    rows += [_row(f"{name}: {subset}", part) for subset, part in (values.get("subsets") or {}).items()]
    if values.get("macro"):
        rows.append(_row(f"{name}: mean of the subsets", values["macro"]))
    if (clean := values.get("clean") or {}).get("tuned"):
        rows.append(_row(f"{name}: not in training", clean))
    return rows


def _row(name: str, values: dict[str, Any]) -> tuple[str, ...]:
    found = values["difference"][METRIC]
    return (
        name,
        wording.count(values["n"]),
        *(wording.estimate(METRIC, values[model][METRIC]) for model in wording.MODEL_TITLES),
        wording.with_interval(
            wording.metric_change(METRIC, found["value"]), wording.change_interval(METRIC, found)
        ),
        wording.p_value(wording.shown_p(found)),
        str(found["verdict"]),
    )


def _qualified(name: str, values: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        wording.estimate(METRIC, values["controls"]["majority"][METRIC]),
        wording.count(values["leakage"]["near"] + values["leakage"].get("contained", 0)),
        wording.count(values["leakage"]["exact"]),
        wording.count(sum(values["unusable"].values())),
        wording.count(values["truncated"]),
    )


def _macro_f1(sets: dict[str, dict[str, Any]]) -> Table | None:
    rows = tuple(
        (name, *(wording.estimate("macro_f1", values[model]["macro_f1"]) for model in wording.MODEL_TITLES))
        for name, values in sets.items()
        if "macro_f1" in values["tuned"]
    )
    columns = ("set", *(title.lower() for title in wording.MODEL_TITLES.values()))
    return Table(caption="Macro F1", columns=columns, rows=rows) if rows else None
