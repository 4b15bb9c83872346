from __future__ import annotations

import os
import signal

import pytest

from medadapt.core.progress import Silent
from medadapt.workflow import signals
from medadapt.workflow.signals import Interruption, stop_signals


def two_signals_and_an_answer_between(seen):
    with stop_signals(Silent()) as stopping, stopping.gently():
        seen.append(stopping.requested())
        os.kill(os.getpid(), signal.SIGTERM)
        seen.append(stopping.requested())
        os.kill(os.getpid(), signal.SIGTERM)
        seen.append("still here")


def one_signal(*, then):
    with stop_signals(Silent()) as stopping, stopping.gently():
        os.kill(os.getpid(), signal.SIGINT)
        then()


def test_inside_gently_the_first_signal_raises_a_flag_and_the_second_ends_the_work(monkeypatch):
    monkeypatch.setattr(signals, "SAME_PRESS", 0.0)
    seen = []
    with pytest.raises(Interruption) as ended:
        two_signals_and_an_answer_between(seen)
    assert seen == [False, True]
    assert ended.value.signal_number == signal.SIGTERM
    assert ended.value.at_once


def test_two_signals_in_one_moment_are_one():
    seen = []
    with pytest.raises(Interruption) as ended:
        two_signals_and_an_answer_between(seen)
    assert seen == [False, True, "still here"]
    assert not ended.value.at_once


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
@pytest.mark.parametrize(("before", "heard"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_closed_terminal_is_heard_unless_it_is_ignored(before, heard):
    kept = signal.signal(signal.SIGHUP, before)
    try:
        with stop_signals(Silent()):
            assert (signal.getsignal(signal.SIGHUP) is not before) == heard
        assert signal.getsignal(signal.SIGHUP) is before
    finally:
        signal.signal(signal.SIGHUP, kept)


def test_signal_that_nobody_asked_about_ends_the_work_after_gently():
    reached = []
    with pytest.raises(Interruption):
        one_signal(then=lambda: reached.append("end"))
    assert reached == ["end"]


def test_error_inside_gently_is_not_hidden_by_a_signal():
    def fail():
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        one_signal(then=fail)


def test_handlers_of_the_caller_come_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_signals(Silent()):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_interruption_is_not_caught_as_an_ordinary_exception():
    assert not issubclass(Interruption, Exception)
