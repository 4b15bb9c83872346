"""Standard sets on the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from medadapt.report.benchmarks_section import benchmarks_section
from medadapt.report.building import report_page
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Table, Text


def leaf(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 50, "reason": None}


def figures(n: int, baseline: float, tuned: float) -> dict[str, Any]:
    change = {"value": tuned - baseline, "low": -0.1, "high": 0.3, "p": 0.2, "verdict": "not shown"}
    return {
        "n": n,
        "baseline": {"accuracy": leaf(baseline)},
        "tuned": {"accuracy": leaf(tuned)},
        "difference": {"accuracy": change},
    }


def a_set(n: int, baseline: float, tuned: float, **more: Any) -> dict[str, Any]:
    return {
        **figures(n, baseline, tuned),
        "controls": {"majority": {"accuracy": leaf(0.3)}},
        "leakage": {"near": 4, "exact": 1, "contained": 2},
        "unusable": {"unlabelled": 3},
        "truncated": 2,
        "clean": {"tuned": None},
        **more,
    }


@pytest.fixture
def asked(choice_inputs: Callable[..., ReportInputs]) -> ReportInputs:
    pubmedqa = a_set(30, 0.5, 0.6)
    pubmedqa["tuned"]["macro_f1"] = leaf(0.4)
    pubmedqa["baseline"]["macro_f1"] = leaf(0.35)
    return replace(
        choice_inputs(),
        benchmarks={
            "medqa": a_set(20, 0.25, 0.35, clean=figures(16, 0.2, 0.3)),
            "mmlu-medical": a_set(40, 0.4, 0.4, subsets={"anatomy": figures(40, 0.4, 0.4)}, macro=None),
            "pubmedqa": pubmedqa,
            "together": {
                "sets": {"medqa": 20, "mmlu-medical": 40, "pubmedqa": 30},
                "macro": figures(90, 0.3, 0.4),
                "pooled": figures(90, 0.35, 0.45),
            },
        },
    )


def tables(inputs: ReportInputs) -> list[Table]:
    section = benchmarks_section(inputs)
    assert section is not None
    return [block for block in section.blocks if isinstance(block, Table)]


def test_a_run_that_was_asked_no_set_has_no_section(choice_inputs: Callable[..., ReportInputs]):
    assert benchmarks_section(choice_inputs()) is None


def test_each_set_its_parts_the_mean_and_the_pooled_figure_are_rows(asked: ReportInputs):
    accuracy, *_ = tables(asked)

    assert [row[0] for row in accuracy.rows] == [
        "medqa",
        "medqa: not in training",
        "mmlu-medical",
        "mmlu-medical: anatomy",
        "pubmedqa",
        "mean of the sets",
        "all pooled",
    ]
    assert accuracy.rows[0][1:4] == ("20", "25.0% (15.0 to 35.0%)", "35.0% (25.0 to 45.0%)")
    assert accuracy.rows[0][5:] == ("0.20", "not shown")


def test_an_average_over_other_questions_than_those_of_the_sets_is_left_out(asked: ReportInputs):
    again = replace(asked, benchmarks={**asked.benchmarks, "medqa": a_set(21, 0.25, 0.35)})

    accuracy, *_ = tables(again)

    assert [row[0] for row in accuracy.rows][-1] == "pubmedqa"


def test_an_average_over_some_of_the_sets_names_them(asked: ReportInputs):
    together = {**asked.benchmarks["together"], "sets": {"medqa": 20, "pubmedqa": 30}}

    accuracy, *_ = tables(replace(asked, benchmarks={**asked.benchmarks, "together": together}))

    assert [row[0] for row in accuracy.rows][-2:] == ["mean of medqa, pubmedqa", "medqa, pubmedqa pooled"]


def test_the_p_behind_a_verdict_is_the_adjusted_one(asked: ReportInputs):
    part = figures(40, 0.4, 0.4)
    part["difference"]["accuracy"] |= {"p": 0.04, "p_adjusted": 0.08}
    mmlu = a_set(40, 0.4, 0.4, subsets={"anatomy": part}, macro=None)

    accuracy, *_ = tables(replace(asked, benchmarks={"mmlu-medical": mmlu}))

    assert accuracy.rows[1][5] == "0.080"


def test_several_sets_are_told_to_be_judged_without_correction_for_their_number(asked: ReportInputs):
    alone = replace(asked, benchmarks={"medqa": asked.benchmarks["medqa"]})
    for inputs, told in ((asked, True), (alone, False)):
        section = benchmarks_section(inputs)
        assert section is not None
        texts = [block.text for block in section.blocks if isinstance(block, Text)]
        assert any("without correction for their number" in text for text in texts) is told


def test_what_qualifies_a_set_stands_below_it(asked: ReportInputs):
    _, qualified, _ = tables(asked)

    assert qualified.rows[0] == ("medqa", "30.0% (20.0 to 40.0%)", "6", "1", "3", "2")


def test_a_base_with_the_name_of_a_set_in_its_own_is_told(asked: ReportInputs):
    for values in (asked.benchmarks["medqa"], asked.benchmarks["pubmedqa"]):
        values["protocol"] = {"base": "clinic/mistral-7B-SFT-medqa-cot"}
    section = benchmarks_section(asked)
    assert section is not None

    told = [block.text for block in section.blocks if isinstance(block, Text) and "suggests" in block.text]

    assert len(told) == 1
    assert told[0].startswith("medqa: its name suggests that the base was trained on questions of this set")


def test_macro_f1_is_shown_where_it_was_measured(asked: ReportInputs):
    *_, macro_f1 = tables(asked)

    assert [row[0] for row in macro_f1.rows] == ["pubmedqa"]


def test_the_page_has_the_section(asked: ReportInputs):
    assert "benchmarks" in [section.anchor for section in report_page(asked).sections]
