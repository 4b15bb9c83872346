"""Keeping only some of the records: `data.limit`, and the handful of a smoke run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from medadapt.core.errors import DataError
from medadapt.core.hashes import seeded_order
from medadapt.core.recipe import LimitSection
from medadapt.core.records import DroppedRow, SplitName
from medadapt.records.rows import Draft

SMOKE_RECORDS = 32
SMOKE_LABELS = 4
SMOKE_ROWS_A_LABEL = 6
SMOKE_SHARES: dict[SplitName, int] = {"train": 24, "validation": 4, "test": 4}
"""Records of a smoke run where the splits are ready-made."""


def apply_limit(
    drafts: Sequence[Draft], limit: LimitSection | None, seed: int
) -> tuple[list[Draft], list[DroppedRow]]:
    """The drafts that `data.limit` keeps, in source order: by seed, or the longest explanations."""
    if limit is None or len(drafts) <= limit.rows:
        return list(drafts), []
    ordered = seeded_order(drafts, seed, _id)
    if limit.by == "explanation_length":
        if not any(draft.record.explanation for draft in drafts):
            raise DataError(
                "data.limit: by: explanation_length needs explanations, and no record has one.",
                "an explanation column (exp), or by: random",
                "Name the column with data.columns: {explanation: <column>}, or set data.limit.by: random.",
            )
        ordered.sort(key=lambda draft: -len(draft.record.explanation or ""))
    return _keep(drafts, ordered[: limit.rows], f"beyond the {limit.rows:,} rows of data.limit")


def smoke_selection(drafts: Sequence[Draft], seed: int) -> tuple[list[Draft], list[DroppedRow]]:
    """At most 32 drafts, of at most 4 labels with at least 6 rows each where the source has them."""
    chosen = _smoke_labels(drafts, seed)
    if not chosen:
        kept = seeded_order(drafts, seed, _id)[:SMOKE_RECORDS]
        return _keep(drafts, kept, "a smoke run uses 32 rows")
    kept = []
    for label in chosen:
        same = [draft for draft in drafts if draft.record.label == label]
        kept.extend(seeded_order(same, seed, _id)[: SMOKE_RECORDS // len(chosen)])
    return _keep(drafts, kept, "a smoke run uses 32 rows of 4 labels")


def smoke_share(train: Sequence[Draft], test: Sequence[Draft], seed: int) -> list[str]:
    """The labels of a smoke run on ready-made splits: those of train that are also tested; maybe none."""
    tested = {draft.record.label for draft in test}
    shared = [draft for draft in train if draft.record.label in tested]
    return _smoke_labels(shared, seed)


def smoke_split_selection(
    drafts: Sequence[Draft], split: SplitName, labels: Sequence[str], seed: int
) -> tuple[list[Draft], list[DroppedRow]]:
    """The handful of one ready-made split, spread over the labels where there are any."""
    most = SMOKE_SHARES[split]
    ordered = seeded_order(drafts, seed, _id)
    ordered = [draft for draft in ordered if draft.record.label in labels] or ordered
    place_in_label: dict[str, int] = {}
    seen: Counter[str | None] = Counter()
    for draft in ordered:
        place_in_label[_id(draft)] = seen[draft.record.label]
        seen[draft.record.label] += bool(labels)
    ordered.sort(key=lambda draft: place_in_label[_id(draft)])
    return _keep(drafts, ordered[:most], f"a smoke run uses {most} rows of {split}")


def _smoke_labels(drafts: Sequence[Draft], seed: int) -> list[str]:
    counts = Counter(draft.record.label for draft in drafts if draft.record.label is not None)
    ordered = seeded_order(counts, seed, str)
    enough = [label for label in ordered if counts[label] >= SMOKE_ROWS_A_LABEL]
    if len(enough) < 2:  # too few rows everywhere: take the labels that have most
        enough = sorted(ordered, key=lambda label: -counts[label])
    return enough[:SMOKE_LABELS]


def _keep(
    drafts: Sequence[Draft], kept: Sequence[Draft], detail: str
) -> tuple[list[Draft], list[DroppedRow]]:
    ids = {draft.record.id for draft in kept}
    over = [draft.row.dropped("over_limit", detail) for draft in drafts if draft.record.id not in ids]
    return [draft for draft in drafts if draft.record.id in ids], over


def _id(draft: Draft) -> str:
    return draft.record.id
