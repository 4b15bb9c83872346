"""The search on the page: trials, winner, costs, the reloaded winner."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from medadapt.report.inputs import ReportInputs
from medadapt.report.search_section import search_section
from medadapt.report.sections import Banner, Facts, Figure, Section, Table, Text


@pytest.fixture
def found(dialogue_inputs: Callable[..., ReportInputs]) -> dict[str, Any]:
    """search.json with trials of each status."""
    return copy.deepcopy(dialogue_inputs().search or {})


def section_of(search: dict[str, Any]) -> Section:
    section = search_section(search)
    assert section is not None
    return section


def texts_of(section: Section) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Text | Banner))


def test_every_trial_is_a_row_and_the_winner_is_marked(found: dict[str, Any]) -> None:
    table = next(block for block in section_of(found).blocks if isinstance(block, Table))
    assert table.columns[:3] == ("trial", "learning rate", "status")
    assert table.marked == 1
    assert table.rows[1] == ("001 (winner)", "0.0002", "done", "40", "40", "2.4000", "1 min 01 s")
    assert table.rows[3] == ("003", "0.9", "failed", "3", "–", "–", "1 min 03 s")


def test_costs_and_judging_are_told(found: dict[str, Any]) -> None:
    section = section_of(found)
    facts = dict(row for block in section.blocks if isinstance(block, Facts) for row in block.rows)
    assert facts["Trials"] == "4 (2 done, 1 stopped, 1 failed)"
    assert facts["Time of the search"] == "5 min 50 s"
    assert facts["training.learning_rate"] == "log 5e-05, 1"
    assert "judged on validation only" in texts_of(section)
    assert "the same figure" in texts_of(section)


def test_a_second_winner_is_not_called_the_only_one_that_was_measured(found: dict[str, Any]) -> None:
    assert "The winner alone was measured on test, once." in texts_of(section_of(found))
    found["measured_before"] = ["000"]
    told = texts_of(section_of(found))
    assert "2 winners, one after another as trials were added (000, 001), were measured on test" in told
    assert "once" not in told


def test_errors_of_failed_trials_stand_below(found: dict[str, Any]) -> None:
    tables = {b.caption: b for b in section_of(found).blocks if isinstance(b, Table)}
    assert tables["Why trials failed"].rows == (("003", "Training diverged: the loss after step 3 is nan."),)


def test_another_figure_after_reloading_is_a_warning(found: dict[str, Any]) -> None:
    found["reloaded"]["difference"] = -0.02
    (banner,) = [block for block in section_of(found).blocks if isinstance(block, Banner)]
    assert banner.tone == "warning"
    assert "differs by 0.02" in banner.text
    found["reloaded"] = None
    assert "was not loaded again" in texts_of(section_of(found))


def test_a_search_where_every_trial_failed_has_no_curves(found: dict[str, Any]) -> None:
    lost = {**found, "trials": [found["trials"][3]], "winner": None, "reloaded": None}
    section = section_of(lost)
    assert not [block for block in section.blocks if isinstance(block, Figure)]
    assert "no curves" in texts_of(section)


def test_keys_that_end_alike_are_told_apart(found: dict[str, Any]) -> None:
    found["vary"]["other.learning_rate"] = [1, 2]
    table = next(block for block in section_of(found).blocks if isinstance(block, Table))
    assert table.columns[1:3] == ("training.learning_rate", "other.learning_rate")


def test_a_run_of_no_search_has_no_section() -> None:
    assert search_section(None) is None
