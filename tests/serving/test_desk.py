"""Where all of a model's questions arrive."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace
from queue import SimpleQueue

import pytest
from tokenizers.processors import TemplateProcessing

from medadapt.core.errors import MedAdaptError, ModelError
from medadapt.serving import answering
from medadapt.serving.answering import Room, weigh
from medadapt.serving.assistants import load
from medadapt.serving.command_targets import find_target
from medadapt.serving.continuous_batching.scheduler import ClosedError, Scheduler
from medadapt.serving.desk import Desk
from medadapt.serving.sampling import Sampling
from serving.continuous_batching.test_scheduler import PATIENCE, Held
from serving_runs import records_of


def test_whoever_waits_for_a_weighing_hears_that_the_desk_closes(diagnosis_run):
    assistant = load(find_target(str(diagnosis_run)), device="cpu")
    scheduler = Scheduler(assistant.base)
    desk = Desk(assistant, scheduler)
    held = Held(scheduler)
    waiting = desk.weigh(records_of(diagnosis_run)[0], model="tuned")
    closing = threading.Thread(target=desk.close)
    closing.start()
    held.free.set()
    closing.join(PATIENCE)
    with pytest.raises(ClosedError):
        waiting.found.result(PATIENCE)


def test_whoever_waits_hears_it_before_the_model_is_done_with_what_takes_long(diagnosis_run, monkeypatch):
    free, begun = threading.Event(), threading.Event()
    told: SimpleQueue = SimpleQueue()

    def takes_long(*_, **__):
        begun.set()
        free.wait(PATIENCE)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(answering, "choice_scores", takes_long)
    record = records_of(diagnosis_run)[0]
    desk = Desk(load(find_target(str(diagnosis_run)), device="cpu"))
    weighings = [desk.weigh(record, model="tuned")]
    assert begun.wait(PATIENCE)
    weighings.append(desk.weigh(record, model="tuned"))
    desk.request((5,), Room(tokens=9, stopped="length"), model="tuned", sampling=Sampling(), tell=told.put)
    closing = threading.Thread(target=desk.close)
    closing.start()
    for waiting in weighings:
        with pytest.raises(ClosedError):
            waiting.found.result(PATIENCE)
    assert isinstance(told.get(timeout=PATIENCE).failed, ClosedError)
    assert closing.is_alive()
    free.set()
    closing.join(PATIENCE)
    assert told.empty()


def test_a_question_that_cannot_be_weighed_takes_nothing_from_another(overflowing, diagnosis_run):
    record = records_of(diagnosis_run)[0]
    alone = weigh(overflowing, record)
    scheduler = Scheduler(overflowing.base)
    with Desk(overflowing, scheduler) as desk:
        held = Held(scheduler)
        fails = desk.weigh(replace(record, question="~"), model="tuned")
        found = desk.weigh(record, model="tuned")
        held.free.set()
        with pytest.raises(ModelError, match="not finite numbers"):
            fails.found.result(PATIENCE)
        weighed = found.found.result(PATIENCE)
    assert [one.name for one in weighed] == [one.name for one in alone]
    assert [one.probability for one in weighed] == pytest.approx([one.probability for one in alone], abs=1e-6)


def test_what_a_failed_weighing_held_is_let_go_of(diagnosis_run, monkeypatch):
    class Tensors:
        """What the frames of a failure hold."""

    held: list[weakref.ref[Tensors]] = []

    def fails(*_, **__):
        tensors = Tensors()
        held.append(weakref.ref(tensors))
        raise RuntimeError("out of memory")

    monkeypatch.setattr(answering, "choice_scores", fails)
    assistant = load(find_target(str(diagnosis_run)), device="cpu")
    scheduler = Scheduler(assistant.base)
    with Desk(assistant, scheduler) as desk:
        assert "out of memory" in str(
            desk.weigh(records_of(diagnosis_run)[0], model="tuned").found.exception(PATIENCE)
        )
        scheduler.call(lambda: None).result(PATIENCE)
        gc.collect()
        assert held[0]() is None


def test_questions_for_which_memory_suffices_only_one_by_one_are_weighed(diagnosis_run, monkeypatch):
    assistant = load(find_target(str(diagnosis_run)), device="cpu")
    records = records_of(diagnosis_run)[:2]
    alone = [weigh(assistant, record) for record in records]
    scores = answering.choice_scores

    def one_at_most(model, questions, **more):
        if len(questions) > 1:
            raise RuntimeError("out of memory")
        return scores(model, questions, **more)

    monkeypatch.setattr(answering, "choice_scores", one_at_most)
    scheduler = Scheduler(assistant.base)
    with Desk(assistant, scheduler) as desk:
        held = Held(scheduler)
        waiting = [desk.weigh(record, model="tuned") for record in records]
        held.free.set()
        assert [one.found.result(PATIENCE) for one in waiting] == alone


def test_a_question_to_weigh_is_made_ready_by_whoever_asks(diagnosis_run, monkeypatch):
    posing, pose = [], answering.pose

    def watched(*parts, **more):
        posing.append(threading.current_thread())
        return pose(*parts, **more)

    monkeypatch.setattr(answering, "pose", watched)
    with Desk(load(find_target(str(diagnosis_run)), device="cpu")) as desk:
        assert desk.weigh(records_of(diagnosis_run)[0], model="tuned").found.result(PATIENCE)
    assert posing == [threading.current_thread()]


def test_a_prompt_as_it_stands_keeps_its_control_tokens(diagnosis_run):
    with Desk(load(find_target(str(diagnosis_run)), device="cpu")) as desk:
        tokenizer = desk.assistant.encoder.tokenizer
        read = desk.read(f"one {tokenizer.eos_token} two")
        assert read.count(tokenizer.eos_token_id) == 1
        assert read == tuple(tokenizer(f"one {tokenizer.eos_token} two")["input_ids"])


@pytest.mark.parametrize("text", ["one two", "one </s> two", "one </s>", ""])
def test_the_end_that_a_tokenizer_adds_is_no_part_of_a_text_to_be_written_on(text, diagnosis_run):
    with Desk(load(find_target(str(diagnosis_run)), device="cpu")) as desk:
        tokenizer = desk.assistant.encoder.tokenizer
        begins = ("<s>", tokenizer.convert_tokens_to_ids("<s>"))
        ends = ("</s>", tokenizer.eos_token_id)
        backend = tokenizer.backend_tokenizer
        backend.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[begins])
        wanted = tokenizer(text)["input_ids"]
        backend.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[begins, ends])
        assert list(desk.read(text)) == wanted


def test_settings_that_cannot_be_used_are_refused_before_the_model_hears_of_them(diagnosis_run):
    with (
        Desk(load(find_target(str(diagnosis_run)), device="cpu")) as desk,
        pytest.raises(MedAdaptError, match="temperature"),
    ):
        desk.request(
            (5,),
            Room(tokens=1, stopped="length"),
            model="tuned",
            sampling=Sampling(temperature=float("nan")),
            tell=print,
        )
