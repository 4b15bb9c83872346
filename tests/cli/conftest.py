"""The command line as users call it: a process of its own."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medadapt.cli.app import app
from serving_runs import diagnosis_run_in


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def medadapt(tmp_path: Path) -> Callable[..., Said]:
    """Runs `medadapt ...` in an empty folder, on request with a full disk; a traceback fails the test."""

    def call(*words: object, largest_file: int | None = None) -> Said:
        def limit() -> None:
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        done = subprocess.run(
            [sys.executable, "-m", "medadapt", *map(str, words)],
            cwd=tmp_path,
            preexec_fn=limit,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    """A valid recipe on the bundled rows."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ndata: {format: symptom_table, source: 'sample:rows/symptoms'}\nmodel: {base: no-such/base}\n"
    )
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a symptom table."""
    return diagnosis_run_in(tmp_path_factory.getbasetemp() / "use")


@pytest.fixture
def use(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A command in this process: its exit code, what it printed, and what it said."""

    def call(*words: object, typed: str | None = None) -> tuple[int, str, str]:
        if typed is not None:
            monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = app([str(word) for word in words], standalone_mode=False)
        told = capsys.readouterr()
        return code or 0, told.out, told.err

    return call
