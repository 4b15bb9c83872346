"""Runs of each task as the report sees them, with figures that hang together."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from made_choices import choices
from made_diagnosis import diagnosis
from made_parts import DISEASES
from made_questions import dialogue, questions

from medadapt.report.inputs import ReportInputs

RUNS: dict[str, Callable[[], ReportInputs]] = {
    "diagnosis": lambda: diagnosis(DISEASES[:6]),
    "qa": questions,
    "multiple_choice": choices,
    "dialogue": dialogue,
}


@pytest.fixture
def diagnosis_inputs() -> Callable[..., ReportInputs]:
    """Builds a diagnosis run with 41 labels, or those given."""
    return diagnosis


@pytest.fixture
def qa_inputs() -> Callable[..., ReportInputs]:
    """Builds a run of open questions whose gain is not shown."""
    return questions


@pytest.fixture
def choice_inputs() -> Callable[..., ReportInputs]:
    """Builds a multiple-choice run with a leak."""
    return choices


@pytest.fixture
def dialogue_inputs() -> Callable[..., ReportInputs]:
    """Builds a run of dialogues with given splits of the Hub, written answers and a search."""
    return dialogue


@pytest.fixture(params=[*RUNS])
def inputs(request: pytest.FixtureRequest) -> ReportInputs:
    """A run of each task in turn."""
    return RUNS[request.param]()
