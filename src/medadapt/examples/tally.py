"""What is counted of a split's examples while they pass by on their way to the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from medadapt.examples.masking import Example

PREVIEWS = 3


@dataclass(kw_only=True)
class Tally:
    """Counts of one split, and its first examples."""

    drop_long: bool
    """Leave out examples whose answers do not fit, and list them in `dropped`."""
    start_id: int | None
    """The token a text begins with, where the tokenizer has one."""
    dropped: list[dict[str, Any]]
    first: list[Example] = field(default_factory=list)
    num_tokens: list[int] = field(default_factory=list)
    num_answer: list[int] = field(default_factory=list)
    num_supervised: int = 0
    answers_cut: int = 0
    prompts_cut: int = 0
    exchanges_trained: int = 0
    exchanges_left_out: int = 0
    exchanges_not_trained: int = 0
    doubled_starts: int = 0

    def watch(self, examples: Iterator[Example]) -> Iterator[Example]:
        """The examples, counted; without those that are dropped."""
        for example in examples:
            if example.answer_cut and self.drop_long:
                self.dropped.append(
                    {"id": example.id, "reason": "long_answer", "tokens": len(example.input_ids)}
                )
                continue
            if len(self.first) < PREVIEWS:
                self.first.append(example)
            self._count(example)
            yield example

    def _count(self, example: Example) -> None:
        answer = example.num_answer
        self.num_tokens.append(len(example.input_ids))
        self.num_answer.append(answer)
        self.num_supervised += example.num_supervised
        self.answers_cut += example.answer_cut
        self.prompts_cut += example.prompt_cut
        self.exchanges_trained += example.exchanges_trained
        self.exchanges_left_out += example.exchanges_left_out
        self.exchanges_not_trained += example.exchanges_not_trained
        self.doubled_starts += self.start_id is not None and example.input_ids[:2] == [self.start_id] * 2

    def summary(self) -> dict[str, Any]:
        """The split's part of examples.json. Lengths are in tokens; `exchanges_trained` counts their answers."""
        length, answer = np.array(self.num_tokens), np.array(self.num_answer)
        return {
            "examples": len(answer),
            "prompts_cut": self.prompts_cut,
            "answers_cut": self.answers_cut,
            "exchanges_trained": self.exchanges_trained,
            "exchanges_left_out": self.exchanges_left_out,
            "exchanges_not_trained": self.exchanges_not_trained,
            "tokens": int(length.sum()),
            "trained_tokens": self.num_supervised,
            "trained_share": self.num_supervised / max(int(length.sum()), 1),
            "length": _percentiles(length),
            "prompt_length": _percentiles(length - answer),
            "answer_length": _percentiles(answer),
        }


def _percentiles(lengths: np.ndarray[Any, Any]) -> dict[str, int] | None:
    if not len(lengths):
        return None
    return {f"p{q}": int(np.percentile(lengths, q, method="higher")) for q in (50, 90, 99)} | {
        "max": int(lengths.max())
    }
