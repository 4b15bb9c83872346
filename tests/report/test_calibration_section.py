"""What the report says of confidence, and its two drawings."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
from made_calibration import model_of
from PIL import Image

from medadapt.report.building import build_report
from medadapt.report.calibration_section import calibration_section
from medadapt.report.figures.reliability import reliability
from medadapt.report.figures.risk_coverage import risk_coverage
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Banner, Figure, Section, Table, Text

Build = Callable[..., ReportInputs]
LABELS = ("Gout", "Acne", "Malaria")


@pytest.fixture
def inputs_with(diagnosis_inputs: Build) -> Callable[..., ReportInputs]:
    """A diagnosis run whose tuned model claims and reaches these shares."""

    def build(claimed: float = 0.7, right: float = 0.5, *, few: bool = False) -> ReportInputs:
        inputs = diagnosis_inputs(labels=LABELS)
        inputs.metrics["calibration"] = {
            "n": 400,
            "few": few,
            "baseline": model_of(0.4, 0.3),
            "tuned": model_of(claimed, right),
        }
        return inputs

    return build


def section_of(inputs: ReportInputs) -> Section:
    section = calibration_section(inputs)
    assert section is not None
    return section


def first_text(inputs: ReportInputs) -> str:
    return next(block.text for block in section_of(inputs).blocks if isinstance(block, Text))


@pytest.mark.parametrize(
    ("claimed", "right", "said"),
    [
        (0.7, 0.5, "it is too sure of itself by 20 points."),
        (0.5, 0.6, "it is right more often than it claims, by 10 points."),
        (0.61, 0.6, "on average its confidence is about right."),
    ],
)
def test_one_sentence_says_whether_to_believe_it(
    claimed: float, right: float, said: str, inputs_with: Build
) -> None:
    text = first_text(inputs_with(claimed, right))
    assert f"claims to be right {100 * claimed:.3g}% of the time and is right {100 * right:.3g}%" in text
    assert said in text


def test_the_next_says_what_silence_buys(inputs_with: Build) -> None:
    text = first_text(inputs_with())
    assert "at most 10% of its answers, it would answer 40% of these questions and be wrong in 7.5%" in text


def test_tables_hold_both_models_thresholds_and_why_there_is_none(inputs_with: Build) -> None:
    blocks = section_of(inputs_with()).blocks
    tables = {block.caption: block for block in blocks if isinstance(block, Table)}
    scores = {row[0]: row[1:] for row in tables["Scores of the probabilities"].rows}
    assert scores["Calibration error"] == ("20.0% (19.0 to 21.0%)",) * 2
    assert scores["– expected by chance"] == ("3.0%", "3.0%")
    assert scores["Squared error, freed of chance"][1] == "−0.0020 (−0.0120 to 0.0080)"
    assert scores["Log loss of the right answer (nats), after temperature"][0].startswith("0.700")
    thresholds = tables["Thresholds chosen on validation, tried on test"].rows
    assert thresholds[1] == (
        "Tuned model, at most 10% wrong", "80.0% at temperature 1.5", "40.0%", "7.5% (4.0 to 12.0%)"
    )  # fmt: skip
    assert any(
        "Tuned model, 5%: too few records." in block.text for block in blocks if isinstance(block, Text)
    )


def test_a_threshold_of_confidence_as_it_is_names_no_temperature(inputs_with: Build) -> None:
    inputs = inputs_with()
    told = "such a threshold does not hold for that"
    assert any(told in block.text for block in section_of(inputs).blocks if isinstance(block, Text))
    for model in ("baseline", "tuned"):
        inputs.metrics["calibration"][model]["temperature"] |= {
            "value": None,
            "reason": "the bolder, the better",
        }
    blocks = section_of(inputs).blocks
    (thresholds,) = [b for b in blocks if isinstance(b, Table) and b.caption.startswith("Thresholds")]
    assert [row[1] for row in thresholds.rows] == ["80.0%", "80.0%"]
    assert not any(told in block.text for block in blocks if isinstance(block, Text))


def test_few_records_are_told_first(inputs_with: Build) -> None:
    assert isinstance(section_of(inputs_with(few=True)).blocks[0], Banner)
    assert not any(isinstance(block, Banner) for block in section_of(inputs_with()).blocks)


def test_what_was_not_measured_has_no_section(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    assert "reason" in inputs.metrics["calibration"]
    assert calibration_section(inputs) is None


def test_without_validation_records_the_rest_is_still_told(inputs_with: Build) -> None:
    inputs = inputs_with()
    for model in ("baseline", "tuned"):
        block = inputs.metrics["calibration"][model]
        block["temperature"] = {"value": None, "n_validation": 0, "reason": "no validation"}
        block["after_temperature"] = {"reason": "no validation"}
        block["thresholds"] = {"0.1": {"threshold": None, "reason": "no validation"}}
    tables = [block for block in section_of(inputs).blocks if isinstance(block, Table)]
    assert [table.caption for table in tables] == ["Scores of the probabilities", "What silence buys"]
    assert ("Temperature (from validation)", "–", "–") in tables[0].rows
    assert "Held to be wrong" not in first_text(inputs)


def test_both_drawings_are_written_beside_the_page(inputs_with: Build, tmp_path: Any) -> None:
    build_report(inputs_with(), tmp_path)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"reliability.png", "risk_coverage.png"} <= names
    figures = [block for block in section_of(inputs_with()).blocks if isinstance(block, Figure)]
    assert all(figure.width <= 640 and not figure.wide for figure in figures)


def test_the_drawings_show_what_they_are_given_and_are_the_same_for_the_same() -> None:
    model = model_of(0.7, 0.5)
    other = copy.deepcopy(model)
    other["reliability"][0]["accuracy"] = other["reliability"][0]["low"] = 0.0
    other["curve"][0]["risk"] = 0.0
    for draw, key in (
        (reliability, "reliability"),
        (lambda curves: risk_coverage(curves, 400), "curve"),
    ):
        first, again, changed = (draw({"tuned": m[key]}) for m in (model, model, other))
        assert first == again != changed
        assert Image.open(io.BytesIO(first)).size[0] == int(6.4 * 2 * 96)
        assert draw({}) is None


def advice(inputs: ReportInputs) -> list[str]:
    return [
        block.text
        for block in section_of(inputs).blocks
        if isinstance(block, Text) and "--risk" in block.text
    ]


def test_only_a_risk_that_the_tuned_model_can_keep_is_advised(inputs_with: Build) -> None:
    inputs = inputs_with()
    kept = inputs.metrics["calibration"]["tuned"]["thresholds"]
    assert "--risk 0.1`" in advice(inputs)[0]
    kept["0.2"] = kept["0.1"]
    kept["0.1"] = kept["0.05"]
    assert "--risk 0.2`" in advice(inputs)[0]
    del kept["0.2"]
    assert advice(inputs) == []  # the base model's own threshold is in the table all the same


def test_a_confidence_near_certainty_is_not_rounded_to_it(inputs_with: Build) -> None:
    assert "claims to be right > 99.9% of the time" in first_text(inputs_with(0.9998, 0.9))
