"""The proof card on the terminal: the verdict first, bars with their intervals, then what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from medadapt.cli.console import plain, results, talk

if TYPE_CHECKING:
    from medadapt.report.bars import Bar
    from medadapt.report.card import CardRow, ProofCard

VERDICT_STYLES = {"better": "bold green", "worse": "bold red", "not shown": "bold yellow"}
TONE_STYLES = {"good": "green", "bad": "bold red", "warning": "yellow", "plain": ""}
ROLE_STYLES = {"baseline": "cyan", "tuned": "magenta", "control": "bright_black"}
WIDEST = 100
"""Columns; longer lines are hard to read."""
LONGEST_WORD = len("Perplexity")
"""Of the metrics' names; at 80 columns the other columns would squeeze it."""
FRAME_AND_GAPS = 10
"""Columns of a line with a bar that are neither name, bar nor value."""
BLOCKS, ASCII_BLOCKS = ("█", "▓", "░"), ("#", "=", "-")
"""A bar up to its interval, from there to its value, and on to the interval's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarGroup:
    """Bars of one metric."""

    title: str
    note: str
    bars: tuple[Bar, ...]


def show_card(metrics: dict[str, Any], *, whole: bool = True, seeds: dict[str, Any] | None = None) -> None:
    """Print the card of metrics.json. `whole` adds a table of all metrics; else the report has them.

    `seeds` is the content of seeds.json, where there is one.
    """
    from medadapt.report.card import proof_card  # only now: most commands show none

    card = proof_card(metrics, seeds)
    parts = list(card_parts(card, bar_groups(card, metrics), whole=whole, target=results))
    results.print()
    if results.is_terminal:
        title = plain("Did tuning help?", "bold")
        width = min(results.width, WIDEST)
        results.print(Panel(Group(*parts), title=title, title_align="left", padding=(1, 2), width=width))
    else:
        for part in parts:  # in a pipe text stays whole, but a table needs its columns
            results.print(part, soft_wrap=False if isinstance(part, Table) else None)
    for finding in card.findings:
        if finding.failed:
            talk.print(Text.assemble(plain(finding.problem, "bold red"), plain(f" {finding.remedy}")))


def bar_groups(card: ProofCard, metrics: dict[str, Any]) -> list[BarGroup]:
    """The bars of the primary metric, and of the one that the controls are compared by where it is another."""
    from medadapt.report import bars, verdicts, wording

    primary = "lower is better" if card.lower_is_better else ""
    groups = [BarGroup(title=card.primary, note=primary, bars=card.bars)]
    compared = verdicts.compared_metric(metrics)
    if compared != metrics["primary"] and (metrics.get("against_control") or {}).get("name"):
        name = wording.metric_name(compared)
        groups.append(BarGroup(title=name, note="", bars=bars.metric_bars(metrics, compared)))
    return [group for group in groups if group.bars]


def card_parts(
    card: ProofCard, groups: Sequence[BarGroup], *, whole: bool, target: Console
) -> Iterator[RenderableType]:
    """What stands on the card, from top to bottom. A failed gate is left to stderr."""
    style = VERDICT_STYLES[card.verdict]
    yield Text.assemble(
        plain(f" {card.verdict.upper()} ", f"{style} reverse"),
        plain(f"  {card.task}, {card.base}, {card.n:,} test record{'' if card.n == 1 else 's'}", "bold"),
    )
    yield Text()
    yield plain(card.headline, style)
    yield plain(card.sentence)
    yield Text()
    yield from drawn_bars(groups, card.level, target)
    for judgement in filter(
        None, (card.protocol, card.few_shot, card.control, card.leakage, card.clean, card.seeds)
    ):
        yield Text.assemble(
            plain(f"{judgement.title}. ", TONE_STYLES[judgement.tone]), plain(judgement.short)
        )
    if card.boilerplate:
        yield plain(f"{card.boilerplate.partition(':')[0]}.", "yellow")
    yield from _missed(card)
    if whole and (others := [row for row in card.rows if not row.primary]):
        yield _table(others)
        if told := adjusted_note(card.num_adjusted):
            yield told
    for finding in card.findings:
        if not finding.failed:
            yield Text.assemble(plain(finding.problem, "yellow"), plain(f" {finding.remedy}"))
    yield Text()
    yield plain(card.notice, "dim")


def bar_text(bar: Bar, width: int, *, ascii_only: bool = False) -> Text:
    """A bar of `width` columns: full up to the interval, shaded from there to the value and on to its end."""
    solid, below, above = ASCII_BLOCKS if ascii_only else BLOCKS
    value = round(bar.value * width / 100)
    low = value if bar.low is None else min(round(bar.low * width / 100), value)
    high = value if bar.high is None else max(round(bar.high * width / 100), value)
    drawn = solid * low + below * (value - low) + above * (high - value)
    return Text(drawn.ljust(width), style=ROLE_STYLES[bar.role])


def drawn_bars(groups: Sequence[BarGroup], level: str, target: Console) -> Iterator[RenderableType]:
    """Each group under its title, all bars of one width."""
    every = [bar for group in groups for bar in group.bars]
    names = max((len(bar.name) for bar in every), default=0)
    values = max((len(bar.text) for bar in every), default=0)
    width = max(10, min(target.width, WIDEST) - names - values - FRAME_AND_GAPS)
    for group in groups:
        shaded = f"{level} intervals shaded" if any(bar.low is not None for bar in group.bars) else ""
        notes = ", ".join(note for note in (group.note, shaded) if note)
        yield Text.assemble(plain(group.title, "bold"), plain(f" ({notes})" if notes else "", "dim"))
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(min_width=names)
        for bar in group.bars:
            drawn = bar_text(bar, width, ascii_only=target.options.ascii_only)
            grid.add_row(plain(bar.name), drawn, plain(bar.text))
        yield grid
        yield Text()


def _missed(card: ProofCard) -> Iterator[RenderableType]:
    """Shares of answers that went missing, where there are any."""
    for what, baseline, tuned in card.missed:
        yield plain(f"{what}: base {baseline}, tuned {tuned}", "yellow")


def _table(rows: list[CardRow]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("metric", min_width=LONGEST_WORD)
    for heading in ("base", "tuned", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        table.add_row(
            plain(row.name),
            with_interval(row.baseline, row.baseline_interval.replace(" to ", "–")),
            with_interval(row.tuned, row.tuned_interval.replace(" to ", "–")),
            with_interval(row.difference, row.difference_interval.removesuffix(" points")),
            Text.assemble(
                plain(row.verdict, VERDICT_STYLES[row.verdict]), "\n", plain(f"p {_equals(row.p)}", "dim")
            ),
        )
    return table


def adjusted_note(number: int) -> Text | None:
    """That the p-values of a table are adjusted, and for how many metrics; None where none is."""
    if not number:
        return None
    return plain(
        f"p of {number} secondary metric{'' if number == 1 else 's'} adjusted for their number (Holm)", "dim"
    )


def with_interval(value: str, interval: str) -> Text:
    """A value with its interval below it, so that the table fits a narrow terminal."""
    return Text.assemble(plain(value), "\n" if interval else "", plain(interval, "dim"))


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"
