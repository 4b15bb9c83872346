"""Which test records two runs have in common: the same id with the same content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from medadapt.core.hashes import sha256_object
from medadapt.core.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRecords:
    """Records of two test sets that are the same, and how many are not."""

    records: list[Record]
    """In the order of the first run. Records of one group are those that either run keeps together."""
    first: list[int]
    """Places of `records` in the first test set, from 0."""
    second: list[int]
    """Places of the same records in the second test set."""
    only_first: int
    only_second: int
    changed: int
    """Records with one id and two contents; they are in none of the other figures."""

    @property
    def is_all(self) -> bool:
        """Whether both test sets hold the same records."""
        return not (self.only_first or self.only_second or self.changed)


def content_sha256(record: Record) -> str:
    """Hash of what is asked and of what counts as right."""
    asked = [record.question, record.history, record.context, record.options]
    return sha256_object([*asked, record.answer, record.label, record.answer_index])


def shared_records(first: Sequence[Record], second: Sequence[Record]) -> SharedRecords:
    """Match two test sets by id and content."""
    places = {record.id: place for place, record in enumerate(second)}
    both = [(place, places[record.id]) for place, record in enumerate(first) if record.id in places]
    same = [
        (one, other) for one, other in both if content_sha256(first[one]) == content_sha256(second[other])
    ]
    one, other = [pair[0] for pair in same], [pair[1] for pair in same]
    return SharedRecords(
        records=_grouped([first[place] for place in one], [second[place] for place in other]),
        first=one,
        second=other,
        only_first=len(first) - len(both),
        only_second=len(second) - len(both),
        changed=len(both) - len(same),
    )


def _grouped(first: Sequence[Record], second: Sequence[Record]) -> list[Record]:
    """The records of the first run in groups that lie apart in both: what one run joins is not independent."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(first)
    nodes: dict[tuple[int, str], int] = {}
    edges = [
        (place, nodes.setdefault((run, record.group), n + len(nodes)))
        for run, records in enumerate((first, second))
        for place, record in enumerate(records)
    ]
    size = n + len(nodes)
    rows, columns = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    _, component = connected_components(
        coo_matrix((np.ones(len(edges)), (rows, columns)), shape=(size, size))
    )
    return [replace(record, group=str(component[place])) for place, record in enumerate(first)]
