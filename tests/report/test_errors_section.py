"""The list of test records on the page: which are listed, and that all are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from test_pairs import closed_pairs

from medadapt.core.choice_rules import CHOICE_RULES
from medadapt.report import errors_section as module
from medadapt.report.errors_section import capped, errors_section
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import CaseList, Text

Build = Callable[..., ReportInputs]
OUTCOMES = {
    "regression": (("Gout", 0.6), ("Acne", 0.4)),
    "fix": (("Acne", 0.4), ("Gout", 0.6)),
    "both_right": (("Gout", 0.6), ("Gout", 0.6)),
}


def case_list(inputs: ReportInputs) -> CaseList:
    (found,) = [block for block in errors_section(inputs).blocks if isinstance(block, CaseList)]
    return found


def test_every_record_is_listed_and_regressions_come_first(choice_inputs: Build) -> None:
    inputs = choice_inputs()
    listed = case_list(inputs)
    assert {case.id for case in listed.cases} == {record.id for record in inputs.test}
    right = [
        (b.choice == "ABCD"[r.answer_index or 0], t.choice == "ABCD"[r.answer_index or 0])
        for r, b, t in zip(inputs.test, inputs.baseline, inputs.tuned, strict=True)
    ]
    broken, mended = right.count((True, False)), right.count((False, True))
    kinds = [dict(case.filed)["kind"].split()[0] for case in listed.cases]
    assert kinds[: broken + mended] == ["regression"] * broken + ["fix"] * mended
    (text, *_) = errors_section(inputs).blocks
    assert isinstance(text, Text)
    assert text.text.startswith(f"Tuning broke {broken} answers and mended {mended}.")


def test_a_run_judged_by_written_answers_counts_these_and_tells_how_they_were_read(
    choice_inputs: Build,
) -> None:
    inputs = choice_inputs()
    inputs.metrics["primary"] = "accuracy_generated"
    right = ["ABCD"[record.answer_index or 0] for record in inputs.test]
    baseline = [
        replace(row, text=f"It is {letter}.", parsed=letter)
        for row, letter in zip(inputs.baseline, right, strict=True)
    ]
    unread = [replace(row, text="I cannot say.", parsed=None) for row in inputs.tuned]
    inputs = replace(inputs, baseline=baseline, tuned=unread)
    (text, *_) = errors_section(inputs).blocks
    assert isinstance(text, Text)
    assert text.text.startswith("Tuning broke 120 written answers and mended 0.")
    case = case_list(inputs).cases[0]
    truth = "ABCD"[next(r.answer_index or 0 for r in inputs.test if r.id == case.id)]
    _, base, tuned = case.sayings
    assert base.detail.endswith(f"; wrote: It is {truth}.; read as: {truth}")
    assert tuned.detail.endswith("; wrote: I cannot say.; read as: nothing")


def test_where_only_the_best_labels_were_looked_for_nothing_is_said_of_sure_mistakes(
    diagnosis_inputs: Build,
) -> None:
    inputs = diagnosis_inputs()
    tuned = [
        replace(row, probabilities=None, choices=dict.fromkeys(CHOICE_RULES, row.choice))
        for row in inputs.tuned
    ]
    (text, *_) = errors_section(replace(inputs, tuned=tuned)).blocks
    assert isinstance(text, Text)
    assert "How sure the tuned model was of its answers is not known" in text.text
    assert "80% or more" not in text.text
    assert "confident mistakes" not in text.text


def test_a_long_list_keeps_some_of_each_kind_and_tells_how_many_are_missing(
    choice_inputs: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CASES", 12)
    monkeypatch.setattr(module, "MOST_AT_FIRST", 3)
    section = errors_section(choice_inputs())
    listed = next(block for block in section.blocks if isinstance(block, CaseList))
    assert len(listed.cases) == 12
    (note,) = [b.text for b in section.blocks if isinstance(b, Text) and b.quiet]
    assert note.startswith("12 of 120 records are listed; not listed are ")


def test_no_kind_crowds_out_the_others() -> None:
    found = closed_pairs(
        **{f"{kind}{i}": OUTCOMES[kind] for kind, n in (("regression", 300), ("fix", 200), ("both_right", 90))
           for i in range(n)}
    )  # fmt: skip
    counts = Counter(pair.kind for pair in capped(found, 500))
    assert counts == {"regression": 300, "fix": 110, "both_right": 90}
    assert capped(found[:500], 500) == found[:500]


def test_only_the_first_cases_carry_prompts_and_whole_texts(
    qa_inputs: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WITH_PROMPT", 2)
    monkeypatch.setattr(module, "WITH_WHOLE_TEXTS", 3)
    monkeypatch.setattr(module, "SHORT_TEXT", 50)
    inputs = qa_inputs()
    inputs.prompts.update({record.id: "the exact prompt" for record in inputs.test})
    cases = case_list(inputs).cases
    assert [bool(case.prompt) for case in cases[:4]] == [True, True, False, False]
    cut = ["more characters" in case.sayings[0].text for case in cases]
    assert cut == [False] * 3 + [True] * (len(cases) - 3)
