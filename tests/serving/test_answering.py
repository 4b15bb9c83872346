import pytest

from medadapt.core.records import Record
from medadapt.serving.answering import answer, weigh
from medadapt.serving.loading import load
from medadapt.serving.sampling import Sampling
from medadapt.serving.targets import find_target
from serving_runs import recorded, records_of


@pytest.mark.parametrize("model", ["baseline", "tuned"])
def test_greedy_answers_are_those_of_the_runs_own_predictions(model, assistant, diagnosis_run):
    kept = recorded(diagnosis_run, model)
    for record in records_of(diagnosis_run):
        given = answer(assistant, record, model=model)
        pieces = list(given.pieces)
        assert given.text == "".join(pieces) == kept[record.id]["text"]


def test_open_questions_are_answered_as_in_the_run(typed_assistant, typed_run):
    kept = recorded(typed_run, "tuned")
    for record in records_of(typed_run):
        given = answer(typed_assistant, record)
        assert "".join(given.pieces) == given.text == kept[record.id]["text"]


def test_probabilities_are_those_of_the_runs_own_predictions(assistant, diagnosis_run):
    kept = recorded(diagnosis_run, "tuned")
    record = records_of(diagnosis_run)[0]
    weighed = weigh(assistant, record)
    assert {w.name: w.probability for w in weighed} == pytest.approx(
        kept[record.id]["probabilities"], abs=1e-5
    )
    assert [w.probability for w in weighed] == sorted((w.probability for w in weighed), reverse=True)


def test_options_are_weighed_under_their_letters(choice_run):
    assistant = load(find_target(str(choice_run)), device="cpu")
    record = records_of(choice_run)[0]
    kept = recorded(choice_run, "tuned")[record.id]
    weighed = weigh(assistant, record)
    assert {w.name: w.probability for w in weighed} == pytest.approx(kept["probabilities"], abs=1e-5)
    assert {w.name: w.text for w in weighed} == dict(zip("ABCDE", record.options, strict=False))


def test_an_open_question_has_nothing_to_weigh(typed_assistant, typed_run):
    assert weigh(typed_assistant, records_of(typed_run)[0]) == []


def test_an_answer_says_why_it_stopped(typed_assistant, typed_run):
    record = records_of(typed_run)[0]
    short = answer(typed_assistant, record, max_new_tokens=3)
    assert short.stopped is None
    list(short.pieces)
    assert (short.stopped, short.num_tokens) == ("length", 3)
    room = typed_assistant.base.context_length - len(typed_assistant.encoder.prompt(record).tokens)
    whole = answer(typed_assistant, record, max_new_tokens=room + 1)
    list(whole.pieces)
    assert whole.stopped in ("context", "finished")
    assert whole.num_tokens <= room


def test_a_question_that_is_too_long_is_shortened_and_said_to_be(assistant):
    record = Record(id="long", source_row=1, group="g", question="fever, " * 2000, answer="")
    given = answer(assistant, record, max_new_tokens=2)
    list(given.pieces)
    assert given.shortened


def test_the_same_seed_draws_the_same_answer(typed_assistant, typed_run):
    record = records_of(typed_run)[0]

    def drawn(seed):
        given = answer(typed_assistant, record, sampling=Sampling(temperature=1.5, seed=seed))
        list(given.pieces)
        return given.text

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(4)}) > 1
