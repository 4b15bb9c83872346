"""The web page asked as its own browser asks it: over Gradio's queue, without a browser."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx

QUEUE = "/gradio_api/queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that is open, and what it took to open it."""

    url: str
    seconds: float
    """From the command to the page."""
    _config: dict[str, Any]

    @classmethod
    def opened(cls, url: str, since: float) -> Page:
        """The page at `url`, whose command was given at `since`, on the clock of `time.perf_counter`."""
        httpx.get(url, timeout=60).raise_for_status()
        config = httpx.get(f"{url}/config", timeout=60).json()
        return cls(url=url, seconds=time.perf_counter() - since, _config=config)

    def ask(self, question: str) -> dict[str, str]:
        """What each model wrote in the end, by its name."""
        asked = next(
            one for one in self._config["dependencies"] if [self._id("ask"), "click"] in one["targets"]
        )
        given = [question if one == self._id("question") else self._value(one) for one in asked["inputs"]]
        session = secrets.token_hex(8)
        body = {"data": given, "fn_index": asked["id"], "session_hash": session}
        with httpx.Client(base_url=self.url, timeout=60) as client:
            client.post(f"{QUEUE}/join", json=body).raise_for_status()
            with client.stream("GET", f"{QUEUE}/data", params={"session_hash": session}) as events:
                shown = _last_shown(events.iter_lines(), len(asked["outputs"]))
        return {
            name: _said(str(shown[asked["outputs"].index(self._id(name))])) for name in ("baseline", "tuned")
        }

    def _id(self, name: str) -> int:
        return next(
            int(one["id"]) for one in self._config["components"] if one["props"].get("elem_id") == name
        )

    def _value(self, number: int) -> Any:
        component = next(one for one in self._config["components"] if one["id"] == number)
        return None if component["type"] == "state" else component["props"].get("value")


@contextmanager
def served_page(run: Path) -> Iterator[Page]:
    """`medadapt ui` over a run."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "medadapt", "ui", str(run), "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield Page.opened(process.stdout.readline().split()[0], started)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _last_shown(lines: Iterator[str], outputs: int) -> list[Any]:
    """The values of all outputs when the function has ended. Raises RuntimeError where it fails."""
    shown: list[Any] = [None] * outputs
    for line in lines:
        if not line.startswith("data:"):
            continue
        event = json.loads(line[5:])
        if event["msg"] not in {"process_generating", "process_completed"}:
            continue
        if not event["success"]:
            raise RuntimeError(f"the page failed: {event}")
        for place, value in enumerate(event["output"].get("data", [])):
            shown[place] = _changed(shown[place], value)
        if event["msg"] == "process_completed":
            return shown
    raise RuntimeError("the page's answer ended early")


def _changed(before: Any, value: Any) -> Any:
    """A value after an event: a whole one, or how a text differs from the one before."""
    if not (isinstance(value, list) and all(isinstance(edit, list) and len(edit) == 3 for edit in value)):
        return before if isinstance(value, dict) and value.get("__type__") == "update" else value
    for kind, path, text in value:
        if path:
            raise RuntimeError(f"the page sends changes that are not understood: {value}")
        before = f"{before}{text}" if kind == "append" else text
    return before


def _said(panel: str) -> str:
    found = re.search(r'<p class="said">(.*?)</p>', panel, re.DOTALL)
    return unescape(found[1].replace("<br>", "\n")) if found else ""
