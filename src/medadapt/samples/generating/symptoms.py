"""The symptom table: a disease and its symptoms, one a column, mostly with the defects of the published one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from medadapt.core.hashes import seeded_order
from medadapt.samples.generating import difficulty
from medadapt.samples.generating.dirt import COPY, Generated, Row
from medadapt.samples.generating.draws import common_symptoms, drawing, own_symptoms, with_noise
from medadapt.samples.knowledge import Condition

COLUMNS = ("Disease", *(f"Symptom_{number}" for number in range(1, 18)))

UNDERSCORES = "symptom cells with underscores"
LEADING_SPACE = "symptom cells with a leading space"
INNER_SPACE = "symptom cells with a space inside"
LABEL_SPACE = "labels with a trailing space"


def symptom_rows(conditions: Sequence[Condition], seed: int) -> Generated:
    """Rows `Disease, Symptom_1..Symptom_17`; no set of symptoms has two labels, and 40 % are exact copies."""
    chosen = seeded_order(conditions, seed, lambda condition: f"label\x00{condition.name}")[
        : difficulty.LABELS
    ]
    people = _people(chosen, common_symptoms(conditions), seed)
    draw = drawing(seed, "symptom table")
    used = sorted({symptom for _, symptoms in people for symptom in symptoms if " " in symptom})
    inner = frozenset(draw.sample(used, difficulty.INNER_SPACES))
    spaced = frozenset(condition.name for condition in draw.sample(chosen, difficulty.SPACED_LABELS))
    rows = [_row(label, symptoms, inner, spaced) for label, symptoms in people]
    rows += _copies(rows, draw)
    draw.shuffle(rows)
    return Generated(rows=rows, planted=_counted(rows, len(people)))


def _people(
    chosen: Sequence[Condition], common: Sequence[str], seed: int
) -> list[tuple[str, tuple[str, ...]]]:
    """Label and symptoms of each distinct row."""
    seen: set[frozenset[str]] = set()
    people: list[tuple[str, tuple[str, ...]]] = []
    for condition in chosen:
        draw = drawing(seed, "person", condition.name)
        wanted = len(people) + difficulty.ROWS_PER_LABEL
        while len(people) < wanted:
            symptoms = with_noise(own_symptoms(condition, draw), condition, common, draw)
            if frozenset(symptoms) not in seen:
                seen.add(frozenset(symptoms))
                people.append((condition.name, tuple(symptoms)))
    return people


def _row(label: str, symptoms: Sequence[str], inner: frozenset[str], spaced: frozenset[str]) -> Row:
    cells = [symptom.replace(" ", "_") for symptom in symptoms]
    cells = [
        cell.replace("_", "_ ", 1) if symptom in inner else cell
        for cell, symptom in zip(cells, symptoms, strict=True)
    ]
    cells = [f" {cell}" if place else cell for place, cell in enumerate(cells)]
    cells += [""] * (len(COLUMNS) - 1 - len(cells))
    disease = f"{label} " if label in spaced else label
    return dict(zip(COLUMNS, (disease, *cells), strict=True))


def _copies(rows: Sequence[Row], draw: Random) -> list[Row]:
    """Copies that fall on some rows much more often than on others, as in the published table."""
    count = round(len(rows) * difficulty.COPIES_SHARE / (1 - difficulty.COPIES_SHARE))
    often = [1 / (1 + place) for place in draw.sample(range(len(rows)), len(rows))]
    return [dict(row) for row in draw.choices(rows, weights=often, k=count)]


def _counted(rows: Sequence[Row], num_distinct: int) -> dict[str, int]:
    planted: Counter[str] = Counter()
    planted[COPY] = len(rows) - num_distinct
    for row in rows:
        label, *cells = map(str, row.values())
        planted[LABEL_SPACE] += label != label.strip()
        for cell in cells:
            planted[LEADING_SPACE] += cell.startswith(" ")
            planted[UNDERSCORES] += "_" in cell
            planted[INNER_SPACE] += " " in cell.strip()
    return dict(planted)
