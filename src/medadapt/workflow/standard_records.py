"""Records to be asked as lm-evaluation-harness asks them: drawn by hash, and those that fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medadapt.core.hashes import seeded_order
from medadapt.core.records import Record
from medadapt.core.standard_sets import SetName

if TYPE_CHECKING:
    from medadapt.examples.encoding import Encoder

DRAW = "standard set\x00"
AT_ONCE = 128
"""Records that are tokenised together while a number of them that fit is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """Records whose whole prompt and longest choice fit the model's context."""

    records: list[Record]
    left_out: int
    """Of those looked at, the ones that do not fit."""


def harness_encoder(tokenizer: Any, *, context_length: int | None, standard_set: SetName | None) -> Encoder:
    """The encoder that words records as lm-evaluation-harness does; None stands for records of a run."""
    from medadapt.examples.encoding import Encoder
    from medadapt.examples.harness_plan import harness_plan
    from medadapt.examples.templates import OF_FORMAT, OF_STANDARD_SET

    template = OF_FORMAT["multiple_choice"] if standard_set is None else OF_STANDARD_SET[standard_set]
    return Encoder(tokenizer, harness_plan(tokenizer, template=template, context_length=context_length))


def drawn(records: Sequence[Record], *, limit: int | None, seed: int) -> list[Record]:
    """All records as they stand, or `limit` of them in an order that the seed fixes.

    The order is not that of `data.limit` under the same seed: a run trained on some rows of the same file would else
    be asked the very rows that it was trained on.
    """
    if limit is None:
        return list(records)
    return seeded_order(records, seed, lambda record: f"{DRAW}{record.id}")[:limit]


def fitting(encoder: Encoder, records: Sequence[Record], *, limit: int | None, seed: int) -> Fitting:
    """The records that fit; with a limit so many of them, in the order that the seed fixes."""
    from medadapt.predictions.questions import pose

    order = drawn(records, limit=None if limit is None else len(records), seed=seed)
    kept: list[Record] = []
    left_out = 0
    for start in range(0, len(order), AT_ONCE):
        part = order[start : start + AT_ONCE]
        for record, question in zip(part, pose(encoder, part, close_choices=False), strict=True):
            if limit is not None and len(kept) == limit:
                return Fitting(records=kept, left_out=left_out)
            if question.truncated:
                left_out += 1
            else:
                kept.append(record)
    return Fitting(records=kept, left_out=left_out)
