"""What the page shows from a question to both answers."""

from __future__ import annotations

import time
from itertools import count, pairwise
from types import SimpleNamespace

import pytest
import torch

from medadapt.core.results import MODEL_NAMES
from medadapt.serving.abstention import AbstentionRule
from medadapt.serving.asked import Asked
from medadapt.serving.assistants import load
from medadapt.serving.command_targets import find_target
from medadapt.serving.continuous_batching.batch import Batch
from medadapt.serving.desk import Desk
from medadapt.serving.grounding import Grounding
from medadapt.serving.indexing import index_run
from medadapt.serving.page import panels
from medadapt.serving.page.asking import FAILED, FORGOTTEN, SHORTENED, Service, Wish, answered
from medadapt.serving.page.panels import Turn
from medadapt.serving.page.side_by_side import Stop
from serving_runs import make_base, make_run, recorded, records_of


@pytest.fixture(scope="module")
def desk(diagnosis_run):
    with Desk(load(find_target(str(diagnosis_run)), device="cpu")) as made:
        yield made


def service_at(desk, **parts):
    return Service(**{"desk": desk, "rules": {}, "unvouched": {}, "grounding": None} | parts)


def views(service, question, turns=None, **wish):
    return list(answered(service, Asked(question=question), Wish(**wish), turns or {}))


def test_both_models_answer_as_in_the_run(desk, diagnosis_run):
    for record in records_of(diagnosis_run)[:3]:
        (*_, (view, turns)) = views(service_at(desk), record.question)
        for model in MODEL_NAMES:
            text = recorded(diagnosis_run, model)[record.id]["text"]
            assert panels.told(text) in view.answers[model]
            assert 'role="meter"' in view.answers[model]
            assert 'aria-busy="false"' in view.answers[model]
        assert turns == {}


def test_one_model_alone_can_be_asked(desk, diagnosis_run):
    question = records_of(diagnosis_run)[0].question
    (*_, (view, _)) = views(service_at(desk), question, models=("tuned",))
    assert view.answers["baseline"] == panels.idle("baseline")
    assert view.answers["tuned"] != panels.idle("tuned")


@pytest.mark.parametrize("question", ["", "   "])
def test_an_empty_question_is_a_problem_and_no_answer(desk, question):
    ((view, _),) = views(service_at(desk), question)
    assert "The question is empty." in view.problem
    assert view.answers == {model: panels.idle(model) for model in MODEL_NAMES}


def test_the_emergency_banner_stands_from_the_first_moment(desk):
    seen = views(service_at(desk), "chest pain; sweating")
    assert all("chest pain or pressure" in view.emergency for view, _ in seen)
    assert all(not view.emergency for view, _ in views(service_at(desk), "itching"))


def test_a_field_that_ends_in_no_denies_nothing_of_the_next(desk):
    asked = Asked(question="Is it bad or no", context="chest pain")
    assert all(view.emergency for view, _ in answered(service_at(desk), asked, Wish(), {}))


def test_a_careful_page_answers_where_the_model_is_sure_enough(desk, diagnosis_run):
    question = records_of(diagnosis_run)[0].question

    ((sure, _),) = views(
        service_at(desk, rules=dict.fromkeys(MODEL_NAMES, rule(0.0))), question, careful=True
    )
    ((unsure, _),) = views(
        service_at(desk, rules=dict.fromkeys(MODEL_NAMES, rule(1.1))), question, careful=True
    )
    for model in MODEL_NAMES:
        kept = recorded(diagnosis_run, model)[diagnosis_record(diagnosis_run).id]["probabilities"]
        assert panels.told(max(kept, key=kept.get)) in sure.answers[model]
        assert "Not sure enough" in unsure.answers[model]


@pytest.mark.parametrize(("vouched", "other"), [("tuned", "baseline"), ("baseline", "tuned")])
def test_a_model_without_a_rule_takes_nothing_from_the_other(desk, diagnosis_run, vouched, other):
    record = diagnosis_record(diagnosis_run)
    service = service_at(desk, rules={vouched: rule(0.0)}, unvouched={other: "It was <exchanged>."})
    ((view, _),) = views(service, record.question, careful=True)
    kept = recorded(diagnosis_run, vouched)[record.id]["probabilities"]
    assert panels.told(max(kept, key=kept.get)) in view.answers[vouched]
    assert "It was &lt;exchanged&gt;." in view.answers[other]
    assert not view.problem


def test_a_careful_page_asks_without_passages(desk, diagnosis_run, tmp_path):
    """How sure is sure enough was measured without them."""
    question = diagnosis_record(diagnosis_run).question
    rules = dict.fromkeys(MODEL_NAMES, rule(0.0))
    index = index_run(str(diagnosis_run), tmp_path / "index").index
    both = service_at(desk, rules=rules, grounding=Grounding(index=index))
    ((view, _),) = views(both, question, careful=True, grounded=True)
    ((without, _),) = views(service_at(desk, rules=rules), question, careful=True)
    assert view == without
    assert not view.passages


def test_a_careful_page_says_that_the_middle_of_a_question_was_left_out(desk):
    service = service_at(desk, rules=dict.fromkeys(MODEL_NAMES, rule(0.0)))
    ((view, _),) = views(service, "fever, " * 400, careful=True)
    assert view.problem == panels.problem(SHORTENED)
    assert 'role="meter"' in view.answers["tuned"]


def test_a_careful_page_without_options_says_where_to_write_them(hidden_run):
    with Desk(load(find_target(str(hidden_run)), device="cpu")) as asked:
        ((view, _),) = views(
            service_at(asked, rules={"tuned": rule(0.0)}), "Which one?", careful=True, models=("tuned",)
        )
    assert "Write one option a line." in view.problem
    assert "--" not in view.problem


def rule(threshold):
    return AbstentionRule(
        risk=0.1, temperature=1.0, threshold=threshold, num_answers=frozenset(range(2, 100))
    )


def diagnosis_record(run):
    return records_of(run)[0]


def test_passages_are_shown_with_their_records(desk, diagnosis_run, tmp_path):
    index = index_run(str(diagnosis_run), tmp_path / "index").index
    question = diagnosis_record(diagnosis_run).question
    grounded = service_at(desk, grounding=Grounding(index=index))
    (*_, (view, _)) = views(grounded, question, grounded=True)
    assert view.passages.count("<li") == len(index.search(question, 3))
    assert "from " in view.passages
    assert not views(grounded, question)[-1][0].passages


def test_under_each_model_stand_its_own_passages(desk, diagnosis_run, tmp_path):
    index = index_run(str(diagnosis_run), tmp_path / "index").index
    question = diagnosis_record(diagnosis_run).question
    many = index.search(question, 3)
    rooms = iter([many, many[:1]])
    grounding = SimpleNamespace(of=lambda record, _: (record, next(rooms)))
    (*_, (view, _)) = views(service_at(desk, grounding=grounding), question, grounded=True)
    baseline, tuned = view.passages.split(panels.TITLES["tuned"][0])
    assert panels.TITLES["baseline"][0] in baseline
    assert (baseline.count("<li"), tuned.count("<li")) == (len(many), 1) != (1, 1)


@pytest.mark.parametrize("place", ["to_record", "thread"])
def test_a_failure_ends_both_panels_and_its_text_stands_in_the_log_alone(place, desk, monkeypatch, caplog):
    def fail(*_, **__):
        raise RuntimeError("a secret path")

    if place == "thread":
        monkeypatch.setattr(Batch, "_read", fail)
    else:
        monkeypatch.setattr("medadapt.serving.page.asking.to_record", fail)
    (*_, (view, turns)) = views(service_at(desk), "chest pain")
    assert view.problem == panels.problem(FAILED)
    assert view.emergency
    for model in MODEL_NAMES:
        failed = panels.answer(model, "", stopped="failed")
        assert view.answers[model] == (failed if place == "thread" else panels.idle(model))
    assert turns == {}
    assert "a secret path" in caplog.text


@pytest.fixture
def half(diagnosis_run):
    """The tuned model gives no numbers, as where fp16 overflows through the adapter alone."""
    assistant = load(find_target(str(diagnosis_run)), device="cpu")
    for name, weight in assistant.base.model.named_parameters():
        if "lora_B" in name:
            weight.data.fill_(torch.nan)
    with Desk(assistant) as made:
        yield made


def test_on_a_careful_page_a_model_that_fails_takes_nothing_from_the_other(half, diagnosis_run):
    rules = dict.fromkeys(MODEL_NAMES, rule(0.0))
    ((view, _),) = views(
        service_at(half, rules=rules), diagnosis_record(diagnosis_run).question, careful=True
    )
    assert 'role="meter"' in view.answers["baseline"]
    assert 'role="meter"' not in view.answers["tuned"]
    assert "not finite numbers" in view.problem


def test_a_model_that_fails_takes_nothing_from_the_other(half, diagnosis_run):
    record = diagnosis_record(diagnosis_run)
    (*_, (view, _)) = views(service_at(half), record.question)
    text = recorded(diagnosis_run, "baseline")[record.id]["text"]
    assert panels.told(text) in view.answers["baseline"]
    assert 'role="meter"' in view.answers["baseline"]
    assert panels.ENDINGS["failed"] in view.answers["tuned"]
    assert "not finite numbers" in view.problem


def test_answers_that_cannot_be_weighed_stand_without_bars(desk, diagnosis_run, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("out of memory")

    monkeypatch.setattr("medadapt.serving.answering.choice_scores", fail)
    record = diagnosis_record(diagnosis_run)
    (*_, (view, _)) = views(service_at(desk), record.question)
    for model in MODEL_NAMES:
        assert panels.told(recorded(diagnosis_run, model)[record.id]["text"]) in view.answers[model]
        assert 'role="meter"' not in view.answers[model]
    assert view.problem == panels.problem(FAILED)


def test_giving_up_ends_the_work(desk):
    steps = answered(service_at(desk), Asked(question="itching"), Wish(), {})
    next(steps)
    steps.close()
    until = time.monotonic() + 10
    while desk.load.answering:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture(scope="module")
def endless(tmp_path_factory):
    """Models in a conversation that do not end before they are as long as allowed."""
    place = tmp_path_factory.mktemp("endless")
    run = make_run(
        place / "talk",
        make_base(place / "base", endless=True),
        until="predict",
        data={"format": "dialogue", "source": "sample:rows/dialogues"},
        training={"epochs": 1, "learning_rate": 1e-6, "tracking": []},
        evaluation={"bootstrap_samples": 100, "max_new_tokens": 300},
    )
    with Desk(load(find_target(str(run)), device="cpu")) as made:
        yield made


def test_an_answer_grows(endless):
    busy = [view.answers["tuned"] for view, _ in views(service_at(endless), "I have a cough.")][:-1]
    texts = [html.partition('class="said">')[2].partition("</p>")[0] for html in busy]
    assert len(set(map(len, texts))) > 3
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))


def test_stop_keeps_what_is_written_and_the_conversation_goes_on_from_it(endless):
    stop = Stop()
    asking = answered(service_at(endless), Asked(question="I have a cough."), Wish(), {}, stop)
    until_text = next(
        view for view, _ in asking if all('class="said"' in one for one in view.answers.values())
    )
    stop.press()
    (*_, (view, turns)) = asking
    for model in MODEL_NAMES:
        assert 'aria-busy="true"' in until_text.answers[model]
        assert 'aria-busy="false"' in view.answers[model]
        assert panels.ENDINGS["cancelled"] in view.answers[model]
        (asked, said) = turns[model]
        assert asked.text == "I have a cough."
        assert said.text
        assert panels.told(said.text) in view.answers[model]
    assert not endless.load.answering


def test_what_is_written_before_a_failure_stands_and_is_no_part_of_the_conversation(endless, monkeypatch):
    step, steps = Batch._step, count()

    def fails_in_the_end(batch):
        if next(steps) > 100:
            raise RuntimeError("no more")
        step(batch)

    monkeypatch.setattr(Batch, "_step", fails_in_the_end)
    said = [Turn(role="user", text="I have a fever."), Turn(role="assistant", text="Rest.")]
    before = dict.fromkeys(MODEL_NAMES, said)
    (*_, (view, turns)) = views(service_at(endless), "I have a cough.", before)
    for model in MODEL_NAMES:
        assert "I have a fever." in view.answers[model]
        assert 'class="said"' in view.answers[model]
        assert panels.ENDINGS["failed"] in view.answers[model]
        assert 'aria-busy="false"' in view.answers[model]
    assert view.problem == panels.problem(FAILED)
    assert turns == before


def test_what_is_stopped_before_an_answer_begins_is_not_part_of_the_conversation(endless):
    stop = Stop()
    stop.press()
    (*_, (view, turns)) = answered(service_at(endless), Asked(question="I have a cough."), Wish(), {}, stop)
    assert turns == {}
    assert 'aria-busy="false"' in view.answers["tuned"]


def test_what_is_too_long_is_said_to_be_left_out(endless):
    (*_, (long, _)) = views(service_at(endless), "cough " * 400, models=("tuned",))
    assert panels.problem(SHORTENED) == long.problem
    said = [Turn(role="user", text="cough " * 20), Turn(role="assistant", text="rest " * 20)]
    (*_, (late, _)) = views(service_at(endless), "And now?", {"tuned": said * 3}, models=("tuned",))
    assert panels.problem(FORGOTTEN) == late.problem


def test_each_model_reads_its_own_conversation(tmp_path_factory, base_folder):
    run = make_run(
        tmp_path_factory.mktemp("talks") / "talk",
        base_folder,
        until="predict",
        data={"format": "dialogue", "source": "sample:rows/dialogues"},
        evaluation={"bootstrap_samples": 100, "max_new_tokens": 8},
    )
    with Desk(load(find_target(str(run)), device="cpu")) as talking:
        (*_, (first, turns)) = views(service_at(talking), "I have a cough.")
        assert {model: [turn.role for turn in said] for model, said in turns.items()} == {
            model: ["user", "assistant"] for model in MODEL_NAMES
        }
        assert turns["baseline"][1].text != turns["tuned"][1].text
        (*_, (second, after)) = views(service_at(talking), "And a fever.", turns)
        assert [turn.text for turn in after["tuned"]][:3:2] == ["I have a cough.", "And a fever."]
        assert "I have a cough." in second.answers["tuned"]
        assert first.answers != second.answers
