"""Record by record: what tuning broke and mended, as a list that can be filtered, as a section of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from medadapt.report import wording
from medadapt.report.cases import case_of
from medadapt.report.filters import filters_of
from medadapt.report.inputs import ReportInputs
from medadapt.report.pairs import CONFIDENT, KINDS, Pair, pairs
from medadapt.report.sayings import MAX_TEXT
from medadapt.report.sections import Block, CaseList, Section, Text

MAX_CASES = 500
MOST_AT_FIRST = 100
"""Of each kind, before the places that are left go to the kinds in order."""
WITH_PROMPT = 10
WITH_WHOLE_TEXTS = 30
SHORT_TEXT = 600
"""Characters of each text beyond the first cases: the page stays a file that opens at once."""


def errors_section(inputs: ReportInputs) -> Section:
    """Regressions first, then fixes, then confident mistakes, then the rest."""
    metrics = inputs.metrics
    task = metrics["task"]
    found = pairs(task, metrics["primary"], test=inputs.test, baseline=inputs.baseline, tuned=inputs.tuned)
    listed = capped(found, MAX_CASES)
    flagged = (metrics.get("leakage") or {}).get("flagged")
    filters, filed = filters_of(listed, found, flagged)
    cases = tuple(
        case_of(
            task,
            pair,
            prompt=inputs.prompts.get(pair.record.id, "") if place < WITH_PROMPT else "",
            max_text=MAX_TEXT if place < WITH_WHOLE_TEXTS else SHORT_TEXT,
            filed=tuple(filed[place].items()),
        )
        for place, pair in enumerate(listed)
    )
    written = metrics["primary"] == "accuracy_generated"
    blocks: list[Block] = [Text(text=_counts(found, open_questions=task == "qa", written=written))]
    if note := _shown(found, listed):
        blocks.append(Text(text=note, quiet=True))
    if cases:
        blocks.append(CaseList(filters=filters, cases=cases))
    return Section(anchor="records", title="Record by record", blocks=tuple(blocks))


def capped(found: Sequence[Pair], limit: int) -> list[Pair]:
    """At most so many records in their order: up to 100 of each kind, then the first of the others."""
    if len(found) <= limit:
        return list(found)
    taken: set[int] = set()
    for kind in KINDS:
        of_kind = [place for place, pair in enumerate(found) if pair.kind == kind]
        taken.update(of_kind[: min(MOST_AT_FIRST, limit - len(taken))])
    others = [place for place in range(len(found)) if place not in taken]
    taken.update(others[: limit - len(taken)])
    return [found[place] for place in sorted(taken)]


def _counts(found: Sequence[Pair], *, open_questions: bool, written: bool) -> str:
    broken, mended = sum(pair.regression for pair in found), sum(pair.fix for pair in found)
    if open_questions:
        return (
            f"The reference answer became less likely in {wording.amount(broken, 'record')} and more likely in "
            f"{mended:,}. Those where it fell most come first."
        )
    answer = "written answer" if written else "answer"
    counted = f"Tuning broke {wording.amount(broken, answer)} and mended {mended:,}."
    if any(pair.tuned.only_best for pair in found):
        return (
            f"{counted} How sure the tuned model was of its answers is not known (evaluation.score_choices: best). "
            "Broken answers come first, then mended ones, then the rest."
        )
    sure = sum(pair.confident_and_wrong for pair in found)
    return (
        f"{counted} The tuned model was wrong with "
        f"a probability of {100 * CONFIDENT:.0f}% or more for its answer in {wording.amount(sure, 'record')}. Broken "
        "answers come first, then mended ones, then confident mistakes, then the rest."
    )


def _shown(found: Sequence[Pair], listed: Sequence[Pair]) -> str:
    """How many are not listed, where some are not."""
    more = len(found) - len(listed)
    if not more:
        return ""
    missing = Counter(pair.kind for pair in found) - Counter(pair.kind for pair in listed)
    kinds = ", ".join(f"{missing[kind]:,} {kind.replace('_', ' ')}" for kind in KINDS if missing[kind])
    return f"{len(listed):,} of {len(found):,} records are listed; not listed are {kinds}."
