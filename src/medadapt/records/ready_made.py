"""Ready-made splits: `data.source: {train: ..., validation: ..., test: ...}`, which are never mixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medadapt.core.errors import DataError
from medadapt.core.recipe import DataSection
from medadapt.core.records import SPLITS, TASK_OF_FORMAT, DroppedRow, Record, SplitName
from medadapt.records.likeness.duplicates import drop_duplicates
from medadapt.records.rows import Draft
from medadapt.records.selection import apply_limit, smoke_share, smoke_split_selection

SplitOfFile = Mapping[str, SplitName]
"""File name -> the split it was given for; empty where the source is no ready-made one."""


def select_each(
    drafts: Sequence[Draft], data: DataSection, splits: SplitOfFile, seed: int, *, smoke: bool
) -> tuple[list[Draft], list[DroppedRow]]:
    """Each split without its own duplicates; train within the limit; and every row dropped on the way.

    Rows are compared inside their split only: what also stands in another split is leakage, which is
    measured and shown, never tidied away.
    """
    parts: dict[SplitName, list[Draft]] = {name: [] for name in SPLITS}
    for draft in drafts:
        parts[splits[draft.row.file]].append(draft)
    dropped: list[DroppedRow] = []
    for name in SPLITS:
        parts[name], more = drop_duplicates(parts[name], TASK_OF_FORMAT[data.format])
        dropped += more
    parts["train"], more = apply_limit(parts["train"], data.limit, seed)
    dropped += more
    if smoke:
        labels = smoke_share(parts["train"], parts["test"], seed)
        for name in SPLITS:
            parts[name], more = smoke_split_selection(parts[name], name, labels, seed)
            dropped += more
    return [draft for name in SPLITS for draft in parts[name]], dropped


def same_group(kept: Sequence[Draft], splits: SplitOfFile) -> int | None:
    """How many test records are of a group that train or validation has, too; None where rows name no groups."""
    groups = [(splits[draft.row.file], draft.record.group) for draft in kept if draft.record.group]
    seen = {group for split, group in groups if split != "test"}
    return sum(split == "test" and group in seen for split, group in groups) if groups else None


def as_given(
    records: Sequence[Record], kept: Sequence[Draft], splits: SplitOfFile, data: DataSection
) -> dict[SplitName, list[Record]]:
    """Records in the splits they were given for. Raises DataError where train or test has none."""
    split_of = {draft.record.id: splits[draft.row.file] for draft in kept}
    parts: dict[SplitName, list[Record]] = {name: [] for name in SPLITS}
    for record in records:
        parts[split_of[record.id]].append(record)
    for name in ("train", "test"):
        if not parts[name]:
            assert isinstance(data.source, dict)
            raise DataError(
                f"data.source.{name}: {data.source[name]} leaves no usable rows.",
                f"at least one record to {'train' if name == 'train' else 'test'} on",
                "Correct the file. A hidden test set has no answers to measure against: name the published "
                "validation set as test instead.",
            )
    return parts
