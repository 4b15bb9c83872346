"""The records where tuning did most harm."""

from __future__ import annotations

from collections.abc import Callable

from medadapt.core.records import Record
from medadapt.core.results import Prediction
from medadapt.report.cases import MAX_CASES, MAX_TURN, MAX_TURNS, changes
from medadapt.report.inputs import ReportInputs


def record(name: str) -> Record:
    return Record(id=name, source_row=1, group=name, question=f"Question {name}", answer="Gout", label="Gout")


def closed(name: str, choice: str, gout: float) -> Prediction:
    return Prediction(
        id=name, model="m", prompt_sha256="", choice=choice, probabilities={"Gout": gout, "Acne": 1 - gout}
    )


def written(name: str, nats: float) -> Prediction:
    return Prediction(
        id=name, model="m", prompt_sha256="", text=f"answer {name}", nll=10 * nats, num_tokens=10
    )


def test_broken_answers_come_before_answers_that_only_got_less_likely() -> None:
    names = ["less", "broken", "mended", "same"]
    found = changes(
        "diagnosis",
        "accuracy",
        test=[record(name) for name in names],
        baseline=[
            closed("less", "Gout", 0.99),
            closed("broken", "Gout", 0.6),
            closed("mended", "Acne", 0.4),
            closed("same", "Gout", 0.7),
        ],
        tuned=[
            closed("less", "Gout", 0.51),
            closed("broken", "Acne", 0.45),
            closed("mended", "Gout", 0.9),
            closed("same", "Gout", 0.7),
        ],
        prompts={"broken": "the exact prompt"},
    )
    assert [case.id for case in found.worst] == ["broken", "less"]
    assert (found.broken, found.mended) == (1, 1)
    assert found.worst[0].prompt == "the exact prompt"
    assert found.worst[0].summary == "right before, wrong after tuning"


def test_open_questions_are_ordered_by_the_rise_in_nats_per_token() -> None:
    found = changes(
        "qa",
        "bits_per_byte",
        test=[record(name) for name in "abc"],
        baseline=[written("a", 1.0), written("b", 1.0), written("c", 1.0)],
        tuned=[written("a", 1.1), written("b", 1.9), written("c", 0.5)],
        prompts={},
    )
    assert [case.id for case in found.worst] == ["b", "a"]
    assert (found.broken, found.mended) == (2, 1)
    assert found.worst[0].sayings[2].text == "answer b"
    assert found.worst[0].sayings[2].detail == "gives the reference 1.900 nats per token"


def test_a_generated_primary_judges_what_was_written() -> None:
    base = Prediction(id="a", model="m", prompt_sha256="", choice="Acne", parsed="Gout", text="Gout")
    tuned = Prediction(id="a", model="m", prompt_sha256="", choice="Gout", parsed=None, text="I cannot say")
    found = changes(
        "diagnosis", "accuracy_generated", test=[record("a")], baseline=[base], tuned=[tuned], prompts={}
    )
    assert (found.broken, found.mended) == (1, 0)


def test_at_most_ten_are_shown_and_all_are_counted(choice_inputs: Callable[..., ReportInputs]) -> None:
    inputs = choice_inputs()
    found = changes(
        "multiple_choice",
        "accuracy",
        test=inputs.test,
        baseline=inputs.baseline,
        tuned=inputs.tuned,
        prompts={},
    )
    assert len(found.worst) == MAX_CASES
    paired = [
        (b.choice == "ABCD"[r.answer_index or 0], t.choice == "ABCD"[r.answer_index or 0])
        for r, b, t in zip(inputs.test, inputs.baseline, inputs.tuned, strict=True)
    ]
    assert (found.broken, found.mended) == (paired.count((True, False)), paired.count((False, True)))


def test_options_are_marked_by_who_chose_them(choice_inputs: Callable[..., ReportInputs]) -> None:
    inputs = choice_inputs()
    found = changes(
        "multiple_choice",
        "accuracy",
        test=inputs.test,
        baseline=inputs.baseline,
        tuned=inputs.tuned,
        prompts={},
    )
    marks = sorted(mark for option in found.worst[0].options for mark in option.marks)
    assert marks == ["baseline", "reference", "tuned"]


def test_earlier_turns_are_shown_clamped_and_the_oldest_counted(
    dialogue_inputs: Callable[..., ReportInputs],
) -> None:
    inputs = dialogue_inputs()
    found = changes(
        "qa", "bits_per_byte", test=inputs.test, baseline=inputs.baseline, tuned=inputs.tuned, prompts={}
    )
    case = found.worst[0]
    left_out, *turns = case.turns
    assert (left_out.who, left_out.text) == ("left_out", "5 earlier turns")
    assert [turn.who for turn in turns] == ["user", "assistant"] * (MAX_TURNS // 2)
    assert all(len(turn.text) < MAX_TURN + 40 for turn in turns)
    assert "more characters" in turns[-1].text
    assert case.question.startswith("What are the symptoms")
