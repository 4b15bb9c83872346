"""Written answers: likeness, soft match, and what they do not mean."""

from __future__ import annotations

from collections.abc import Callable

from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Banner, Bars, Facts, Figure, Section, Table, Text
from medadapt.report.written_section import NO_MATRIX, written_section

Build = Callable[..., ReportInputs]


def section_of(inputs: ReportInputs) -> Section:
    section = written_section(inputs)
    assert section is not None
    return section


def test_every_text_metric_stands_with_intervals_p_and_verdict(dialogue_inputs: Build) -> None:
    table = next(block for block in section_of(dialogue_inputs()).blocks if isinstance(block, Table))
    rows = {row[0]: row[1:] for row in table.rows}
    assert list(rows)[:4] == ["ROUGE-1", "ROUGE-2", "ROUGE-L", "BLEU (0 to 100)"]
    assert rows["BLEU (0 to 100)"] == (
        "1.23 (1.16 to 1.30)",
        "3.91 (3.68 to 4.14)",
        "+2.68 (+1.88 to +3.48)",
        "0.003",
        "better",
    )
    assert "Bits per byte" not in rows


def test_the_controls_are_drawn_beside_the_models_by_the_metric_they_are_compared_in(
    dialogue_inputs: Build,
) -> None:
    (drawn,) = [block for block in section_of(dialogue_inputs()).blocks if isinstance(block, Bars)]
    assert drawn.caption == "Token F1; the line is the 95% interval"
    assert [(bar.name, bar.role) for bar in drawn.bars] == [
        ("Base model", "baseline"),
        ("Tuned model", "tuned"),
        ("Nearest training record", "control"),
    ]
    assert drawn.bars[1].value > drawn.bars[2].value > drawn.bars[0].value


def test_controls_that_answered_stand_with_the_metrics_of_the_models(dialogue_inputs: Build) -> None:
    blocks = section_of(dialogue_inputs()).blocks
    (table,) = [block for block in blocks if isinstance(block, Table) and "controls" in block.caption]
    assert table.columns == ("", "Nearest training record")
    rows = dict(table.rows)
    assert rows["Token F1"] == "0.225 (0.212 to 0.238)"
    assert rows["Similarity of meaning (embedding)"] == "–"
    assert any("Tuned model against it: +0.025" in block.text for block in blocks if isinstance(block, Text))


def test_likeness_is_said_not_to_be_medical_agreement(dialogue_inputs: Build) -> None:
    (banner,) = [block for block in section_of(dialogue_inputs()).blocks if isinstance(block, Banner)]
    assert banner.tone == "warning"
    assert "not whether medicine agrees" in banner.text


def test_signatures_of_the_metrics_are_shown(dialogue_inputs: Build) -> None:
    rows = [row for b in section_of(dialogue_inputs()).blocks if isinstance(b, Table) for row in b.rows]
    assert ("BLEU (0 to 100)", "nrefs:1|case:mixed|tok:13a") in rows


def test_the_soft_match_states_its_rule_errors_and_difference(dialogue_inputs: Build) -> None:
    blocks = section_of(dialogue_inputs()).blocks
    facts = dict(row for block in blocks if isinstance(block, Facts) for row in block.rows)
    assert facts["Errors of the base model"] == "20 of 24 (83.3%)"
    assert facts["Right answers, tuned minus base"] == (
        "+29.2 points (95% interval +5.0 to +50.0 points, p = 0.039)"
    )
    assert any("(Token F1) is at least 0.5" in block.text for block in blocks if isinstance(block, Text))
    (figure,) = [block for block in blocks if isinstance(block, Figure)]
    assert figure.file == "right_wrong_matrix.png"
    assert "only the base 1, only the tuned model 8" in figure.alt


def test_open_questions_say_why_there_is_no_confusion_matrix(qa_inputs: Build) -> None:
    texts = [block.text for block in section_of(qa_inputs()).blocks if isinstance(block, Text)]
    assert texts == [NO_MATRIX]


def test_closed_tasks_have_no_such_section(choice_inputs: Build) -> None:
    assert written_section(choice_inputs()) is None
