from __future__ import annotations

import dataclasses
from collections.abc import Callable

from medadapt.report.data_section import data_section
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Text

Build = Callable[..., ReportInputs]


def sentences(inputs: ReportInputs, **validation: int) -> str:
    """The section's prose, where so many validation records also stand in train."""
    leakage = {**inputs.data["leakage"], **({"validation": validation} if validation else {})}
    counts = {**inputs.data["counts"], "validation": 40}
    data = {**inputs.data, "leakage": leakage, "counts": counts}
    section = data_section(dataclasses.replace(inputs, data=data))
    return " ".join(block.text for block in section.blocks if isinstance(block, Text))


def test_validation_records_that_also_stand_in_train_are_told(dialogue_inputs: Build) -> None:
    said = sentences(dialogue_inputs(), exact=2, near=5)
    assert "Of 40 validation records, 2 are the same as one of train, 5 at least nearly so" in said


def test_where_validation_shares_nothing_with_train_or_is_unknown_nothing_is_said(
    dialogue_inputs: Build,
) -> None:
    for said in (sentences(dialogue_inputs(), exact=0, near=0), sentences(dialogue_inputs())):
        assert "validation loss" not in said


def test_labels_that_look_alike_and_columns_that_nobody_is_asked_with_are_told(
    dialogue_inputs: Build,
) -> None:
    inputs = dialogue_inputs()
    data = {"alike_labels": [["Flu", "flu"]], "columns_left_out": {"rows.csv": ["age", "<b>id</b>"]}}
    section = data_section(dataclasses.replace(inputs, data={**inputs.data, **data}))
    said = [block.text for block in section.blocks if isinstance(block, Text)]
    assert any("differ in case or spaces only" in text and "“Flu” and “flu”" in text for text in said)
    assert "No question holds anything of these columns of rows.csv: age, <b>id</b>." in said
