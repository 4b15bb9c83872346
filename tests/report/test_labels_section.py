"""Confusions, and precision and recall of each label."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sklearn.metrics import classification_report

from medadapt.report.inputs import ReportInputs
from medadapt.report.labels_section import labels_section
from medadapt.report.sections import Figure, Section, Table

Build = Callable[..., ReportInputs]


def section_of(inputs: ReportInputs) -> Section:
    section = labels_section(inputs)
    assert section is not None
    return section


def tables_of(inputs: ReportInputs) -> dict[str, Table]:
    return {block.caption: block for block in section_of(inputs).blocks if isinstance(block, Table)}


def test_the_report_by_label_and_its_averages_are_those_of_scikit_learn(diagnosis_inputs: Build) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne", "Malaria"))
    truth, chosen = [r.label for r in inputs.test], [p.choice for p in inputs.tuned]
    expected = classification_report(truth, chosen, output_dict=True)
    tables = tables_of(inputs)
    gout = next(row for row in tables["Per label"].rows if row[0] == "Gout")
    assert gout[1] == str(int(expected["Gout"]["support"]))
    assert gout[2].endswith(f"→ {100 * expected['Gout']['recall']:.1f}%")
    assert gout[4].endswith(f"→ {100 * expected['Gout']['f1-score']:.1f}%")
    means = tables["All labels together, base → tuned"].rows[0]
    assert means[0] == "mean over labels"
    assert means[2].endswith(f"→ {100 * expected['macro avg']['precision']:.1f}%")


def test_both_matrices_show_the_same_labels_whoever_made_the_mistakes(diagnosis_inputs: Build) -> None:
    inputs = diagnosis_inputs(labels=tuple(f"Disease {place}" for place in range(13)), n=39)
    figures = [b for b in section_of(inputs).blocks if isinstance(b, Figure)]
    assert [figure.file for figure in figures] == [
        "confusion_matrix_baseline.png",
        "confusion_matrix_tuned.png",
    ]
    assert len({figure.width for figure in figures}) == 1
    assert all(figure.wide for figure in figures)
    right = sum(p.choice == r.label for p, r in zip(inputs.tuned, inputs.test, strict=True))
    assert f"{right} of 39 right" in figures[1].caption


def test_a_run_judged_by_written_answers_says_that_matrices_and_labels_count_choices(
    diagnosis_inputs: Build,
) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"))
    inputs.metrics["primary"] = "accuracy_generated"
    by = ", by the likeliest answer"
    captions = [block.caption for block in section_of(inputs).blocks if isinstance(block, Figure)]
    assert len(captions) == 2
    assert all(f"right{by} (the diagonal)" in caption for caption in captions)
    assert tables_of(inputs).keys() == {f"Per label{by}", f"All labels together{by}, base → tuned"}


def test_records_without_an_answer_are_told(choice_inputs: Build) -> None:
    inputs = choice_inputs()
    inputs.metrics["confusion"]["tuned"][0] = [9, 7, 7, 4]
    captions = [b.caption for b in section_of(inputs).blocks if isinstance(b, Figure)]
    assert "without an answer" not in captions[0]
    assert "3 records without an answer stand in no column" in captions[1]


def test_scored_and_written_accuracy_stand_side_by_side(diagnosis_inputs: Build) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"))
    for model, value in (("baseline", 0.25), ("tuned", 0.5)):
        inputs.metrics[model]["accuracy_generated"] = {"value": value, "low": 0.1, "high": 0.6, "n": 61}
        inputs.metrics["rates"][model]["unparsed"] = 0.125
    base, tuned = tables_of(inputs)["The same questions answered in two ways"].rows
    assert base[2:] == ("25.0% (10.0 to 60.0%)", "12.5%")
    assert tuned[1] == "88.5% (78.2 to 94.3%)"


@pytest.mark.parametrize("unmeasured", ["baseline", "tuned"])
def test_one_way_of_answering_needs_no_comparison(diagnosis_inputs: Build, unmeasured: str) -> None:
    inputs = diagnosis_inputs(labels=("Gout", "Acne"))
    for model in {"baseline", "tuned"} - {unmeasured}:
        inputs.metrics[model]["accuracy_generated"] = {"value": 0.5, "low": 0.1, "high": 0.6, "n": 61}
    assert "The same questions answered in two ways" not in tables_of(inputs)


def test_open_questions_have_no_labels(qa_inputs: Build) -> None:
    assert labels_section(qa_inputs()) is None
