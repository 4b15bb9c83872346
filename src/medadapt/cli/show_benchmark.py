"""Standard sets on the terminal: a row a set, and what must be known before the figures are believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from medadapt.cli.console import plain, results
from medadapt.cli.show_card import VERDICT_STYLES, with_interval
from medadapt.core.shell_command import command

if TYPE_CHECKING:
    from medadapt.workflow.benchmarking.session import Benchmark

METRIC = "accuracy"
LONGEST_WORD = len("  professional")
"""Of the names of sets and subsets, with their indent; at 80 columns the figures would squeeze it."""


def show_benchmark(done: Benchmark) -> None:
    """The table, the remarks of each set, and where the files are."""
    results.print(benchmark_table(done), soft_wrap=False)  # also in a pipe: a table needs its columns
    for name, values in done.sets.items():
        for remark in remarks(values):
            results.print(plain(f"{name}: {remark}", "yellow"))
    results.print(plain(str(done.folder)), soft_wrap=True)
    results.print(
        plain(f"`{command('report', done.folder.parents[1], '--replace')}` shows them in the report.", "dim"),
        soft_wrap=True,
    )


def benchmark_table(done: Benchmark) -> Table:
    """A row a set, a subset and a summary. Names wrap where the line is short, so that no figure is ever cut."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("set", min_width=LONGEST_WORD)
    for heading in ("n", "base", "tuned", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for name, values in done.sets.items():
        _add(table, name, values)
        for subset, part in (values.get("subsets") or {}).items():
            _add(table, f"  {subset.replace('_', ' ')}", part)
        if values.get("macro"):
            _add(table, "  mean of the subsets", values["macro"])
    if done.together:
        _add(table, "mean of the sets", done.together["macro"])
        _add(table, "all pooled", done.together["pooled"])
    return table


def remarks(values: dict[str, Any]) -> Iterator[str]:
    """What qualifies the figures of a set, a sentence each."""
    from medadapt.report import wording
    from medadapt.report.benchmarks_section import base_named_after

    if told := base_named_after(values["name"], values):
        yield told
    if values["unusable"]:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in values["unusable"].items())
        yield f"{wording.amount(sum(values['unusable'].values()), 'row')} cannot be asked ({reasons})."
    if values["truncated"]:
        yield (
            f"{wording.amount(values['truncated'], 'prompt')} did not fit the context and lost text from the middle."
        )
    leakage = values["leakage"]
    if seen := leakage["near"] + leakage.get("contained", 0):
        yield (
            f"{seen:,} of {values['n']:,} questions were seen in training, {leakage['exact']:,} of them word for word."
        )
        if values["clean"]["tuned"]:
            yield (
                f"without them: base {wording.estimate(METRIC, values['clean']['baseline'][METRIC])}, "
                f"tuned {wording.estimate(METRIC, values['clean']['tuned'][METRIC])}."
            )
    if "macro_f1" in values["tuned"]:
        yield (
            f"macro F1: base {wording.estimate('macro_f1', values['baseline']['macro_f1'])}, "
            f"tuned {wording.estimate('macro_f1', values['tuned']['macro_f1'])}."
        )
    if values["against_control"]["verdict"] != "better":
        yield "the tuned model is not shown to be better than always giving the set's most frequent answer."


def _add(table: Table, name: str, values: dict[str, Any]) -> None:
    from medadapt.report import wording

    found = values["difference"][METRIC]
    p = found["p"] if found.get("p_adjusted") is None else found["p_adjusted"]
    models = [values[who][METRIC] for who in ("baseline", "tuned")]
    control = (values.get("controls") or {}).get("majority")
    constant = wording.metric_value(METRIC, control[METRIC]["value"]) if control else ""
    table.add_row(
        Text.assemble(plain(name), plain(f"\nmost frequent {constant}" if constant else "", "dim")),
        f"{values['n']:,}",
        *(
            with_interval(
                wording.metric_value(METRIC, leaf["value"]),
                wording.value_interval(METRIC, leaf).replace(" to ", "–"),
            )
            for leaf in models
        ),
        with_interval(
            wording.metric_change(METRIC, found["value"]),
            wording.change_interval(METRIC, found).removesuffix(" points"),
        ),
        Text.assemble(
            plain(found["verdict"], VERDICT_STYLES[found["verdict"]]),
            "\n",
            plain(f"p {'' if (p or 1) < 0.001 else '= '}{wording.p_value(p)}", "dim"),
        ),
    )
