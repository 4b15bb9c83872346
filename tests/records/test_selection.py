from __future__ import annotations

from collections import Counter

import pytest

from medadapt.core.errors import DataError
from medadapt.core.recipe import LimitSection
from medadapt.core.records import Record
from medadapt.records.rows import Draft, RawRow
from medadapt.records.selection import apply_limit, smoke_selection


def drafts(num: int, labels: str = "", explained: bool = False) -> list[Draft]:
    return [
        Draft(
            record=Record(
                id=f"r{n}", source_row=n, group="", question="q", answer="a",
                label=labels[n % len(labels)] if labels else None,
                explanation="x" * (n % 10) if explained else None,
            ),
            row=RawRow(file="f", source_row=n, values={}, id=f"r{n}"),
        )
        for n in range(num)
    ]  # fmt: skip


def ids(found: list[Draft]) -> list[str]:
    return [draft.record.id for draft in found]


def test_a_random_limit_keeps_its_choice_when_rows_are_added() -> None:
    kept, dropped = apply_limit(drafts(40), LimitSection(rows=10), seed=3)
    assert len(kept) == 10
    assert {row.reason for row in dropped} == {"over_limit"}
    more, _ = apply_limit(drafts(41), LimitSection(rows=10), seed=3)
    assert len(set(ids(kept)) & set(ids(more))) >= 9


def test_the_longest_explanations_are_kept_in_source_order() -> None:
    kept, _ = apply_limit(drafts(20, explained=True), LimitSection(rows=4, by="explanation_length"), seed=0)
    assert ids(kept) == ["r8", "r9", "r18", "r19"]


def test_a_limit_by_explanation_needs_explanations() -> None:
    with pytest.raises(DataError, match="no record has one"):
        apply_limit(drafts(20), LimitSection(rows=4, by="explanation_length"), seed=0)


def test_a_smoke_run_keeps_32_rows_of_4_labels() -> None:
    kept, dropped = smoke_selection(drafts(300, labels="ABCDEFG"), seed=0)
    assert set(Counter(draft.record.label for draft in kept).values()) == {8}
    assert (len(kept), len(kept) + len(dropped)) == (32, 300)


def test_a_smoke_run_skips_labels_with_few_rows() -> None:
    kept, _ = smoke_selection(drafts(33, labels="AAAAAAAABBBBBBBBCDE"), seed=0)
    assert {draft.record.label for draft in kept} == {"A", "B"}


def test_a_smoke_run_of_open_questions_keeps_32_rows() -> None:
    assert len(smoke_selection(drafts(100), seed=0)[0]) == 32
