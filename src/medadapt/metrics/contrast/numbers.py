"""Another figure, or the same figure in another unit, than the reference has for the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from medadapt.metrics.contrast.findings import Compared, Finding, Kind
from medadapt.metrics.contrast.quantities import UNITS, Quantity, quantities
from medadapt.metrics.contrast.statements import DISTANT_MATTER, Statement, Texts

Placed = tuple[Quantity, Statement]
BODY_SIZE = frozenset(
    unit
    for unit, (dimension, size) in UNITS.items()
    if dimension == "area" or (dimension == "mass" and size > 400)
)
"""Units that a dose is given per, for the weight or the surface of the patient."""
BY_SIZE = re.compile(
    r"(?:/|\b(?:per|each|every|a|by|of))\s*(?:the\s+)?(?:body[- ]?)?(?:weight|surface|kgs?|kilos?|kilograms?"
    r"|pounds?|lbs?|m2|square met(?:er|re))\b|\bbody[- ]?(?:weight|surface)|\bweight[- ]based",
    re.IGNORECASE,
)
"""Such a part that does not follow its figure: `5 mg a day for every kilogram`."""


def numbers(texts: Texts) -> dict[Kind, Compared]:
    """The rules `number` and `unit`.

    A value that stands anywhere in the other text is agreed upon. What is left over on both sides is compared
    where the sentences are about the same and the dimension is, or the figure is the same and the unit is not.
    """
    said = [(quantity, one) for one in texts.answer for quantity in quantities(one.plain)]
    wanted = [(quantity, one) for one in texts.reference for quantity in quantities(one.plain)]
    agreed = sum(any(_same(quantity, other) for other, _ in said) for quantity, _ in wanted)
    said_alone = [(one, text) for one, text in said if not any(_same(one, other) for other, _ in wanted)]
    wanted_alone = [(one, text) for one, text in wanted if not any(_same(one, other) for other, _ in said)]
    found: dict[Kind, list[Finding]] = {"number": [], "unit": []}
    taken: set[int] = set()
    for one, other in _beside(said_alone, wanted_alone, texts):
        if id(one[0]) in taken or id(other[0]) in taken:
            continue
        if (kind := _contradiction(one, other)) is None:
            continue
        taken |= {id(one[0]), id(other[0])}
        found[kind].append(Finding(kind=kind, answer=one[1].text, reference=other[1].text,
                                   said=one[0].text, wanted=other[0].text))  # fmt: skip
    with_unit = sum(
        any(quantity.unit and _same(quantity, other) for other, _ in said) for quantity, _ in wanted
    )
    # A figure in a wrong unit is no agreement on the number either, but it is counted once.
    return {
        "number": Compared(agreed=agreed, findings=tuple(found["number"])),
        "unit": Compared(agreed=with_unit, findings=tuple(found["unit"])),
    }


def numbers_repeated(texts: Texts) -> tuple[int, int]:
    """How many of the reference's quantities the answer has, and how many there are."""
    said = [quantity for one in texts.answer for quantity in quantities(one.plain)]
    wanted = [quantity for one in texts.reference for quantity in quantities(one.plain)]
    return sum(any(_same(one, other) for other in said) for one in wanted), len(wanted)


def _beside(
    said: Sequence[Placed], wanted: Sequence[Placed], texts: Texts
) -> Iterator[tuple[Placed, Placed]]:
    """Pairs of left-over quantities in sentences on the same matter, the likest first."""
    for one_text, other_text in texts.about_the_same(DISTANT_MATTER):
        here = [
            (one, other) for one in said if one[1] is one_text for other in wanted if other[1] is other_text
        ]
        yield from sorted(here, key=lambda pair: -_context(*pair))


def _context(one: Placed, other: Placed) -> int:
    """How many words beside the two quantities are the same; only to choose between several."""
    return len(_around(*one) & _around(*other))


def _around(quantity: Quantity, text: Statement) -> set[str]:
    before = re.findall(r"[^\W\d_]+", text.plain[: quantity.start].lower())[-3:]
    after = re.findall(r"[^\W\d_]+", text.plain[quantity.end :].lower())[:3]
    return {*before, *after}


def _same(one: Quantity, other: Quantity) -> bool:
    return _comparable(one, other) and (one.agrees(other) or _same_bound(one, other))


def _comparable(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities have one dimension, or are both upper or both lower bounds on one thing."""
    if one.dimension == other.dimension:
        return True
    return one.bounds_the_same(other) and _way(one) == _way(other)


def _same_bound(one: Quantity, other: Quantity) -> bool:
    """Whether two bounds let through the same whole numbers: `more than 5` and `at least 6`."""
    last = one.last_whole()
    return last is not None and last == other.last_whole() and _way(one) == _way(other)


def _way(quantity: Quantity) -> int:
    return quantity.bound.way if quantity.bound else 0


def _contradiction(one: Placed, other: Placed) -> Kind | None:
    """What is wrong with a quantity where another one was wanted; None where they cannot be compared."""
    said, wanted = one[0], other[0]
    if said.written == wanted.written and said.unit and wanted.unit and not _same_unit(one, other):
        return "unit"
    if _comparable(said, wanted) and not said.agrees(wanted):
        return "number"
    return None


def _same_unit(one: Placed, other: Placed) -> bool:
    """Whether two units are spellings of one, or one of them only leaves out a part: `mg` and `mg/mL`.

    A part for the size of the patient (`mg/kg`) is no such part, unless the sentence has it elsewhere.
    """
    first, second = one[0].unit.split("/"), other[0].unit.split("/")
    if any(
        UNITS.get(here, here) != UNITS.get(there, there) for here, there in zip(first, second, strict=False)
    ):
        return False
    shorter = one if len(first) < len(second) else other
    left_out = {*first[len(second) :], *second[len(first) :]}
    return not left_out & BODY_SIZE or BY_SIZE.search(shorter[1].plain) is not None
