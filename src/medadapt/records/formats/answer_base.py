"""How the answer column of an exam counts: from 0, from 1, by letter, or by the option's text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from medadapt.core.errors import DataError
from medadapt.core.records import LETTERS
from medadapt.records.cleaning.texts import answer_form, option_form, text_of
from medadapt.records.formats.choice_layouts import Choices
from medadapt.records.rows import RowError

AnswerBase = Literal[0, 1, "letter", "text"]
LETTER = re.compile(r"[(\[]?([A-Za-z])[)\].:]?")
UNFITTING = "the answer '"
"""How the detail of an `unlabelled` row begins that has an answer, though none that fits."""
WHOLE_NUMBER = re.compile(r"(-?\d{1,4})(?:\.0+)?")


def find_answer_base(
    answers: Iterable[tuple[Any, Choices]], asked: Literal["auto", 0, 1, "letter"], source: str
) -> AnswerBase | None:
    """The base of a whole source, from every answer that has one; None where no row has an answer.

    A 0 proves counting from 0, the number of options proves counting from 1. Raises DataError where both
    occur or neither does, and where numbers and letters are mixed.
    """
    if asked != "auto":
        return asked
    numbers: Counter[tuple[int, int]] = Counter()
    keyed = letters = texts = 0
    for cell, choices in answers:
        if is_missing(cell) or _by_key(cell, choices) is not None:
            keyed += not is_missing(cell)  # an option's own key is clear, however other rows count
        elif (number := _whole_number(cell)) is not None:
            numbers[number, len(choices.texts)] += 1
        elif _letter(cell) is not None and index_of_text(cell, choices) is None:
            letters += 1
        else:
            texts += 1
    if not numbers or texts > numbers.total():  # few numbers among texts are options such as `5`
        return "letter" if letters or keyed else "text" if texts else None
    if letters:
        raise _unclear(source, "mixes numbers and letters", "one way of naming the right option")
    from_zero = any(number == 0 for number, _ in numbers)
    from_one = any(number == num_options for number, num_options in numbers)
    if from_zero and from_one:
        raise _unclear(
            source,
            "holds both 0 and the number of options, so it counts neither from 0 nor from 1",
            "one base",
        )
    if not from_zero and not from_one:
        seen = ", ".join(str(number) for number in sorted({number for number, _ in numbers})[:8])
        raise _unclear(
            source, f"holds only {seen}, which could count from 0 or from 1", "a base that is clear"
        )
    return 0 if from_zero else 1


def answer_index(cell: Any, choices: Choices, base: AnswerBase | None) -> int:
    """0-based place of the right option.

    Raises RowError: `unlabelled` where there is no answer or none that fits, `bad_options` where it points
    beyond the options.
    """
    if is_missing(cell):
        raise RowError("unlabelled", "the row has no answer")
    if (index := _by_key(cell, choices)) is not None:
        return index
    number, letter = _whole_number(cell), _letter(cell)
    if base in (0, 1) and number is not None:
        index = number - int(base == 1)
    elif base == "letter" and letter is not None:
        index = letter
    elif (by_text := index_of_text(cell, choices)) is not None:
        return by_text
    else:
        kind = {0: "a number from 0", 1: "a number from 1", "letter": "a letter"}.get(
            base or "", "an option's text"
        )
        raise RowError("unlabelled", f"{UNFITTING}{str(cell)[:60]}' is not {kind}")
    if not 0 <= index < len(choices.texts):
        raise RowError("bad_options", f"the answer '{cell}' has no option (the row has {len(choices.texts)})")
    return index


def index_of_text(cell: Any, choices: Choices) -> int | None:
    """Place of the one option with this text, as the option is shown or as it was read; None where not one has it.

    Case tells options apart where it must (`AA`, `Aa`, `aa`) and is ignored where it need not.
    """
    wanted = text_of(cell, "the answer") if isinstance(cell, str | int | float) else str(cell)
    for texts in (choices.texts, choices.as_read):
        for form in (option_form, answer_form):
            forms = [form(text) for text in texts]
            if forms.count(form(wanted)) == 1:
                return forms.index(form(wanted))
    return None


def is_missing(cell: Any) -> bool:
    """No answer: null, empty, or -1 as hidden test labels are written."""
    return cell is None or cell == "" or _whole_number(cell) == -1


def _by_key(cell: Any, choices: Choices) -> int | None:
    if choices.keys is None:
        return None
    keys = [key.casefold() for key in choices.keys]
    folded = str(cell).strip().casefold()
    if folded not in keys and (found := LETTER.fullmatch(str(cell).strip())):
        folded = found[1].casefold()
    return keys.index(folded) if folded in keys else None


def _whole_number(cell: Any) -> int | None:
    if isinstance(cell, bool):
        return None
    found = WHOLE_NUMBER.fullmatch(str(cell).strip())
    return int(found[1]) if found else None


def _letter(cell: Any) -> int | None:
    found = LETTER.fullmatch(cell) if isinstance(cell, str) else None
    return LETTERS.index(found[1].upper()) if found else None


def _unclear(source: str, problem: str, expected: str) -> DataError:
    return DataError(
        f"{source}: the answer column {problem}.",
        expected,
        "Say how it counts: data.answer_base: 0 (0 is the first option), 1 (1 is the first) or letter.",
    )
