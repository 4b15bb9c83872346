"""Which training records a base is shown with their answers, and where its own answer ends after them.

A base that was asked badly is beaten by any tuning. The control `few_shot` therefore shows it how questions are
answered here (Brown et al. 2020), in the same template and before the same test question.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from medadapt.core.hashes import seeded_order
from medadapt.core.records import Record
from medadapt.examples.conversation import exchanges
from medadapt.examples.encoding import Encoder
from medadapt.examples.templates import render_exchange

MOST_LOOKED_AT = 1000
"""Training records among which short ones are looked for."""


def choose_shown(
    encoder: Encoder, train: Sequence[Record], *, most: int, room: int, seed: int, avoid: Collection[str]
) -> list[Record]:
    """At most `most` records of `train` that add no more than `room` tokens to a prompt; the same for all questions.

    They are the first in the order that `seed` fixes, without those whose group is in `avoid`. Where these are too
    long, they are the first that take their equal part of the room or less; where there are not enough of those,
    one fewer is shown. Empty where not even one fits.
    """
    free = [record for record in train if record.group not in avoid]
    ordered = seeded_order(free, seed, key=lambda record: record.id)[:MOST_LOOKED_AT]
    first = ordered[:most]
    if sum(encoder.shown_lengths(first)) <= room:
        return first
    lengths = encoder.shown_lengths(ordered)
    for number in range(len(first), 0, -1):
        if sum(lengths[:number]) <= room:
            return ordered[:number]
        short = [record for record, length in zip(ordered, lengths, strict=True) if length * number <= room]
        if len(short) >= number:
            return short[:number]
    return []


def next_question(encoder: Encoder, shown: Sequence[Record]) -> re.Pattern[str] | None:
    """What begins the next question in a text that goes on as a plain prompt does; None in a chat template.

    Nothing ends an answer in a plain few-shot prompt, so a base that understood it goes on with another question.
    """
    if encoder.plan.chat:
        return None
    texts = [render_exchange(asked, encoder.plan.wording) for record in shown for asked in exchanges(record)]
    words = sorted({text.partition(":")[0] for text in texts})
    return re.compile(rf"\n\s*(?:{'|'.join(map(re.escape, words))}):")
