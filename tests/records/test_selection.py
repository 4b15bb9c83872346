from __future__ import annotations

import hashlib
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


def drawn(count: int, most: int, seed: int) -> list[str]:
    """The first ids by the hash of seed and id, in source order."""
    by_hash = sorted(range(count), key=lambda n: hashlib.sha256(f"{seed}\x00r{n}".encode()).hexdigest())
    return [f"r{n}" for n in sorted(by_hash[:most])]


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_drawn_by_the_hash_of_seed_and_id_and_not_from_the_head(seed: int) -> None:
    kept, _ = apply_limit(drafts(40), LimitSection(rows=10), seed)
    assert ids(kept) == drawn(40, 10, seed) != ids(drafts(10))
    assert ids(smoke_selection(drafts(100), seed)[0]) == drawn(100, 32, seed)


def test_the_rows_of_each_label_of_a_smoke_run_are_drawn_too() -> None:
    kept = [ids(smoke_selection(drafts(80, labels="AB"), seed)[0]) for seed in range(2)]
    assert kept[0] != kept[1]
    assert all(found != ids(drafts(32)) for found in kept)


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
