"""Answers drawn at random, as often as they stand in training: what chance earns that knows the frequencies.

In expectation it is scikit-learn's `DummyClassifier(strategy="stratified")`. The draw of a record depends on the
seed and its id alone, so that other records never change it.
"""

from __future__ import annotations

from collections.abc import Sequence

from medadapt.core.hashes import sha256_text
from medadapt.core.records import LETTERS, Record


def drawn_answers(answers: Sequence[str], test: Sequence[Record], seed: int) -> list[str]:
    """For each test record one of the training answers; each answer is as likely as it is frequent."""
    urn = sorted(answers)
    return [urn[_draw(record, seed) % len(urn)] for record in test]


def drawn_letters(letters: Sequence[str], test: Sequence[Record], seed: int) -> list[str]:
    """For each test record one of the training letters, among those that it offers.

    Where training knows none of them, each of the record's letters is as likely.
    """
    urns = {}
    for number in {len(record.options or ()) for record in test}:
        offered = LETTERS[:number]
        urns[number] = sorted(letter for letter in letters if letter in offered) or [*offered]
    urn_of = [urns[len(record.options or ())] for record in test]
    return [urn[_draw(record, seed) % len(urn)] for record, urn in zip(test, urn_of, strict=True)]


def _draw(record: Record, seed: int) -> int:
    return int(sha256_text(f"{seed}\x00class_prior\x00{record.id}"), 16)
