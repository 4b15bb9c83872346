"""How long written answers are beside their references, and how many of them go round in circles.

Neither says whether an answer is right. They tell why a likeness is low: a base model that does not stop writes ten
times too much, and a model that repeats itself fills its length with nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from medadapt.core.records import Record
from medadapt.core.results import Prediction

RUN = 4
"""Words in a row that count as repeated."""
TIMES = 3
"""An answer that has the same run of words this often repeats itself."""


def answer_shape(test: Sequence[Record], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """`length_ratio`: words of all answers by words of all references; `repetitive`: share of answers that loop.

    An empty answer has no words and repeats nothing. Null with a reason where the references have no word.
    """
    answers = [(row.text or "").split() for row in predictions]
    wanted = sum(len(record.answer.split()) for record in test)
    repetitive = sum(map(_repeats_itself, answers)) / len(answers)
    if wanted == 0:
        return {"length_ratio": None, "repetitive": repetitive, "reason": "the references have no words"}
    return {"length_ratio": sum(map(len, answers)) / wanted, "repetitive": repetitive}


def _repeats_itself(words: Sequence[str]) -> bool:
    runs = Counter(tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1))
    return max(runs.values(), default=0) >= TIMES
