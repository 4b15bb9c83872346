"""Errors a user can mend: their three lines, their exit codes, and their way between processes."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

from medadapt.core import errors
from medadapt.core.errors import DataError, MedAdaptError, StoppedError, first_line

EXIT_CODES = {
    "MedAdaptError": 2,
    "RecipeError": 2,
    "DataError": 2,
    "ModelError": 2,
    "RunFolderError": 2,
    "DivergedError": 4,
    "RunBusyError": 5,
    "DiskError": 6,
}


def all_kinds() -> Iterator[type[MedAdaptError]]:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, MedAdaptError):
            yield value


def test_an_error_shows_problem_expectation_and_remedy():
    error = DataError("a.csv:3 has 2 fields.", "5 fields", "Mend the row.")

    assert str(error) == "a.csv:3 has 2 fields.\nExpected: 5 fields\nRemedy: Mend the row."


def test_an_error_leaves_out_what_it_was_not_given():
    assert str(DataError("a.csv is empty.")) == "a.csv is empty."


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling(kind: type[MedAdaptError]):
    back = pickle.loads(pickle.dumps(kind("what", "that", "do")))

    assert type(back) is kind
    assert (back.problem, back.expected, back.remedy) == ("what", "that", "do")
    assert str(back) == "what\nExpected: that\nRemedy: do"


def test_a_stop_keeps_its_signal_through_pickling():
    back = pickle.loads(pickle.dumps(StoppedError("stopped", signal_number=15)))

    assert back.signal_exit_code == 143


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_stop_leaves_with_128_and_its_signal(number: int, code: int):
    assert StoppedError("stopped", signal_number=number).signal_exit_code == code


def test_exit_codes_are_those_users_rely_on():
    codes = {kind.__name__: kind.exit_code for kind in all_kinds() if kind is not StoppedError}

    assert codes == EXIT_CODES


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("not found", "not found"),
        ("\n\nIt is damaged:\n  at byte 5", "It is damaged"),
        ("Try again.", "Try again"),
        ("", "OSError"),
        (" \n ", "OSError"),
    ],
)
def test_the_first_line_of_any_error_can_stand_in_a_sentence(said: str, line: str):
    assert first_line(OSError(said)) == line
