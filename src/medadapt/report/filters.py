"""The filters of the list of test records: what each can be set to, and where each record falls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from medadapt.report import wording
from medadapt.report.cases import whole_question
from medadapt.report.pairs import Pair
from medadapt.report.sections import Choice, Filter, FilterName

KIND_NAMES = {
    "regression": "Regressions: right, then wrong",
    "fix": "Fixes: wrong, then right",
    "confident": "Confident and wrong",
    "both_wrong": "Both wrong",
    "both_right": "Both right",
}
OPEN_KIND_NAMES = {"regression": "Reference less likely", "fix": "Reference more likely", "same": "No change"}
FIELDS: tuple[tuple[FilterName, str], ...] = (
    ("label", "Right answer"),
    ("subject", "Subject"),
    ("qtype", "Question type"),
)
MOST_VALUES = 60
"""A field with more values is free text rather than a grouping."""
NUM_LENGTHS = 10
NOT_FLAGGED = "none"

Filed = dict[FilterName, str]
"""Tokens of one record by filter, separated by spaces where there are several."""


def filters_of(
    listed: Sequence[Pair], everything: Sequence[Pair], flagged: Mapping[str, Sequence[str]] | None
) -> tuple[tuple[Filter, ...], list[Filed]]:
    """The filters that can tell the listed records apart, and where each of them falls.

    Tenths of length are those of `everything`, the whole test set. `flagged` names the ways in which a
    record overlaps with the data seen, by id; None where that was not measured.
    """
    columns = [
        _kinds(listed),
        *(_field(name, title, listed) for name, title in FIELDS),
        _lengths(listed, everything),
        *([_overlap(listed, flagged)] if flagged is not None else []),
    ]
    filed: list[Filed] = [{} for _ in listed]
    filters = []
    for name, title, texts, tokens in columns:
        counts = Counter(token for of_record in tokens for token in of_record)
        choices = tuple(
            Choice(token=token, text=text, count=counts[token])
            for token, text in texts.items()
            if counts[token]
        )
        if len(choices) < 2:
            continue
        filters.append(Filter(name=name, title=title, choices=choices))
        for own, of_record in zip(filed, tokens, strict=True):
            own[name] = " ".join(of_record)
    return tuple(filters), filed


_Column = tuple[FilterName, str, dict[str, str], list[list[str]]]
"""Name, title, the text of each token, and the tokens of each listed record."""


def _kinds(listed: Sequence[Pair]) -> _Column:
    names = OPEN_KIND_NAMES if any(pair.tuned_right is None for pair in listed) else KIND_NAMES
    return "kind", "Kind", names, [_kinds_of(pair) for pair in listed]


def _kinds_of(pair: Pair) -> list[str]:
    """What it is by right and wrong, and whether the tuned model was wrong with confidence."""
    plain = "both_wrong" if pair.kind == "confident" else pair.kind
    return [plain, *(["confident"] if pair.confident_and_wrong else [])]


def _field(name: FilterName, title: str, listed: Sequence[Pair]) -> _Column:
    values = [getattr(pair.record, name) for pair in listed]
    counts = Counter(value for value in values if value)
    if len(counts) > MOST_VALUES:
        return name, title, {}, [[] for _ in listed]
    order = sorted(counts, key=lambda value: (-counts[value], value))
    token = {value: str(place) for place, value in enumerate(order)}
    texts = {token[value]: value for value in order}
    return name, title, texts, [[token[value]] if value else [] for value in values]


def _lengths(listed: Sequence[Pair], everything: Sequence[Pair]) -> _Column:
    """Tenths of the test set by length of the question in characters."""
    title = "Length of the question"
    lengths = [_length(pair) for pair in everything]
    if not lengths:
        return "length", title, {}, []
    shares = np.linspace(0, 1, NUM_LENGTHS + 1)
    edges = np.unique(np.quantile(lengths, shares, method="inverted_cdf"))
    ends = edges[1:] if len(edges) > 1 else edges
    tokens = [[str(int(np.searchsorted(ends, _length(pair))))] for pair in listed]
    texts, first = {}, int(edges[0])
    for place, last in enumerate(ends.tolist()):
        texts[str(place)] = f"{first:,} to {int(last):,} characters"
        first = int(last) + 1
    return "length", title, texts, tokens


def _length(pair: Pair) -> int:
    return len(whole_question(pair.record))


def _overlap(listed: Sequence[Pair], flagged: Mapping[str, Sequence[str]]) -> _Column:
    """The ways in which a record overlaps with train or validation, known ones first."""
    seen = dict.fromkeys(layer for layers in flagged.values() for layer in layers)
    layers = [
        *(key for key in wording.LAYER_NAMES if key in seen),
        *sorted(seen.keys() - wording.LAYER_NAMES),
    ]
    token = {layer: str(place) for place, layer in enumerate(layers)}
    texts = {NOT_FLAGGED: "None found", **{token[layer]: wording.layer_name(layer) for layer in layers}}
    tokens = [
        [token[layer] for layer in flagged.get(pair.record.id) or []] or [NOT_FLAGGED] for pair in listed
    ]
    return "overlap", "Overlap with training", texts, tokens
