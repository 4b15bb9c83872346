from dataclasses import replace
from itertools import zip_longest

import pytest

from medadapt.core.errors import ModelError
from medadapt.core.records import Record
from medadapt.core.results import MODEL_NAMES
from medadapt.predictions.generation import generate
from medadapt.serving.answering import reply, weigh
from medadapt.serving.asked import Asked, to_record
from medadapt.serving.assistants import load
from medadapt.serving.command_targets import find_target
from medadapt.serving.sampling import Sampling
from medadapt.serving.writing import continued
from serving_runs import recorded, records_of


@pytest.mark.parametrize("model", ["baseline", "tuned"])
def test_greedy_answers_are_those_of_the_runs_own_predictions(model, assistant, diagnosis_run):
    kept = recorded(diagnosis_run, model)
    for record in records_of(diagnosis_run):
        given = reply(assistant, record, model=model)
        pieces = list(given.pieces)
        assert given.text == "".join(pieces) == kept[record.id]["text"]


def test_open_questions_are_answered_as_in_the_run(typed_assistant, typed_run):
    kept = recorded(typed_run, "tuned")
    for record in records_of(typed_run):
        given = reply(typed_assistant, record)
        assert "".join(given.pieces) == given.text == kept[record.id]["text"]


def test_probabilities_are_those_of_the_runs_own_predictions(assistant, diagnosis_run):
    kept = recorded(diagnosis_run, "tuned")
    record = records_of(diagnosis_run)[0]
    weighed = weigh(assistant, record)
    assert {w.name: w.probability for w in weighed} == pytest.approx(
        kept[record.id]["probabilities"], abs=1e-5
    )
    assert [w.probability for w in weighed] == sorted((w.probability for w in weighed), reverse=True)


@pytest.mark.parametrize("rule", ["per_token", "per_byte", "relative"])
def test_a_question_is_weighed_by_the_rule_of_the_run(assistant, diagnosis_run, rule):
    asked = replace(assistant, asking=replace(assistant.asking, choice_by=rule))
    kept = recorded(diagnosis_run, "baseline")
    found = {r.id: weigh(asked, r, model="baseline")[0].name for r in records_of(diagnosis_run)}
    assert found == {name: kept[name]["choices"][rule] for name in found}
    assert any(kept[name]["choices"][rule] != kept[name]["choices"]["sum"] for name in found)


def test_options_are_weighed_under_their_letters(choice_run):
    assistant = load(find_target(str(choice_run)), device="cpu")
    record = records_of(choice_run)[0]
    kept = recorded(choice_run, "tuned")[record.id]
    weighed = weigh(assistant, record)
    assert {w.name: w.probability for w in weighed} == pytest.approx(kept["probabilities"], abs=1e-5)
    assert {w.name: w.text for w in weighed} == dict(zip("ABCDE", record.options, strict=False))


@pytest.mark.parametrize("model", ["baseline", "tuned"])
def test_written_answers_among_options_are_those_of_the_run(model, hidden_run):
    """Options differ in length, and each question gets room for its own."""
    assistant = load(find_target(str(hidden_run)), device="cpu")
    kept = recorded(hidden_run, model)
    lengths = set()
    for record in records_of(hidden_run):
        given = reply(assistant, record, model=model)
        list(given.pieces)
        assert given.text == kept[record.id]["text"]
        lengths.add(given.num_tokens)
    assert len(lengths) > 1


def test_a_question_without_its_options_is_answered_at_length(hidden_run):
    assistant = load(find_target(str(hidden_run)), device="cpu")
    asked = to_record(Asked(question="Which vitamin prevents scurvy?"), assistant.asking)
    given = reply(assistant, asked, model="baseline")
    list(given.pieces)
    assert given.num_tokens == 128 or given.stopped == "finished"
    assert given.num_tokens > 8


def test_an_open_question_has_nothing_to_weigh(typed_assistant, typed_run):
    assert weigh(typed_assistant, records_of(typed_run)[0]) == []


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_a_question_for_which_a_model_gives_no_numbers_is_not_weighed(model, overflowing, diagnosis_run):
    record = replace(records_of(diagnosis_run)[0], question="~")
    with pytest.raises(ModelError, match="not finite numbers"):
        weigh(overflowing, record, model=model)


def test_an_answer_of_the_baseline_that_is_left_unfinished_leaves_the_tuned_model(assistant, diagnosis_run):
    record = records_of(diagnosis_run)[0]
    before = {model: weigh(assistant, record, model=model) for model in MODEL_NAMES}
    assert before["baseline"] != before["tuned"]
    unfinished = reply(assistant, record, model="baseline")
    next(unfinished.pieces)
    assert weigh(assistant, record, model="tuned") == before["tuned"]


def test_answers_that_are_written_in_turns_are_those_written_alone(typed_assistant, typed_run):
    record = records_of(typed_run)[0]

    def pieces():
        return [reply(typed_assistant, record, model=model).pieces for model in MODEL_NAMES]

    alone = ["".join(one) for one in pieces()]
    assert alone[0] != alone[1]
    in_turns = zip(*zip_longest(*pieces(), fillvalue=""), strict=True)
    assert ["".join(one) for one in in_turns] == alone


def test_an_answer_says_why_it_stopped(typed_assistant, typed_run):
    record = records_of(typed_run)[0]
    short = reply(typed_assistant, record, max_new_tokens=3)
    assert short.stopped is None
    list(short.pieces)
    assert (short.stopped, short.num_tokens) == ("length", 3)
    room = typed_assistant.base.context_length - len(typed_assistant.encoder.prompt(record).tokens)
    whole = reply(typed_assistant, record, max_new_tokens=room + 1)
    list(whole.pieces)
    assert whole.stopped in ("context", "finished")
    assert whole.num_tokens <= room


def test_an_answer_ends_at_the_end_of_text_as_in_predict(typed_run):
    """As after a chat template, whose closing token a base may not know: it ends its text instead."""
    assistant = load(find_target(str(typed_run)), device="cpu")
    record = records_of(typed_run)[0]
    prompt = assistant.encoder.prompt(record).tokens
    free = list(continued(assistant.base, prompt, sampling=Sampling(), max_new_tokens=24, closing_ids=()))
    place = next(n for n, token in enumerate(free) if n and token != prompt[-1] and token not in free[:n])
    assistant.encoder.tokenizer.eos_token = assistant.encoder.tokenizer.convert_ids_to_tokens(free[place])
    given = reply(assistant, record)
    list(given.pieces)
    (kept,) = generate(
        assistant.base,
        [prompt],
        max_new_tokens=24,
        closing_ids=assistant.encoder.stopping_ids(assistant.base.end_ids),
        batch_tokens=1,
    )
    assert (given.num_tokens, given.stopped) == (place, "finished")
    assert kept == free[:place]


def test_a_question_that_is_too_long_is_shortened_and_said_to_be(assistant):
    record = Record(id="long", source_row=1, group="g", question="fever, " * 2000, answer="")
    given = reply(assistant, record, max_new_tokens=2)
    list(given.pieces)
    assert given.shortened


def test_the_same_seed_draws_the_same_answer(typed_assistant, typed_run):
    record = records_of(typed_run)[0]

    def drawn(seed):
        given = reply(typed_assistant, record, sampling=Sampling(temperature=1.5, seed=seed))
        list(given.pieces)
        return given.text

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(4)}) > 1
