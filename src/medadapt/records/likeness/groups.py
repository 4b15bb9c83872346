"""Which records must stay in one split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from medadapt.core.hashes import sha256_text
from medadapt.core.records import Record
from medadapt.records.likeness.duplicates import input_key, input_text
from medadapt.records.likeness.near_duplicates import near_clusters

GroupRule = Literal["none", "exact", "near"]
"""`none`: row by row. `exact`: same document or same input. `near`: also inputs that are nearly the same."""


def group_rule(group: Literal["auto", "none"], data_format: str) -> GroupRule:
    """What `data.split.group` means for a format.

    Near copies are the nature of symptom tables: grouping by them would leave most labels with one group.
    """
    if group == "none":
        return "none"
    return "exact" if data_format == "symptom_table" else "near"


def with_groups(records: Sequence[Record], rule: GroupRule) -> list[Record]:
    """Records with `group` filled in; a `group` they already have (their document) keeps them together.

    A group is named after its content, so neither the order of the rows nor other rows change its name.
    """
    if rule == "none":
        return [replace(record, group=record.id) for record in records]
    texts = [input_text(record) for record in records]
    joined = near_clusters(texts) if rule == "near" else _first_equal(texts)
    root = _join_documents(joined, [record.group for record in records])
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


def _join_documents(clusters: Sequence[int], documents: Sequence[str]) -> list[int]:
    """Clusters joined wherever they share a document; documents may join clusters in a chain."""
    parent: dict[int, int] = {cluster: cluster for cluster in clusters}

    def root(cluster: int) -> int:
        while parent[cluster] != cluster:
            parent[cluster] = parent[parent[cluster]]
            cluster = parent[cluster]
        return cluster

    first_cluster: dict[str, int] = {}
    for cluster, document in zip(clusters, documents, strict=True):
        if document:
            low, high = sorted((root(first_cluster.setdefault(document, cluster)), root(cluster)))
            parent[high] = low
    return [root(cluster) for cluster in clusters]
