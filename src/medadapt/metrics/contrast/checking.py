"""All rules on one answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from medadapt.metrics.contrast.comparison import comparison
from medadapt.metrics.contrast.findings import Compared, Finding, Kind
from medadapt.metrics.contrast.names import names, names_repeated
from medadapt.metrics.contrast.negation import negation
from medadapt.metrics.contrast.numbers import numbers, numbers_repeated
from medadapt.metrics.contrast.sides import sides
from medadapt.metrics.contrast.statements import compare_texts
from medadapt.metrics.contrast.words import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the rules make of one answer."""

    kinds: Mapping[Kind, Compared]
    """In the order of `findings.KINDS`."""
    numbers: tuple[int, int]
    """How many of the reference's quantities the answer repeats, and how many there are."""
    names: tuple[int, int]
    """The same of the known names of drugs and diseases."""


def check_answer(answer: str, reference: str, *, question: str = "", options: Sequence[str] = ()) -> Checked:
    """All rules on an answer.

    Names of drugs and diseases are those of the question, the options, the reference and a small list.
    """
    texts = compare_texts(answer, reference)
    found: dict[Kind, Compared] = {
        "negation": negation(texts),
        **numbers(texts),
        "comparison": comparison(texts),
        "side": sides(texts),
        "name": names(texts, question=question, options=options),
    }
    copied = {one.plain for one in texts.reference}
    return Checked(
        kinds={kind: _without_copies(compared, copied) for kind, compared in found.items()},
        numbers=numbers_repeated(texts),
        names=names_repeated(texts),
    )


def _without_copies(compared: Compared, copied: Collection[str]) -> Compared:
    """Without findings in sentences that stand in the reference itself: those contradict nothing there."""
    kept = tuple(finding for finding in compared.findings if plain(finding.answer) not in copied)
    return Compared(agreed=compared.agreed + len(compared.findings) - len(kept), findings=kept)


def contradictions(
    answer: str, reference: str, *, question: str = "", options: Sequence[str] = ()
) -> list[Finding]:
    """Everything in which an answer contradicts its reference; empty for an answer that is silent.

    >>> [found.said for found in contradictions("Take 5000 mg a day.", "Take 500 mg a day.")]
    ['5000 mg']
    """
    checked = check_answer(answer, reference, question=question, options=options)
    return [finding for compared in checked.kinds.values() for finding in compared.findings]
