"""Which records must stay in one split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from medadapt.core.hashes import sha256_text
from medadapt.core.records import Record
from medadapt.records.likeness.duplicates import input_key, input_text
from medadapt.records.likeness.exchanges import links
from medadapt.records.likeness.near_duplicates import near_clusters

GroupRule = Literal["none", "exact", "near"]
"""`none`: row by row. `exact`: same document, same input, or the same exchange within dialogues. `near`: also inputs
that are nearly the same."""


def group_rule(group: Literal["auto", "none"], data_format: str) -> GroupRule:
    """What `data.split.group` means for a format.

    Near copies are the nature of symptom tables: grouping by them would leave most labels with one group.
    """
    if group == "none":
        return "none"
    return "exact" if data_format == "symptom_table" else "near"


def with_groups(records: Sequence[Record], rule: GroupRule) -> list[Record]:
    """Records with `group` filled in; a `group` they already have (their document) keeps them together.

    So does what dialogues share: one may go on where another ends, or hold the same exchange (`exchanges.py`).
    A group is named after its content, so neither the order of the rows nor other rows change its name.
    """
    if rule == "none":
        return [replace(record, group=record.id) for record in records]
    texts = [input_text(record) for record in records]
    joined = near_clusters(texts) if rule == "near" else _first_equal(texts)
    documents = [
        [*([f"document {record.group}"] if record.group else []), *shared]
        for record, shared in zip(records, links(records, texts), strict=True)
    ]
    root = _join_documents(joined, documents)
    names: dict[int, str] = {}
    for place, record in zip(root, records, strict=True):
        key = input_key(record)
        names[place] = min(names.get(place, key), key)
    return [
        replace(record, group=f"g-{sha256_text(names[place])[:16]}")
        for place, record in zip(root, records, strict=True)
    ]


def _first_equal(texts: Sequence[str]) -> list[int]:
    first: dict[str, int] = {}
    return [first.setdefault(text, number) for number, text in enumerate(texts)]


def _join_documents(clusters: Sequence[int], documents: Sequence[Sequence[str]]) -> list[int]:
    """Clusters joined wherever their records share a document; documents may join clusters in a chain."""
    parent: dict[int, int] = {cluster: cluster for cluster in clusters}

    def root(cluster: int) -> int:
        while parent[cluster] != cluster:
            parent[cluster] = parent[parent[cluster]]
            cluster = parent[cluster]
        return cluster

    first_cluster: dict[str, int] = {}
    for cluster, shared in zip(clusters, documents, strict=True):
        for document in shared:
            low, high = sorted((root(first_cluster.setdefault(document, cluster)), root(cluster)))
            parent[high] = low
    return [root(cluster) for cluster in clusters]
