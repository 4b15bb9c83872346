"""Where all of a model's questions arrive."""

from __future__ import annotations

import threading

import pytest

from medadapt.serving.assistants import load
from medadapt.serving.command_targets import find_target
from medadapt.serving.continuous_batching.scheduler import ClosedError, Scheduler
from medadapt.serving.desk import Desk
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
        waiting.result(PATIENCE)


def test_a_prompt_as_it_stands_keeps_its_control_tokens(diagnosis_run):
    with Desk(load(find_target(str(diagnosis_run)), device="cpu")) as desk:
        tokenizer = desk.assistant.encoder.tokenizer
        read = desk.read(f"one {tokenizer.eos_token} two")
        assert read.count(tokenizer.eos_token_id) == 1
        assert read == tuple(tokenizer(f"one {tokenizer.eos_token} two")["input_ids"])
