from __future__ import annotations

import io

from rich.console import Console

from medadapt.cli import progress
from medadapt.cli.progress import BarProgress, LineProgress


def test_lines_tell_how_far_and_how_long(monkeypatch):
    shown = Console(file=io.StringIO(), width=200)
    monkeypatch.setattr(progress, "talk", shown)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    lines = LineProgress()
    lines.start("training", total=4)
    lines.advance(2, figures="loss 1.2")
    lines.finish()
    text = shown.file.getvalue()
    assert "training 2/4" in text
    assert "left" in text
    assert "loss 1.2" in text


def test_short_work_prints_no_line(monkeypatch):
    shown = Console(file=io.StringIO(), width=200)
    monkeypatch.setattr(progress, "talk", shown)
    lines = LineProgress()
    lines.start("score")
    lines.advance()
    lines.finish()
    assert shown.file.getvalue() == ""


def test_text_of_the_data_is_shown_harmless(monkeypatch):
    shown = Console(file=io.StringIO(), width=200, force_terminal=True)
    monkeypatch.setattr(progress, "talk", shown)
    LineProgress().note("evil \x1b]0;title\x07 \u202e [red]text[/red]")
    text = shown.file.getvalue()
    assert "\x1b]0;" not in text
    assert "\u202e" not in text
    assert "[red]text[/red]" in text


def test_bars_may_be_nested_and_leave_the_terminal_clean(monkeypatch):
    shown = Console(file=io.StringIO(), width=120, force_terminal=True)
    monkeypatch.setattr(progress, "talk", shown)
    bars = BarProgress()
    bars.start("training [x]", total=2)
    bars.start("evaluation", total=None)
    bars.advance(figures="loss [1]")
    bars.finish()
    bars.advance()
    bars.note("a note")
    bars.stop()
    assert "a note" in shown.file.getvalue()
    assert shown.file.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in shown.file.getvalue()
