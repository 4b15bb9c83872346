"""Errors and signals -> the page of exit codes."""

from __future__ import annotations

import inspect
import signal

from medadapt.cli.app import READER_GONE
from medadapt.core import errors
from medadapt.core.errors import MedAdaptError, StoppedError
from pages_from_code.markdown import page, table

GATE = 3
GATES = """\
A gate failed, or nothing was learned. What was asked for is written all the same. The gates: a leak, a verdict
of `worse`, an adapter without effect, a merged model or GGUF file that differs from base and adapter, metrics that do
not follow from the predictions, files changed by hand, a `parity` that disagrees, and with `--gate` general English
that is not shown to be kept."""
WRONG_INPUT = "The input is wrong; the message says what to do."
PIPE_CLOSED = "The reader of the output went away, as in `medadapt ... | head`."
BUG = "A bug in MedAdapt. Only then is there a traceback; please report it."

INTRODUCTION = """\
Every error tells what happened, what was expected and what to do. With `--json` the same three stand in one
JSON object, with `exit_code`. [Fix common errors](../how-to/fix-common-errors.md) goes through the usual ones."""


def exit_codes_page() -> str:
    """One table from 0 upwards."""
    rows = {
        0: "Done. A verdict of `not shown` is no error.",
        1: BUG,
        GATE: GATES,
        READER_GONE: PIPE_CLOSED,
    }
    for code in sorted({kind.exit_code for kind in _kinds()}):
        told = [_first_line(kind) for kind in _kinds() if kind.exit_code == code]
        rows[code] = " ".join([WRONG_INPUT, *told] if code == MedAdaptError.exit_code else told)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        stopped = StoppedError("", signal_number=number)
        rows[stopped.signal_exit_code] = f"Stopped by {number.name}. {_first_line(StoppedError)}"
    return page(
        "Exit codes",
        INTRODUCTION,
        table(("code", "means"), ((str(code), text) for code, text in sorted(rows.items()))),
    )


def _kinds() -> list[type[MedAdaptError]]:
    """Every kind of error but that of a stop, whose code depends on the signal."""
    found = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MedAdaptError)
    ]
    return [kind for kind in found if kind not in (MedAdaptError, StoppedError)]


def _first_line(kind: type[MedAdaptError]) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0]
