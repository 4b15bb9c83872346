"""Conversations and questions of clients -> records, as those the model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from medadapt.core.records import Record
from medadapt.core.results import MODEL_NAMES, ModelName
from medadapt.retrieval.index import Found
from medadapt.serving.api.problems import ApiError
from medadapt.serving.api.schemas import ChatRequest, Cited, ClassifyRequest, Message, Writing
from medadapt.serving.asked import Asked, Words, cleaned_message, note_on_type, to_record
from medadapt.serving.asking import Asking
from medadapt.serving.sampling import Sampling

IN_CHAT = Words(
    context="medadapt.context",
    qtype="medadapt.type",
    give_question="Write it as the content of the last message.",
    give_options="Give them as a list in medadapt.options.",
    mend_options="Correct medadapt.options.",
)
IN_CLASSIFY = Words(
    context="context",
    qtype="type",
    give_question="Write it in `input`.",
    give_options="Give them as a list in `options`.",
    mend_options="Correct `options`.",
)
SYSTEM = (
    "The system message was left out: the words with which this model is asked have a place for no other "
    "instruction."
)
EARLIER = "Earlier messages were left out: this model was trained on single questions and remembers nothing."
IDLE_SETTINGS = "{} changes nothing at temperature 0, where the likeliest token is always taken."
IDLE_STREAM = "stream_options change nothing without stream."


def model_of(asked: str) -> ModelName:
    """The model of this id. Raises ApiError where there is none."""
    for name in MODEL_NAMES:
        if asked == name:
            return name
    raise ApiError(
        404,
        f"There is no model {asked!r}; there are tuned and baseline.",
        param="model",
        code="model_not_found",
    )


def conversation_record(asked: ChatRequest, asking: Asking) -> tuple[Record, list[str]]:
    """The last turn as a question, with the turns before it where the model reads them; and what was left out.

    Raises ApiError for turns in no order, DataError for what cannot be asked.
    """
    instructions = [message for message in asked.messages if message.role in {"system", "developer"}]
    turns = [message for message in asked.messages if message.role not in {"system", "developer"}]
    _check_order(turns)
    given = _other_instruction(instructions, asking)
    system = [{"role": "system", "content": given}] if given and asking.reads_system else []
    warnings = [SYSTEM] if given and not system else []
    earlier = turns[:-1]
    if earlier and not asking.converses:
        warnings.append(EARLIER)
        earlier = []
    parts = asked.medadapt
    question = Asked(
        question=turns[-1].text,
        context=parts.context,
        qtype=parts.type,
        options=tuple(parts.options),
        history=(*system, *({"role": message.role, "content": message.text} for message in earlier)),
    )
    record = to_record(question, asking, words=IN_CHAT)
    return record, [*warnings, *_noted(record, asking, IN_CHAT)]


def classified_record(asked: ClassifyRequest, asking: Asking) -> tuple[Record, list[str]]:
    """The question of a classification; and what must be known about it. Raises DataError as above."""
    question = Asked(
        question=asked.input, context=asked.context, qtype=asked.type, options=tuple(asked.options)
    )
    record = to_record(question, asking, words=IN_CLASSIFY)
    return record, _noted(record, asking, IN_CLASSIFY)


def cited_from(found: Sequence[Found]) -> list[Cited]:
    """Passages as an answer names them."""
    return [
        Cited(number=number, id=one.passage.id, title=one.passage.title, text=one.passage.text)
        for number, one in enumerate(found, start=1)
    ]


def sampling_of(asked: Writing) -> tuple[Sampling, list[str]]:
    """How tokens are chosen; and which of all settings change nothing beside the others."""
    temperature = asked.temperature or 0.0
    given = {"top_p": asked.top_p not in {None, 1.0}, "top_k": asked.top_k is not None}
    idle = [name for name, is_set in given.items() if is_set and temperature == 0]
    sampling = Sampling(
        temperature=temperature,
        top_p=asked.top_p,
        top_k=asked.top_k,
        repetition_penalty=asked.repetition_penalty or 1.0,
        seed=asked.seed,
    )
    alone = [IDLE_STREAM] if asked.stream_options is not None and not asked.stream else []
    return sampling, [*(IDLE_SETTINGS.format(name) for name in idle), *alone]


def stops_of(asked: Writing) -> list[str]:
    """Words before which an answer ends."""
    if asked.stop is None:
        return []
    return [asked.stop] if isinstance(asked.stop, str) else list(asked.stop)


def _other_instruction(instructions: Sequence[Message], asking: Asking) -> str:
    """What these messages say beyond the instructions of the training, with which the model is asked anyway."""
    known = {
        cleaned_message(text, asking)
        for text in (asking.plan.wording.system, asking.system_turns.common)
        if text is not None
    }
    given = [cleaned_message(message.text, asking) for message in instructions]
    return "\n\n".join(text for text in given if text and text not in known)


def _check_order(turns: Sequence[Message]) -> None:
    if not turns or turns[-1].role != "user":
        raise ApiError(400, "The last message must be the user's.", param="messages", code="invalid")
    if turns[0].role != "user" or any(one.role == other.role for one, other in pairwise(turns)):
        raise ApiError(
            400, "User and assistant must take turns, and the user begins.", param="messages", code="invalid"
        )


def _noted(record: Record, asking: Asking, words: Words) -> list[str]:
    note = note_on_type(record, asking, words=words)
    return [note] if note else []
