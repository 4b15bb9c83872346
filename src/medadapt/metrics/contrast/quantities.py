"""Numbers with their units, read from text: `0.5 g`, `5-10 mL`, `twice a day`, `1 in 100`, `1:1000`, `type 2`.

Values are brought to one unit for each dimension, so that `500 mg` equals `0.5 g` and `24 hours` a day.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from medadapt.metrics.contrast.bounds import Bound, bound_of, what_is_bound
from medadapt.metrics.contrast.words import FUNCTION_WORDS, KEPT, listed, word_key

MONTH, YEAR = 365.25 / 12, 365.25
UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms"), ("mass", 1000.0)),
    **dict.fromkeys(("g", "gm", "gms", "gram", "grams", "gramme", "grammes"), ("mass", 1.0)),
    **dict.fromkeys(("mg", "mgs", "milligram", "milligrams", "milligramme", "milligrammes"), ("mass", 1e-3)),
    **dict.fromkeys(("mcg", "μg", "ug", "microgram", "micrograms", "microgramme", "microgrammes"), ("mass", 1e-6)),
    **dict.fromkeys(("ng", "nanogram", "nanograms"), ("mass", 1e-9)),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), ("mass", 453.6)),
    **dict.fromkeys(("l", "liter", "liters", "litre", "litres"), ("volume", 1.0)),
    **dict.fromkeys(("dl", "deciliter", "deciliters", "decilitre", "decilitres"), ("volume", 0.1)),
    **dict.fromkeys(("ml", "cc", "milliliter", "milliliters", "millilitre", "millilitres"), ("volume", 1e-3)),
    **dict.fromkeys(("mol", "mole", "moles"), ("amount", 1.0)),
    **dict.fromkeys(("mmol", "millimole", "millimoles"), ("amount", 1e-3)),
    **dict.fromkeys(("μmol", "umol", "micromole", "micromoles"), ("amount", 1e-6)),
    **dict.fromkeys(("nmol", "nanomole", "nanomoles"), ("amount", 1e-9)),
    **dict.fromkeys(("iu", "unit", "units", "international units"), ("units", 1.0)),
    **dict.fromkeys(("meq",), ("equivalents", 1.0)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("time", 1 / 86400)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("time", 1 / 1440)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("time", 1 / 24)),
    **dict.fromkeys(("day", "days"), ("time", 1.0)),
    **dict.fromkeys(("week", "weeks", "wk", "wks"), ("time", 7.0)),
    **dict.fromkeys(("month", "months"), ("time", MONTH)),
    **dict.fromkeys(("year", "years", "yr", "yrs"), ("time", YEAR)),
    **dict.fromkeys(("decade", "decades"), ("time", 10 * YEAR)),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), ("length", 1.0)),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), ("length", 1e-2)),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), ("length", 1e-3)),
    **dict.fromkeys(("inch", "inches"), ("length", 0.0254)),
    **dict.fromkeys(("m2", "sq m", "square meter", "square meters", "square metre", "square metres"), ("area", 1.0)),
    **dict.fromkeys(("mmhg",), ("pressure", 1.0)),
    **dict.fromkeys(("kpa",), ("pressure", 7.5006)),
    **dict.fromkeys(("°c", "degrees celsius", "degrees c"), ("temperature", 1.0)),
    **dict.fromkeys(("°f", "degrees fahrenheit", "degrees f"), ("temperature", 5 / 9)),
    **dict.fromkeys(("kcal", "calories", "kilocalories"), ("energy", 1.0)),
    **dict.fromkeys(("%", "percent"), ("share", 0.01)),
}  # fmt: skip
"""Unit, in lower case -> its dimension and its size in that dimension's first unit."""

NUMBER_WORDS = {
    "zero": 0.0, "half": 0.5, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0,
    "eight": 8.0, "nine": 9.0, "ten": 10.0, "eleven": 11.0, "twelve": 12.0, "dozen": 12.0, "thirteen": 13.0,
    "fourteen": 14.0, "fifteen": 15.0, "sixteen": 16.0, "seventeen": 17.0, "eighteen": 18.0, "nineteen": 19.0,
    "twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0,
    "ninety": 90.0, "hundred": 100.0,
}  # fmt: skip
DOSES = listed(
    """
    tablet tablets pill pills capsule capsules caplet caplets lozenge lozenges dose doses drop drops puff puffs
    inhalation inhalations spray sprays sachet sachets suppository suppositories patch patches injection injections
    ampoule ampoules vial vials teaspoon teaspoons teaspoonful teaspoonfuls tablespoon tablespoons spoonful spoonfuls
    time times
    """
)
"""Nouns before which `one` is a number."""
PER_DAY = {"hour": 24.0, "day": 1.0, "week": 1 / 7, "month": 1 / MONTH, "year": 1 / YEAR}

TENS, ONES = (
    "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety",
    "one|two|three|four|five|six|seven|eight|nine",
)
_VALUE = (
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?!\.\d)|\.\d+"
    rf"|(?:(?:{TENS})[- ](?:{ONES})|{'|'.join(sorted(NUMBER_WORDS, key=len, reverse=True))})(?![a-z]))"
)
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
_PER = r"\s*(?:/|(?:per|for\s+(?:each|every))\s+)\s*"
_TIMES = (
    rf"(?:(?P<times>once|twice|thrice)|(?P<count>{_VALUE})(?:\s*(?:-|to)\s*(?P<many>{_VALUE}))?\s+times?)"
)
OFTEN = re.compile(
    rf"(?<!\w){_TIMES}\s*(?:a|an|per|each|every)?\s*"
    r"(?P<period>hour|day|week|month|year|daily|weekly|monthly|yearly)(?!\w)",
    re.IGNORECASE,
)
EVERY = re.compile(
    rf"(?<!\w)every\s+(?P<value>{_VALUE})(?:\s*(?:-|to)\s*(?P<high>{_VALUE}))?\s*-?\s*"
    r"(?P<period>hour|day|week|month|year)s?(?!\w)",
    re.IGNORECASE,
)
ODDS = re.compile(
    rf"(?<!\w)(?P<some>{_VALUE})\s+(?:in|out\s+of)\s+(?:every\s+)?(?P<all>{_VALUE})(?!\w)(?!\s*-?\s*(?:{_UNIT})(?!\w))",
    re.IGNORECASE,
)
RATIO = re.compile(
    r"(?<![\w.,/:;-])(?P<one>\d+(?:\.\d+)?):(?P<other>\d{1,3}(?:,\d{3}| 000)+|\d+(?:\.\d+)?)(?![\w:%]|[.,/]\d)"
)
HOUR = re.compile(r"(?:[01]?\d|2[0-4]):[0-5]\d")
AT_AN_HOUR = re.compile(
    r"\b(?:at|by|from|until|till|before|after|between|and|to|around|about)\s+$", re.IGNORECASE
)
CLOCK = re.compile(r"^\s*(?:[ap]\.?\s?m\b|o'clock|h\b|hrs?\b|hours\b)", re.IGNORECASE)
PLAIN_NUMBER = re.compile(
    rf"(?<![\w.,/])(?<!\w-)(?P<between>between\s+)?(?P<low>{_VALUE})"
    rf"(?:(?P<same>\s*(?:{_UNIT}))?\s*(?:-|to|(?(between)and|-))\s*(?P<high>{_VALUE})"
    rf"|\s*/\s*(?P<second>\d+))?(?:\s*-?\s*(?P<unit>{_UNIT})"
    rf"(?:{_PER}(?P<per>{_UNIT})(?:{_PER}(?P<next>{_UNIT})(?!\w))?)?)?(?![\w%])",
    re.IGNORECASE,
)
TWICE_ONE = re.compile(r"\bone\b.*\b(?:one|another)\b", re.IGNORECASE | re.DOTALL)
LIST_MARK = re.compile(r"^\s*\(?\d{1,2}[.)]\s")
ABOUT = re.compile(r"\b(?:about|around|approximately|roughly|nearly|almost|some)\s+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A value or a range as a text has it."""

    text: str
    low: float
    high: float
    """In the first unit of the dimension; equal to `low` for a single value."""
    written: tuple[float, float]
    """The figures themselves, before the unit."""
    unit: str
    """As written, in lower case; empty where there is none."""
    dimension: str
    """What can be compared: `mass`, `amount/volume`, `often`, `share`, `ratio`, `of dose` for a number of doses,
    `after in` for a year or the like."""
    about: bool
    bound: Bound | None
    bound_on: frozenset[str] | None
    """What a bound without a unit is a bound on, as far as the words before it tell (`BP below`); None for every
    other quantity."""
    start: int
    end: int

    def agrees(self, other: Quantity) -> bool:
        """Whether both allow the same value: equal but for rounding, or a value inside the other's range."""
        slack = 0.05 if self.about or other.about else 0.012 if self.unit != other.unit else 0.001
        if self.dimension == "time" and self.unit != other.unit:
            slack = max(slack, 0.1)  # four weeks are a month to most who write so
        room = slack * max(abs(self.low), abs(self.high), abs(other.low), abs(other.high))
        if self.low == self.high or other.low == other.high:
            return self.low <= other.high + room and other.low <= self.high + room
        return abs(self.low - other.low) <= room and abs(self.high - other.high) <= room

    def bounds_the_same(self, other: Quantity) -> bool:
        """Whether both are bounds without a unit on one thing, be they upper or lower ones."""
        if self.bound_on is None or other.bound_on is None:
            return False
        return not self.bound_on or not other.bound_on or not self.bound_on.isdisjoint(other.bound_on)

    def last_whole(self) -> float | None:
        """The last whole number that a bound without a unit allows: 6 for `more than 5` and `at least 6`."""
        if self.bound is None or self.unit or self.low != self.high or not self.low.is_integer():
            return None
        return self.low + self.bound.way if self.bound.beyond else self.low


@lru_cache(maxsize=KEPT)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Every number of a sentence in ordinary spelling (`words.plain`), left to right.

    Marks of lists and parts of names (`B12`) are none.
    """
    if mark := LIST_MARK.match(text):
        text = " " * mark.end() + text[mark.end() :]
    found: list[Quantity] = []
    for reader in (_frequencies, _odds, _ratios, _plain_numbers):
        for quantity in reader(text):
            found.append(quantity)
            text = text[: quantity.start] + "\0" * (quantity.end - quantity.start) + text[quantity.end :]
    return tuple(sorted(found, key=lambda quantity: quantity.start))


def _frequencies(text: str) -> Iterator[Quantity]:
    for match in OFTEN.finditer(text):
        spoken = match["times"]
        count = (
            {"once": 1.0, "twice": 2.0, "thrice": 3.0}[spoken.lower()] if spoken else _number(match["count"])
        )
        period = match["period"].lower()
        period = {"daily": "day"}.get(period, period.removesuffix("ly"))
        many, each = _number(match["many"]) if match["many"] else count, PER_DAY[period]
        yield _quantity(text, match, count * each, many * each, (count, many), "often", period)
    for match in EVERY.finditer(text):
        gap = 1 / PER_DAY[match["period"].lower()]
        low, high = _number(match["value"]), _number(match["high"] or match["value"])
        least, most = low * gap, high * gap
        if least > 0 and most > 0:
            yield _quantity(text, match, 1 / most, 1 / least, (low, high), "often", match["period"].lower())


def _odds(text: str) -> Iterator[Quantity]:
    for match in ODDS.finditer(text):
        some, whole = _number(match["some"]), _number(match["all"])
        if whole > some:
            yield _quantity(text, match, some / whole, some / whole, (some, whole), "share", "in")


def _ratios(text: str) -> Iterator[Quantity]:
    """Strengths and mixtures, `1:1000`; the order says nothing, so that `3:1` boys to girls is `1:3` girls to boys."""
    for match in RATIO.finditer(text):
        one, other = _number(match["one"]), _number(match["other"].replace(" ", ""))
        if not (0 < one < math.inf and 0 < other < math.inf) or _is_hour(text, match):
            continue
        share = min(one, other) / max(one, other)
        yield _quantity(text, match, share, share, (one, other), "ratio", "")


def _is_hour(text: str, match: re.Match[str]) -> bool:
    if not HOUR.fullmatch(match[0]):
        return False
    if CLOCK.match(text[match.end() :]) or AT_AN_HOUR.search(text[: match.start()]):
        return True
    return _number(match["one"]) != 1


def _plain_numbers(text: str) -> Iterator[Quantity]:
    for match in PLAIN_NUMBER.finditer(text):
        low = _number(match["low"])
        high = _number(match["high"] or match["second"] or match["low"])
        unit = (match["unit"] or match["same"] or "").strip().lower()
        if match["high"] and high < low:
            continue  # `in 10 to 5` is no range
        if not unit:
            pronoun = match["low"].lower() in {"one", "half", "zero"} and not match["high"]
            if pronoun and not _is_dose(text, match):
                continue
            if (dimension := _counted(text, match.start(), match.end())) is not None:
                yield _quantity(text, match, low, high, (low, high), dimension, "")
            continue
        dimension, size = UNITS[unit]
        if (part := _part(match)) is not None:
            below, per = UNITS[part]
            dimension, size, unit = f"{dimension}/{below}", size / per, f"{unit}/{part}"
        shift = 32.0 if unit.startswith(("°f", "degrees f")) else 0.0
        yield _quantity(
            text, match, (low - shift) * size, (high - shift) * size, (low, high), dimension, unit
        )


def _part(match: re.Match[str]) -> str | None:
    """What a unit is per; None for a length of time that a dose is told for: a daily dose is a dose."""
    parts = [part.lower() for part in (match["per"], match["next"]) if part]
    parts.sort(key=lambda part: UNITS[part][0] == "time")
    return next((part for part in parts if part not in PER_DAY), None)


def _is_dose(text: str, match: re.Match[str]) -> bool:
    """Whether `one` counts doses: `one tablet`, but not `at one time` nor `one tablet now and one at night`."""
    after = re.match(r"\s+([^\W\d_]+)", text[match.end() :])
    if after is None or after[1].lower() not in DOSES or TWICE_ONE.search(text):
        return False
    return not re.search(r"\b(?:at|any)\s+$", text[: match.start()], re.IGNORECASE)


def _counted(text: str, start: int, end: int) -> str | None:
    """What a number without a unit counts (`3 doses`) or names (`type 2`); None where neither stands beside it."""
    before = re.search(r"([^\W\d_]+)[\s<>≤≥=~(]*$", text[:start])
    if counted := _next_content(text[end:]):
        if before and before[1].lower() in {
            "type",
            "grade",
            "stage",
            "class",
            "phase",
            "chromosome",
            "vitamin",
            "hpv",
        }:
            return f"of {word_key(before[1].lower())}"
        return f"of {word_key(counted)}"
    if before and before[1].lower() not in FUNCTION_WORDS:
        return f"of {word_key(before[1].lower())}"
    return f"after {before[1].lower()}" if before else None


def _next_content(after: str) -> str | None:
    """The word right after a number, in lower case, where it says anything of the matter."""
    match = re.match(r"\s*-?\s*([^\W\d_]+)", after)
    return match[1].lower() if match and match[1].lower() not in FUNCTION_WORDS else None


def _quantity(
    text: str,
    match: re.Match[str],
    low: float,
    high: float,
    written: tuple[float, float],
    dimension: str,
    unit: str,
) -> Quantity:
    before, after = text[: match.start()], text[match.end() :]
    bound = bound_of(before, after)
    bare = match.re is PLAIN_NUMBER and not unit and not match["high"] and not _next_content(after)
    return Quantity(
        text=match[0].strip(), low=low, high=high, written=written, unit=unit, dimension=dimension,
        about=ABOUT.search(before) is not None, bound=bound,
        bound_on=what_is_bound(before) if bound and bare else None, start=match.start(), end=match.end(),
    )  # fmt: skip


def _number(text: str) -> float:
    if text[0].isalpha():
        return sum(NUMBER_WORDS[word] for word in re.split(r"[- ]", text.lower()))
    return float(text.replace(",", ""))
