from __future__ import annotations

import errno
import io
import time

import pytest
from rich.console import Console

from medadapt.cli import progress
from medadapt.cli.console import Talk
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


@pytest.mark.parametrize(
    "gone", [OSError(errno.EIO, "Input/output error"), BrokenPipeError(errno.EPIPE, "Broken pipe")]
)
@pytest.mark.parametrize("kind", [BarProgress, LineProgress])
def test_a_terminal_that_is_gone_ends_no_work(kind, gone, monkeypatch):
    class Gone(io.StringIO):
        def write(self, _):
            raise gone

    monkeypatch.setattr(progress, "talk", Talk(file=Gone(), force_terminal=True))
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    shown = kind()
    shown.start("training", total=2)
    shown.advance()
    shown.note("step 1")
    shown.finish()
    assert progress.talk.quiet


def test_steps_of_an_earlier_session_do_not_shorten_the_time_left(monkeypatch):
    shown = Console(file=io.StringIO(), width=200)
    monkeypatch.setattr(progress, "talk", shown)
    lines = LineProgress()
    lines.start("training", total=100, done=50)
    begun = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: begun + 100)
    lines.advance(10)
    assert shown.file.getvalue() == "training 60/100, 6:40 left\n"


@pytest.mark.parametrize("done", [0, 4])
def test_a_bar_tells_the_time_left_where_a_step_takes_minutes(done, monkeypatch):
    clock = [0.0]
    shown = Console(file=io.StringIO(), width=120, force_terminal=True, get_time=lambda: clock[0])
    monkeypatch.setattr(progress, "talk", shown)
    bars = BarProgress()
    bars.start("training", total=10, done=done)
    for _ in range(3):
        clock[0] += 128
        bars.advance()
    (drawn,) = bars._bars.tasks
    bars.stop()
    assert drawn.completed == done + 3
    assert drawn.time_remaining == 128 * (7 - done)
