"""A test record as the page shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from medadapt.report.cases import MAX_TURN, MAX_TURNS, case_of
from medadapt.report.inputs import ReportInputs
from medadapt.report.pairs import Pair, pairs

Build = Callable[..., ReportInputs]


def pairs_of(inputs: ReportInputs) -> list[Pair]:
    return pairs(
        inputs.metrics["task"],
        inputs.metrics["primary"],
        test=inputs.test,
        baseline=inputs.baseline,
        tuned=inputs.tuned,
    )


def test_options_are_marked_by_who_chose_them(choice_inputs: Build) -> None:
    regression = pairs_of(choice_inputs())[0]
    case = case_of("multiple_choice", regression)
    marks = {option.letter: option.marks for option in case.options if option.marks}
    assert marks == {
        str(regression.baseline.choice): ("reference", "baseline"),
        str(regression.tuned.choice): ("tuned",),
    }
    assert case.summary == "right before, wrong after tuning"


def test_earlier_turns_are_shown_clamped_and_the_oldest_counted(dialogue_inputs: Build) -> None:
    case = case_of("qa", pairs_of(dialogue_inputs())[0])
    left_out, *turns = case.turns
    assert (left_out.who, left_out.text) == ("left_out", "5 earlier turns")
    assert [turn.who for turn in turns] == ["user", "assistant"] * (MAX_TURNS // 2)
    assert all(len(turn.text) < MAX_TURN + 40 for turn in turns)
    assert "more characters" in turns[-1].text
    assert case.question.startswith("What are the symptoms")


@pytest.mark.parametrize("most", [40, 2000])
def test_texts_are_cut_to_the_length_that_is_asked_for(qa_inputs: Build, most: int) -> None:
    pair = pairs_of(qa_inputs())[0]
    reference = case_of("qa", pair, max_text=most).sayings[0].text
    assert (reference == pair.record.answer) is (len(pair.record.answer) <= most)
    assert len(reference) <= max(most, len(pair.record.answer)) + 40


@pytest.mark.parametrize(
    ("nll", "said"),
    [
        (8.0, "the reference became neither less nor more likely"),
        (None, "how likely the reference became is not known"),
    ],
)
def test_a_reference_as_likely_as_before_and_one_that_was_not_measured_are_told_apart(
    nll: float | None, said: str, qa_inputs: Build
) -> None:
    inputs = qa_inputs()
    before = replace(inputs.baseline[0], nll=8.0, num_tokens=4)
    after = replace(inputs.tuned[0], nll=nll, num_tokens=4)
    (pair,) = pairs("qa", "bits_per_byte", test=inputs.test[:1], baseline=[before], tuned=[after])
    assert case_of("qa", pair).summary == said


def test_the_reference_that_became_less_likely_is_told_in_nats(qa_inputs: Build) -> None:
    pair = pairs_of(qa_inputs())[0]
    assert case_of("qa", pair).summary == (
        f"{-pair.gain:+.2f} nats per token: the reference became less likely"
    )
