"""`medadapt ui`: the page is served whatever becomes of the browser."""

from __future__ import annotations

import sys
import webbrowser
from queue import SimpleQueue
from threading import Event

import pytest

from medadapt.cli.ui_command import WINDOWED

PATIENCE = 10


@pytest.fixture
def served(monkeypatch) -> Event:
    """Set where the command would serve the page until it is stopped. There is nothing to open a browser in."""
    begun = Event()
    monkeypatch.setattr("medadapt.serving.api.server.serve", lambda *_, **__: begun.set())
    monkeypatch.setattr(sys, "platform", "linux")
    for name in WINDOWED:
        monkeypatch.delenv(name, raising=False)
    return begun


def test_a_browser_that_takes_its_time_does_not_hold_the_page(finished, use, served, monkeypatch):
    seen: SimpleQueue[bool] = SimpleQueue()
    monkeypatch.setattr(webbrowser, "open", lambda _: seen.put(served.wait(PATIENCE)))
    monkeypatch.setenv("DISPLAY", ":0")
    use("ui", finished, "--port", 0)
    assert seen.get(timeout=PATIENCE)


def test_no_browser_is_opened_where_there_are_no_windows(finished, use, served, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    _, out, _ = use("ui", finished, "--port", 0)
    assert served.is_set()
    assert not opened
    assert "http://127.0.0.1:" in out
