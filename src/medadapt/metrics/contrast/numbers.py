"""Another figure, or the same figure in another unit, than the reference has for the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from medadapt.metrics.contrast.findings import Compared, Finding, Kind
from medadapt.metrics.contrast.quantities import UNITS, Quantity, quantities
from medadapt.metrics.contrast.statements import DISTANT_MATTER, Statement, Texts

Placed = tuple[Quantity, Statement]


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
        if (kind := _contradiction(one[0], other[0])) is None:
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
    return one.dimension == other.dimension and one.agrees(other)


def _contradiction(one: Quantity, other: Quantity) -> Kind | None:
    """What is wrong with a quantity where another one was wanted; None where they cannot be compared."""
    if one.written == other.written and one.unit and other.unit and not _same_unit(one.unit, other.unit):
        return "unit"
    if one.dimension == other.dimension and not one.agrees(other):
        return "number"
    return None


def _same_unit(one: str, other: str) -> bool:
    """Whether two units are spellings of one, or one of them only leaves out a part: `mg` and `mg/kg`."""
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return all(UNITS.get(first, first) == UNITS.get(second, second) for first, second in pairs)
