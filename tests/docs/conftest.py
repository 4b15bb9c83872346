"""What the pages take to be there: a finished run, and no network."""

from __future__ import annotations

import io
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from substitutions import FEW_RESAMPLES

from medadapt.cli.app import app
from medadapt.core.errors import MedAdaptError

FINISHED = "demo-symptoms"
"""The recipe of the finished run that pages begin with."""


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection to another machine is refused."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in {"localhost", "127.0.0.1", "::1"}:
            raise AssertionError(f"a connection to {host} was tried")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished smoke run, made once for all pages."""
    folder = tmp_path_factory.mktemp("docs") / "runs" / "finished"
    words = ["run", FINISHED, "--smoke", "-o", str(folder), *FEW_RESAMPLES.split()]
    app(words, standalone_mode=False)
    return folder


@pytest.fixture
def copy_of_run(finished_run: Path) -> Callable[[Path], None]:
    """Puts a copy of the finished run where a page expects one."""

    def put(folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(finished_run, folder)

    return put


@pytest.fixture
def medadapt(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """A command in this process, with nothing on standard input: its exit code."""

    def call(words: list[str]) -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        try:
            return app(words, standalone_mode=False) or 0
        except MedAdaptError as problem:
            sys.stderr.write(f"{problem}\n")
            return problem.exit_code

    return call
