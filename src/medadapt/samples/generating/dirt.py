"""Planted defects of real data: each kind counted, and each one that cleaning can find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

Row = dict[str, str | int | None]

COPY = "exact copies of a row"
SECOND_ANSWER = "second answers to a question"
EMPTY_ANSWER = "empty answers"
SPACES = "texts with stray spaces or line breaks"
GARBLED_TEXT = "texts with garbled UTF-8"
MARKED_UP = "texts with HTML"
PHONE, EMAIL, DATE = "made-up phone numbers", "made-up e-mail addresses", "made-up dates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The rows of one sample data set, and how many defects of each kind were planted in them."""

    rows: list[Row]
    planted: dict[str, int]


class Dirt:
    """Rows that get dirty: no row gets two defects, so that every count is exact.

    Copies and second answers are kept apart from the rows until `done`, which mixes them in.
    """

    def __init__(self, rows: Sequence[Row], draw: Random) -> None:
        self.planted: Counter[str] = Counter()
        self._rows = list(rows)
        self._more: list[Row] = []
        self._draw = draw
        self._clean = list(range(len(rows)))
        draw.shuffle(self._clean)

    def spoil(self, kind: str, column: str, count: int, change: Callable[[str], str | None]) -> None:
        """Change the text of one column in `count` clean rows."""
        for row in self._take(count):
            row[column] = change(str(row[column]))
        self.planted[kind] += count

    def break_options(self, kind: str, count: int) -> None:
        """Make the last option of `count` clean exam rows equal to the first."""
        for row in self._take(count):
            row["opd"] = row["opa"]
        self.planted[kind] += count

    def add_copies(self, count: int) -> None:
        """Exact copies of `count` clean rows."""
        self._more += [dict(row) for row in self._take(count)]
        self.planted[COPY] += count

    def add_second_answers(self, others: Sequence[Row], count: int) -> None:
        """Rows of `others` beside `count` clean rows of the same place; those that say the same are passed over."""
        places = [
            place for place in self._clean if place < len(others) and others[place] != self._rows[place]
        ]
        if count > len(places):
            raise ValueError(f"{count} second answers are wanted, {len(places)} rows have one")
        self._more += [others[place] for place in places[:count]]
        self._clean = [place for place in self._clean if place not in places[:count]]
        self.planted[SECOND_ANSWER] += count

    def add_identifiers(self, column: str, count: int) -> None:
        """A phone number, an e-mail address and a date behind texts of the column, `count` of each.

        The numbers are in the range 555-0100 to 555-0199, which is kept free for fiction, and the addresses
        at example.org: they reach nobody.
        """
        draw = self._draw
        sentences: dict[str, Callable[[], str]] = {
            PHONE: lambda: f"The phone number is 555-01{draw.randrange(100):02}.",
            EMAIL: lambda: f"The address is contact{draw.randrange(10, 100)}@example.org.",
            DATE: lambda: (
                f"The last visit was on {draw.randrange(1, 13):02}/{draw.randrange(1, 29):02}/2019."
            ),
        }
        for kind, sentence in sentences.items():
            self.spoil(kind, column, count, lambda text, sentence=sentence: f"{text} {sentence()}")  # type: ignore[misc]

    def done(self) -> Generated:
        """All rows in random order, and the counts."""
        rows = [*self._rows, *self._more]
        self._draw.shuffle(rows)
        return Generated(rows=rows, planted=dict(self.planted))

    def _take(self, count: int) -> list[Row]:
        if count > len(self._clean):
            raise ValueError(f"{count} rows cannot be spoiled: {len(self._clean)} clean ones are left")
        taken, self._clean = self._clean[:count], self._clean[count:]
        return [self._rows[place] for place in taken]


def doubled_space(text: str) -> str:
    """A second space after the first word."""
    return text.replace(" ", "  ", 1)


def padded(text: str) -> str:
    """Line breaks and tabs around the text, as a crawler leaves them."""
    return f"\r\n\t\t{text}\t"


def garbled(text: str) -> str:
    """Apostrophes, or the first space where there are none, as UTF-8 shows when read in a Western encoding."""
    if "'" in text:
        return text.replace("'", "’".encode().decode("cp1252"))
    return text.replace(" ", "\u00a0".encode().decode("cp1252"), 1)


def marked_up(text: str) -> str:
    """The text inside a paragraph tag."""
    return f"<p>{text}</p>"


def emptied(text: str) -> str:
    """Nothing."""
    del text
    return ""
