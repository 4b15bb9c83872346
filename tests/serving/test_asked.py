from dataclasses import replace

import pytest

from medadapt.core.errors import DataError
from medadapt.serving.asked import Asked, note_on_type, to_record
from medadapt.serving.asking import asking_of_run
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
