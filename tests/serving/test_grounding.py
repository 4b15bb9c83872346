"""Passages find room in a prompt: before a conversation's oldest exchanges, not before the question."""

from __future__ import annotations

import pytest

from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.templates import Wording
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.retrieval.index import Origin, PassageIndex
from medadapt.retrieval.passages import Passage
from medadapt.serving.grounding import Grounding

LIMIT = 600
PASSAGES = [Passage(id="p1", title="Gout", text="Crystals."), Passage(id="p2", title="Mumps", text="Virus.")]


@pytest.fixture(scope="module")
def grounding():
    return Grounding(index=PassageIndex.of(PASSAGES, Origin(kind="files", name="made up", sha256={})))


@pytest.fixture(scope="module")
def encoder():
    plan = EncodingPlan(
        wording=Wording(template="question", system=None, options=False, answer="text"),
        chat=False, max_length=LIMIT + 100, prompt_limit=LIMIT, closing="</s>", labels=(),
    )  # fmt: skip
    return Encoder(byte_tokenizer(), plan)


def asked(question, exchanges=0):
    turns = [
        {"role": "user", "content": "And then?"},
        {"role": "assistant", "content": "Wait, and drink water."},
    ]
    return Record(id="r", source_row=1, group="g", question=question, answer="", history=turns * exchanges)


@pytest.mark.parametrize("exchanges", [0, 30])
def test_passages_stand_before_the_question_of_a_conversation_of_any_length(exchanges, grounding, encoder):
    record, found = grounding.of(asked("What is gout?", exchanges), encoder)
    assert [one.passage.id for one in found] == ["p1"]
    prompt = encoder.prompt(record)
    assert "Crystals." in encoder.tokenizer.decode(prompt.tokens)
    assert bool(prompt.exchanges_left_out) == bool(exchanges)


@pytest.mark.parametrize("exchanges", [0, 30])
def test_a_question_that_fills_the_prompt_loses_nothing_for_passages(exchanges, grounding, encoder):
    question = asked("What is gout? " + "It hurts. " * 50, exchanges)
    assert grounding.of(question, encoder) == (question, [])
