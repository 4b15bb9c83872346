"""A chat: questions one after another, with what was said before where the model was trained for that."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from medadapt.core.records import Record
from medadapt.core.results import ModelName
from medadapt.retrieval.index import Found
from medadapt.serving.abstention import AbstentionRule, Sureness, sureness
from medadapt.serving.answering import Reply, question_for, reply, weigh
from medadapt.serving.asked import Asked, to_record
from medadapt.serving.assistants import Assistant
from medadapt.serving.grounding import Grounding
from medadapt.serving.sampling import Sampling


@dataclass(slots=True, kw_only=True)
class Conversation:
    """The turns so far, and who answers."""

    assistant: Assistant
    sampling: Sampling = field(default_factory=Sampling)
    max_new_tokens: int | None = None
    model: ModelName = "tuned"
    turns: list[dict[str, str]] = field(default_factory=list)
    rule_of: Callable[[ModelName], AbstentionRule] | None = None
    """When a model had better say nothing; None where each message is answered."""
    grounding: Grounding | None = None
    """Where passages for each message come from; None where there are none."""
    cited: list[Found] = field(default_factory=list)
    """The passages of the last message."""

    @property
    def remembers(self) -> bool:
        """Whether the model reads earlier turns; else every message stands alone."""
        return self.assistant.asking.converses

    def say(self, message: str) -> Reply:
        """The answer to a message. It joins the turns once its last piece has been taken.

        Raises DataError for a message that cannot be asked; the turns stay as they are then.
        """
        record = self._record(message)
        asked = record
        if self.grounding is not None:
            asked, self.cited = self.grounding.of(record, self.assistant.encoder)
        given = reply(
            self.assistant,
            asked,
            model=self.model,
            sampling=self.sampling,
            max_new_tokens=self.max_new_tokens,
        )
        # As it was typed: what is asked later is cleaned then.
        given.pieces = self._remembered(given, given.pieces, message)
        return given

    def sureness(self, message: str) -> Sureness | None:
        """How sure the model is of its answer to a message; None where each message is answered.

        Raises DataError or RunFolderError where the model that answers now has no rule.
        """
        if self.rule_of is None:
            return None
        rule = self.rule_of(self.model)
        return sureness(weigh(self.assistant, self._record(message), model=self.model), rule)

    def shortens(self, message: str) -> bool:
        """Whether a message is too long for the model, which then does not read all of it."""
        return question_for(self.assistant, self._record(message)).prompt.truncated

    def reset(self) -> None:
        """Forget what was said."""
        self.turns.clear()

    def _record(self, message: str) -> Record:
        asked = Asked(question=message, history=tuple(self.turns) if self.remembers else ())
        return to_record(asked, self.assistant.asking)

    def _remembered(self, given: Reply, pieces: Generator[str], question: str) -> Generator[str]:
        yield from pieces
        if self.remembers:
            self.turns += [
                {"role": "user", "content": question},
                {"role": "assistant", "content": given.text},
            ]
