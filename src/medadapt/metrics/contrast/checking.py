"""All rules on one answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from medadapt.metrics.contrast.comparison import comparison
from medadapt.metrics.contrast.findings import Compared, Finding, Kind
from medadapt.metrics.contrast.names import names
from medadapt.metrics.contrast.negation import negation
from medadapt.metrics.contrast.numbers import numbers
from medadapt.metrics.contrast.sides import sides
from medadapt.metrics.contrast.statements import compare_texts
from medadapt.metrics.contrast.words import plain


def check_answer(
    answer: str, reference: str, *, question: str = "", options: Sequence[str] = ()
) -> dict[Kind, Compared]:
    """What each rule makes of an answer, in the order of `findings.KINDS`.

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
    return {kind: _without_copies(compared, copied) for kind, compared in found.items()}


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
    return [finding for compared in checked.values() for finding in compared.findings]
