from dataclasses import replace

import pytest

from medadapt.core.errors import DataError
from medadapt.core.progress import Silent
from medadapt.core.recipe import DataSection, ModelSection, PromptSection
from medadapt.core.records import SPLITS, TASK_OF_FORMAT, read_records
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.templates import resolve_wording
from medadapt.records.preparing import prepare
from medadapt.samples.bundled import rows_source
from medadapt.serving.asked import Asked, note_on_type, to_record
from medadapt.serving.asking import Asking, asking_of_run
from medadapt.serving.command_targets import read_run


@pytest.fixture
def askings(diagnosis_run, typed_run, choice_run):
    names = {"diagnosis": diagnosis_run, "typed": typed_run, "choice": choice_run}
    runs = {name: read_run(str(folder)) for name, folder in names.items()}
    return {name: asking_of_run(run.recipe, run.folder) for name, run in runs.items()}


@pytest.mark.parametrize("question", ["", "  \n\t", "\x00"])
def test_an_empty_question_is_refused(question, askings):
    with pytest.raises(DataError, match="empty"):
        to_record(Asked(question=question), askings["typed"])


@pytest.mark.parametrize("extra", [{"context": "a text"}, {"qtype": "treatment"}, {"options": ("a", "b")}])
def test_what_the_prompt_has_no_place_for_is_refused(extra, askings):
    with pytest.raises(DataError):
        to_record(Asked(question="fever", **extra), askings["diagnosis"])


def test_context_and_type_reach_the_record_where_the_prompt_has_them(askings):
    record = to_record(Asked(question=" What helps? ", context="a text", qtype="treatment"), askings["typed"])
    assert (record.question, record.context, record.qtype) == ("What helps?", "a text", "treatment")


def test_earlier_turns_are_freed_of_what_records_are_freed_of(askings):
    turns = ({"role": "user", "content": "fe\x00ver"}, {"role": "assistant", "content": "Since when?"})
    record = to_record(Asked(question="two days", history=turns), askings["typed"])
    assert record.history == [{"role": "user", "content": "fever"}, turns[1]]


def asking_for(data_format):
    """How a run of this format asks; its length and its base do not matter here."""
    wording = resolve_wording(PromptSection(), data_format)
    plan = EncodingPlan(
        wording=wording, chat=False, max_length=512, prompt_limit=500, closing="</s>", labels=()
    )
    return Asking(
        task=TASK_OF_FORMAT[data_format],
        data_format=data_format,
        plan=plan,
        max_new_tokens=None,
        model=ModelSection(base="any"),
    )


@pytest.mark.parametrize(
    ("data_format", "typed", "asked"),
    [
        ("symptom_table", "itching;  skin rash\n", "itching; skin rash"),
        ("symptom_table", "Fièvre ?; Toux ?", "Fièvre ?; Toux ?"),
        ("typed_qa", "What  helps\nhere ? ", "What helps here?"),
        ("question_answer", "What&nbsp;helps <b>here</b> ? ?", "What helps here?"),
        ("dialogue", "A&nbsp;cough.<br>At\u200b night.", "A cough.\nAt night."),
        ("multiple_choice", "A woman  coughs.\n\n\n\nWhy ?", "A woman coughs.\n\nWhy ?"),
        ("unknown", "What&nbsp;helps  here ?", "What&nbsp;helps  here ?"),
    ],
)
def test_a_question_is_cleaned_as_those_of_the_training_were(data_format, typed, asked):
    asking = replace(asking_for("dialogue"), data_format=data_format, task="qa")
    assert to_record(Asked(question=typed), asking).question == asked


def test_what_goes_with_a_question_is_cleaned_too_but_never_an_answer_of_the_model(askings):
    choice = to_record(Asked(question="Which?", options=("bed  rest", "ice\u00a0")), askings["choice"])
    assert choice.options == ["bed rest", "ice"]
    turns = ({"role": "user", "content": "I&nbsp;cough."}, {"role": "assistant", "content": "At&nbsp;night?"})
    talk = to_record(Asked(question="Yes.", history=turns), asking_for("dialogue"))
    assert [turn["content"] for turn in talk.history] == ["I cough.", "At&nbsp;night?"]


@pytest.mark.parametrize("data_format", TASK_OF_FORMAT)
def test_the_records_own_questions_come_out_unchanged(data_format, tmp_path):
    data = DataSection(format=data_format, source=rows_source(data_format))
    prepare(data, 0, tmp_path, smoke=False, progress=Silent())
    records = [record for name in SPLITS for record in read_records(tmp_path / f"{name}.jsonl")]
    assert len(records) > 20
    for record in records:
        asked = Asked(
            question=record.question,
            context=record.context,
            qtype=record.qtype,
            options=tuple(record.options or ()),
            history=tuple(record.history),
        )
        again = to_record(asked, asking_for(data_format))
        for part in ("question", "context", "qtype", "options", "history"):
            assert getattr(again, part) == getattr(record, part)


def test_a_typed_model_asked_without_a_type_is_noted(askings):
    def noted(kind, **extra):
        return note_on_type(to_record(Asked(question="fever", **extra), askings[kind]), askings[kind])

    assert "--type" in noted("typed")
    assert noted("typed", qtype="treatment") is None
    assert noted("diagnosis") is None


@pytest.mark.parametrize("options", [(), ("one",), ("a", "a"), ("a", " "), tuple(map(str, range(27)))])
def test_a_choice_needs_two_to_26_different_options(options, askings):
    with pytest.raises(DataError, match="options"):
        to_record(Asked(question="Which?", options=options), askings["choice"])


def test_options_are_kept_in_their_order(askings):
    record = to_record(Asked(question="Which?", options=("rest", " ice ", "heat")), askings["choice"])
    assert record.options == ["rest", "ice", "heat"]


def test_a_model_that_answers_in_text_needs_no_options(askings):
    plan = askings["choice"].plan
    hidden = replace(plan, wording=replace(plan.wording, options=False, answer="text"))
    assert to_record(Asked(question="Which?"), replace(askings["choice"], plan=hidden)).options is None
