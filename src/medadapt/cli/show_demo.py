"""How a demo looks on the terminal: what is about to happen, the card, two questions, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from medadapt.cli.console import plain, results, talk
from medadapt.cli.show import outcome_values, show_outcome
from medadapt.cli.show_card import ROLE_STYLES, VERDICT_STYLES, WIDEST, with_interval
from medadapt.workflow.demo import DEMOS, AnsweredQuestion, FinishedDemo, TaskName, next_commands

if TYPE_CHECKING:
    from medadapt.report.sections import Saying

NOTICE = "Not a medical device, and nothing it writes is advice."
ON_SAMPLES = "A demonstration on synthetic data with a very small model."


def show_opening(tasks: Sequence[TaskName], *, on_samples: bool) -> None:
    """What is about to happen, and the notice."""
    one = len(tasks) == 1
    learns = DEMOS[tasks[0]].about if one else f"{len(tasks)} tasks, one after the other"
    base = "The sample base, a small model that comes with MedAdapt," if on_samples else "The base"
    nothing_fetched = " Offline, in minutes." if on_samples else ""
    talk.print(plain(f"{base} learns {learns}, and is measured before and after.{nothing_fetched}", "bold"))
    talk.print("Ctrl-C stops it at any time; the same command goes on.")
    talk.print(plain(notice(on_samples=on_samples), "dim"))


def notice(*, on_samples: bool) -> str:
    """What is said before and after every demo."""
    return f"{ON_SAMPLES} {NOTICE}" if on_samples else NOTICE


def show_demo(demo: FinishedDemo) -> None:
    """The card, where the report lies, and what both models say to two questions."""
    show_outcome(demo.outcome, as_json=False, whole=False)
    if demo.questions:
        results.print()
        results.print(plain("The first test questions, chosen by nobody", "bold"))
    for question in demo.questions:
        results.print()
        _show_question(question)


def show_summary(demos: Sequence[FinishedDemo]) -> None:
    """All tasks in one table: both models, the verdict, and the tuned model beside the best control."""
    results.print()
    results.print(summary_table(demos), soft_wrap=False)


def show_next(demo: FinishedDemo) -> None:
    """Three commands to go on with, and the notice."""
    results.print()
    results.print(plain("How to go on", "bold"))
    for what, command in next_commands(demo.task, demo.outcome.folder).items():
        results.print(plain(f"  {what}:"))
        results.print(plain(f"    {command}", "cyan"), soft_wrap=True)
    results.print()
    results.print(plain(notice(on_samples=demo.on_samples), "dim"))


def summary_table(demos: Sequence[FinishedDemo]) -> Table:
    """A row a task; every value with its interval."""
    from medadapt.report.card import proof_card

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, leading=1)
    table.add_column("task", no_wrap=True)
    for heading in ("base", "tuned"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("best control")
    for demo in demos:
        metrics = demo.outcome.metrics
        assert metrics is not None  # a demo runs all stages
        card = proof_card(metrics)
        row = card.rows[0]
        lower = "\nlower is better" if card.lower_is_better else ""
        table.add_row(
            Text.assemble(plain(demo.task, "bold"), "\n", plain(f"{row.name.lower()}{lower}", "dim")),
            with_interval(row.baseline, row.baseline_interval.replace(" to ", "–")),
            with_interval(row.tuned, row.tuned_interval.replace(" to ", "–")),
            plain(card.verdict, VERDICT_STYLES[card.verdict]),
            _best_control(metrics),
        )
    return table


def demo_values(demo: FinishedDemo) -> dict[str, Any]:
    """The demo as plain values for `--json`."""
    metrics = demo.outcome.metrics or {}
    return {
        "task": demo.task,
        **outcome_values(demo.outcome),
        "controls": metrics.get("controls"),
        "against_control": metrics.get("against_control"),
        "leakage": metrics.get("leakage"),
        "questions": [
            {
                "question": question.question,
                "options": list(question.options),
                **{saying.who: saying.text for saying in question.sayings},
            }
            for question in demo.questions
        ],
        "next": list(next_commands(demo.task, demo.outcome.folder).values()),
        "notice": notice(on_samples=demo.on_samples),
    }


def _show_question(question: AnsweredQuestion) -> None:
    results.print(plain(question.question, "bold"))
    for option in question.options:
        results.print(plain(option))
    if not results.is_terminal:
        for saying in question.sayings:
            results.print(Text.assemble(f"  {saying.title}: ", _said(saying, " ")))
        return
    table = Table(box=box.ROUNDED, width=min(results.width, WIDEST))
    for saying in question.sayings:
        table.add_column(plain(saying.title, ROLE_STYLES.get(saying.who, "green")), ratio=1)
    table.add_row(*(_said(saying, "\n") for saying in question.sayings))
    results.print(table)


def _said(saying: Saying, gap: str) -> Text:
    detail = f"{gap}({saying.detail})" if saying.detail else ""
    return Text.assemble(plain(saying.text), plain(detail, "dim"))


def _best_control(metrics: dict[str, Any]) -> Text:
    """The best control and how the tuned model does against it, by the metric that both have."""
    from medadapt.report import wording
    from medadapt.report.verdicts import compared_metric

    found = metrics.get("against_control") or {}
    if not found.get("name"):
        return plain(found.get("reason") or "none", "dim")
    metric = compared_metric(metrics)
    tuned, control = (
        wording.estimate(metric, (leaves or {}).get(metric))
        for leaves in (metrics["tuned"], (metrics.get("controls") or {}).get(found["name"]))
    )
    # By another metric than the row's, both values need its name.
    name = "" if metric == metrics["primary"] else f"{wording.metric_name(metric)} "
    beside = f"; tuned {tuned}" if name else ""
    return Text.assemble(
        plain(f"{name}{control}"),
        plain(f"\n{wording.control_name(found['name']).lower()}{beside}\n", "dim"),
        "tuned is ",
        plain(found["verdict"].replace("not shown", "not shown better"), VERDICT_STYLES[found["verdict"]]),
    )
