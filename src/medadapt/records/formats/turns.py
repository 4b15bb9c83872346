"""The turns of a dialogue, in the layouts they are published in, and what of them is asked and answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from medadapt.records.cleaning.texts import Repairs
from medadapt.records.formats.open_texts import message_text
from medadapt.records.rows import RowError

Role = Literal["system", "user", "assistant"]
ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "patient": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "doctor": "assistant",
}
"""What published files call who speaks."""
SPEAKER_KEYS, TEXT_KEYS = ("role", "from", "speaker"), ("content", "value", "text", "utterance")
SPOKEN = re.compile(r"\s*(\w+)\s*:\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side said."""

    role: Role
    content: str


def read_turns(cell: Any, name: str, repairs: Repairs) -> list[Turn]:
    """The turns of a cell, empty system turns left out.

    Understands `{role, content}`, ShareGPT's `{from, value}`, content in parts `{type: text, text}`, and
    texts such as `patient: ...`. Raises RowError for anything else.
    """
    if not isinstance(cell, list):
        raise RowError("unparsed_row", f"{name} holds no list of turns")
    turns = [_turn(entry, number, repairs) for number, entry in enumerate(cell, 1)]
    return [turn for turn in turns if turn.role != "system" or turn.content]


def split_turns(turns: list[Turn], repairs: Repairs) -> tuple[list[Turn], str, str]:
    """Earlier turns, the last question that has a reply, and the reply.

    A question at the end that nobody answered is cut off. Raises RowError where turns are empty or do not
    alternate between patient and doctor, starting with the patient.
    """
    if turns and turns[-1].role == "user" and any(turn.role == "assistant" for turn in turns):
        turns = turns[:-1]
        repairs["last turns without a reply removed"] += 1
    wanted: Role = "user"
    for number, turn in enumerate(turns, 1):
        if turn.role == "system" and number == 1:
            continue
        if turn.role != wanted:
            before = turns[number - 2].role if number > 1 else None
            where = f"like turn {number - 1}" if turn.role == before else f"but it is the {wanted}'s turn"
            raise RowError(
                "unparsed_row", f"turns in the wrong order: turn {number} is the {turn.role}'s, {where}"
            )
        if not turn.content:
            reason: Literal["empty_question", "empty_answer"]
            reason = "empty_question" if turn.role == "user" else "empty_answer"
            raise RowError(reason, f"turn {number}, the {turn.role}'s, is empty")
        wanted = "assistant" if wanted == "user" else "user"
    if not any(turn.role == "user" for turn in turns):
        raise RowError("empty_question", "nobody asks anything")
    if turns[-1].role != "assistant":
        raise RowError("empty_answer", "no turn of the assistant")
    return turns[:-2], turns[-2].content, turns[-1].content


def _turn(entry: Any, number: int, repairs: Repairs) -> Turn:
    if isinstance(entry, str) and (found := SPOKEN.fullmatch(entry)):
        entry = {"role": found[1], "content": found[2]}
    if not isinstance(entry, dict):
        raise RowError("unparsed_row", f"turn {number} does not say whose it is")
    speaker = _first(entry, SPEAKER_KEYS)
    role = ROLES.get(str(speaker).strip().casefold())
    if role is None:
        raise RowError("unparsed_row", f"turn {number} is of '{speaker}', which is no role that is known")
    return Turn(role=role, content=message_text(_text(_first(entry, TEXT_KEYS), number), repairs))


def _first(entry: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((entry[key] for key in keys if entry.get(key) is not None), None)


def _text(content: Any, number: int) -> str:
    """A turn's text, its parts joined. Raises RowError for pictures and the like."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(_part(part, number) for part in content)
    raise RowError("unparsed_row", f"turn {number} holds no text")


def _part(part: Any, number: int) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type", "text") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    raise RowError("unparsed_row", f"turn {number} holds a part that is no text ({kind})")
