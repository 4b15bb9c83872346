"""The sets beside the usual one: rotated options, options alone, the other way to score, shown records."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from medadapt.core.progress import Silent
from medadapt.core.recipe import Recipe
from medadapt.core.records import LETTERS
from medadapt.predictions.asking import answer, predict
from medadapt.predictions.question_sets import QuestionSet
from medadapt.predictions.questions import closes_choices, pose
from medadapt.predictions.settings import PredictionSettings
from medadapt.predictions.unconditional import Unconditional
from medadapt.predictions.ways_of_asking import (
    Splits,
    few_shot_set,
    options_only_set,
    other_way_set,
    rotated,
    rotated_sets,
    ways_of_asking,
)


def recipe(data_format: str, prompt: dict[str, object] | None = None, **evaluation) -> Recipe:
    return Recipe.model_validate(
        {
            "data": {"format": data_format, "source": "x.csv"},
            "model": {"base": "x"},
            "prompt": prompt or {},
            "evaluation": evaluation,
        }
    )


def answered(model, encoder, asked: QuestionSet, **settings):
    values = {"task": "multiple_choice", "method": "score"} | settings
    return answer(
        model,
        encoder,
        asked,
        name="baseline",
        settings=PredictionSettings(**values),
        unconditional=Unconditional(model, encoder),
        progress=Silent(),
    )


def verdict(record, **changes):
    return record("Is it?", id="v", options=["yes", "no", "maybe"], answer_index=0, answer="yes", **changes)


def test_a_record_is_rotated_with_its_right_answer(record):
    asked = record("?", options=["a", "b", "c"], answer_index=1, answer="b")
    assert [rotated(asked, places).options for places in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    for places in range(4):
        turned = rotated(asked, places)
        assert turned.options[turned.answer_index] == "b"


@pytest.mark.parametrize("wording", ["letter", "text"])
def test_rotated_sets_are_manual_rotations_under_the_first_letters(tiny, encoder_for, exam, record, wording):
    model = tiny("llama")
    encoder = encoder_for(model.tokenizer, "choices", answer=wording)
    records = [*exam, verdict(record)]
    sets = list(rotated_sets(encoder, records, count=4))
    assert [asked.stem("tuned") for asked in sets] == [f"test.tuned.rotated_{i}" for i in (1, 2, 3)]
    settings = PredictionSettings(task="multiple_choice", method="score")
    for places, asked in enumerate(sets, 1):
        by_hand = []
        for one in records:
            options = one.options if one.id == "v" else one.options[places % len(one.options) :]
            options = options if one.id == "v" else options + one.options[: places % len(one.options)]
            by_hand.append(replace(one, options=options, answer_index=options.index(one.answer)))
        plain = predict(model, encoder, by_hand, name="baseline", settings=settings, progress=Silent())
        for one, turned, manual, found in zip(
            records, by_hand, plain, answered(model, encoder, asked), strict=True
        ):
            texts = dict(zip(LETTERS, one.options, strict=False))
            moved = dict(zip(LETTERS, turned.options, strict=False))
            assert list(found.scores) == list(texts)
            assert {texts[letter]: score for letter, score in found.scores.items()} == pytest.approx(
                {moved[letter]: score for letter, score in manual.scores.items()}
            )
            assert texts[found.choice] == moved[manual.choice]
            assert {rule: texts[letter] for rule, letter in found.choices.items()} == {
                rule: moved[letter] for rule, letter in manual.choices.items()
            }
            assert (found.prompt_sha256, found.nll) == (manual.prompt_sha256, pytest.approx(manual.nll))


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8])
def test_no_question_is_asked_again_in_an_order_that_all_had(
    byte_tokenizer, encoder_for, exam, record, count
):
    encoder = encoder_for(byte_tokenizer, "choices", answer="letter", max_length=900, prompt_limit=800)
    five = [record("Which?", id="five", options=list("vwxyz"), answer_index=0, answer="v")]
    for test, most in (([*exam, verdict(record)], 4), (exam[:1], 2), ([*exam, *five], 5)):
        splits = Splits(train=[], validation=[], test=test)
        sets, kept = ways_of_asking(recipe("multiple_choice", permutations=count), encoder, splits)
        orders = [sets[0], *(asked for asked in sets if (asked.variant or "").startswith("rotated"))]
        assert len(orders) == min(count, most)
        prompts = [tuple(question.prompt.text for question in asked.questions) for asked in orders]
        assert len(set(prompts)) == len(prompts)
        assert ("permutations" in kept) == (count > most)
        if count > most:
            assert kept["permutations"]["reason"].startswith(f"no question shows more than {most} options")


def test_without_an_option_in_any_prompt_nothing_is_rotated(byte_tokenizer, encoder_for, record):
    encoder = encoder_for(byte_tokenizer, "choices", answer="letter")
    splits = Splits(train=[], validation=[], test=[verdict(record)])
    sets, kept = ways_of_asking(recipe("multiple_choice", permutations=3), encoder, splits)
    assert not [asked for asked in sets if (asked.variant or "").startswith("rotated")]
    assert "yes, no or maybe" in kept["permutations"]["reason"]


def test_options_alone_are_the_template_without_question_and_context(byte_tokenizer, encoder_for, exam):
    encoder = encoder_for(byte_tokenizer, "choices", answer="letter")
    asked = options_only_set(encoder, [replace(exam[0], context="An abstract.")])
    assert asked.questions[0].prompt.text == "Question: \nChoices:\nA. rest\nB. ice\nAnswer:"
    assert asked.stem("tuned") == "test.tuned.options_only"
    assert asked.models == ("tuned",)


def test_hidden_options_leave_the_template_alone(byte_tokenizer, encoder_for, exam):
    encoder = encoder_for(byte_tokenizer, "question")
    asked = options_only_set(encoder, exam)
    assert {question.prompt.text for question in asked.questions} == {"### Question:\n\n\n### Answer:\n"}
    assert [list(question.choices) for question in asked.questions] == [list("AB"), list("ABC"), list("ABCD")]


@pytest.mark.parametrize(("usual", "way"), [("letter", "text"), ("text", "letter")])
def test_the_other_way_scores_as_a_run_that_answers_so(tiny, encoder_for, exam, usual, way):
    model = tiny("llama")
    encoder = encoder_for(model.tokenizer, "choices", answer=usual)
    other = encoder_for(model.tokenizer, "choices", answer=way)
    asked = other_way_set(encoder, exam, way)
    settings = PredictionSettings(task="multiple_choice", method="score")
    wanted = predict(model, other, exam, name="baseline", settings=settings, progress=Silent())
    assert answered(model, encoder, asked) == wanted
    plain = predict(model, encoder, exam, name="baseline", settings=settings, progress=Silent())
    assert [row.prompt_sha256 for row in wanted] == [row.prompt_sha256 for row in plain]


def test_a_long_prompt_leaves_room_for_the_text_of_its_options(byte_tokenizer, encoder_for, record):
    encoder = encoder_for(byte_tokenizer, "choices", answer="letter", prompt_limit=252)
    asked = record("long " * 60, options=["a" * 40, "b"], answer_index=0, answer="a" * 40)
    (question,) = other_way_set(encoder, [asked], "text").questions
    assert len(question.choices["A"]) == len(" ") + 40 + 1
    assert len(question.prompt.tokens) + len(question.choices["A"]) <= encoder.max_length


@pytest.fixture
def splits(record) -> Splits:
    train = [record(f"Train {i}?", id=f"t{i}", answer=f"because {i}") for i in range(8)]
    test = [record(f"Test {i}?" + " long" * (3 * i), id=f"q{i}", answer="so " * (5 * i)) for i in range(6)]
    return Splits(train=[*train, replace(test[2], id="copy")], validation=[], test=test)


def few_shot(encoder, splits, *, asked="auto", written=False):
    usual = pose(encoder, splits.test, close_choices=closes_choices(encoder))
    made, facts = few_shot_set(encoder, splits, usual, asked=asked, seed=0, written=written)
    return usual, made, facts


def test_all_questions_are_shown_the_same_records_and_none_of_their_own_group(
    byte_tokenizer, encoder_for, splits
):
    encoder = encoder_for(byte_tokenizer, "question", max_length=2000, prompt_limit=1500)
    _, made, facts = few_shot(encoder, splits)
    assert len(facts["shown"]) == 5
    assert "copy" not in few_shot(encoder, splits, asked=32)[2]["shown"]
    shown = {question.prompt.text.rpartition("### Question:")[0] for question in made.questions}
    assert len(shown) == 1
    assert made.stem("baseline") == "test.baseline.few_shot"
    assert made.models == ("baseline",)
    assert (facts["questions_with_fewer"], facts["questions_with_none"], facts["reason"]) == (0, 0, None)


@pytest.mark.parametrize("max_length", [100, 150, 200, 300, 500])
def test_shown_records_never_take_room_from_the_question_or_its_answer(
    byte_tokenizer, encoder_for, splits, max_length
):
    encoder = encoder_for(byte_tokenizer, "question", max_length=max_length, prompt_limit=max_length * 3 // 4)
    usual, made, facts = few_shot(encoder, splits)
    if made is None:
        assert "no training record of another group fits" in facts["reason"]
        return
    for before, after in zip(usual, made.questions, strict=True):
        assert after.reference == before.reference
        assert after.truncated == before.truncated
        # The start token apart, the usual prompt ends the longer one.
        assert after.prompt.tokens[-len(before.prompt.tokens) + 1 :] == before.prompt.tokens[1:]
        assert len(after.prompt.tokens) + len(after.reference.tokens) <= max_length
    left_out = [question.prompt.exchanges_left_out for question in made.questions]
    assert facts["questions_with_none"] == left_out.count(len(facts["shown"]))
    assert facts["questions_with_fewer"] == sum(0 < count < len(facts["shown"]) for count in left_out)


def test_fewer_than_asked_are_told_and_zero_leaves_the_control_out(byte_tokenizer, encoder_for, splits):
    encoder = encoder_for(byte_tokenizer, "question", max_length=2000, prompt_limit=1500)
    assert "8 of 20" in few_shot(encoder, splits, asked=20)[2]["reason"]
    assert few_shot(encoder, splits, asked=0)[1] is None


def test_each_task_gets_its_own_sets(byte_tokenizer, encoder_for, exam, diagnoses, splits):
    def stems(made_recipe, encoder, records):
        some = Splits(train=splits.train, validation=records, test=records)
        sets, _ = ways_of_asking(made_recipe, encoder, some)
        return [
            asked.stem(model) for model in ("baseline", "tuned") for asked in sets if model in asked.models
        ]

    choices = encoder_for(byte_tokenizer, "choices", answer="letter", max_length=900, prompt_limit=800)
    full = recipe("multiple_choice", permutations=2, also_score=["text"], few_shot=0)
    assert stems(full, choices, exam) == [
        "baseline", "validation.baseline", "test.baseline.rotated_1", "test.baseline.by_text",
        "tuned", "validation.tuned", "test.tuned.options_only", "test.tuned.rotated_1", "test.tuned.by_text",
    ]  # fmt: skip
    symptoms = encoder_for(byte_tokenizer, max_length=900, prompt_limit=800)
    labelled = Splits(train=diagnoses, validation=diagnoses[:1], test=diagnoses[1:])
    sets, kept = ways_of_asking(recipe("symptom_table"), symptoms, labelled)
    assert [asked.variant or asked.split for asked in sets] == ["test", "validation", "few_shot"]
    assert kept["few_shot"]["shown"] == [diagnoses[0].id]
    question = encoder_for(byte_tokenizer, "question", max_length=900, prompt_limit=800)
    assert stems(recipe("typed_qa"), question, splits.test) == ["baseline", "test.baseline.few_shot", "tuned"]


def test_a_written_answer_ends_before_what_is_over(tiny, encoder_for, record):
    model = tiny("llama")
    encoder = encoder_for(model.tokenizer, "question")
    asked = QuestionSet(
        split="test",
        records=[record("Why?")],
        questions=pose(encoder, [record("Why?")], close_choices=False),
        written=True,
    )
    (whole,) = answered(model, encoder, asked, task="qa", max_new_tokens=30)
    mark = whole.text[len(whole.text) // 2]

    (ended,) = answered(
        model, encoder, replace(asked, over=re.compile(re.escape(mark))), task="qa", max_new_tokens=30
    )

    assert ended.text == whole.text.partition(mark)[0].strip() != whole.text


def test_progress_names_each_set():
    asked = QuestionSet(split="test", records=[], questions=[])
    assert asked.title("tuned") == "tuned"
    assert replace(asked, split="validation").title("tuned") == "tuned (validation)"
    assert replace(asked, variant="rotated_1").title("baseline") == "baseline (rotated 1)"
