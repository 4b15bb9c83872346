"""Explanations without the announcement of the answer at their front.

Exam explanations often open with "Ans. is 'b' i.e., ..." or "The correct answer is 3.". A model trained on
them would learn the letter instead of the reason, and the letter is wrong as soon as options are shuffled.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from medadapt.core.records import LETTERS

GAP = r"[\s.:=,>*\-–—]*"
LEAD = (
    r"\**(?:(?:explanation|exp|solution|sol)\b[\s.:\-–]+)?(?:(?:clearly|therefore|thus|so|hence)\b,?\s+)?(?:the\s+)?(?:(?:most\s+)?(?:correct|right|best|true|appropriate)\s+)?"
    r"(?:answer|ans|option|choice|response|key)s?\b(?:\s+(?:to\s+this\s+question|here)\b)?"
)
LINK = (
    rf"{GAP}(?:(?:is|are|was|would\s+be|will\s+be|should\s+be)\b(?:\s+therefore\b)?{GAP})?"
    rf"(?:(?:option|choice|answer|number|letter)\b{GAP})?"
)
OPEN, CLOSE = r"[(\[{'\"‘’“”`]", r"[)\]}'\"‘’“”`]"
ENDS = (
    r"(?=\s*(?:[.,:;)*]|$|i\.?\s?e\b|ans(?:wer)?\b|because\b|since\b|(?:(?:is|was)\s+)?(?:the\s+)?(?:correct|right|true)\b"
    r"|(?:,|&|\+|\band\b)\s*[(\['\"]?[B-E1-5]\b))"
)
CHOICE = (
    rf"(?:{OPEN}\s*[A-Ea-e1-5]\s*{CLOSE}+"  # 'b' (b) "b"
    r"|[B-Eb-e](?![\w'’]|-\w|\.\w)"  # b, but not D-dimer or e.g.
    rf"|[Aa](?:{ENDS}|(?=\s*[-–—]\s))"  # a, where it is no article
    rf"|[1-5](?![.,]\d){ENDS}"  # 3, but not 3 mg or 3.5
    r"|(?:the\s+)?(?:first|second|third|fourth|fifth)\s+(?:one|option|answer|choice)\b)"
)
CHOICES = rf"{CHOICE}(?:\s*(?:,|&|/|\+|>+|\band\b)\s*{CHOICE})*"
REFUSED = r"(?!\s*(?:(?:is|was|are)\s+)?(?:not|in\s?correct|false|wrong|untrue)\b)"
VERDICT = (
    r"(?:\s*(?:(?:is|was|are)\s+)?(?:the\s+)?(?:correct|right|true|best)\b"
    r"(?:\s+(?:answer|option|one|choice)\b)?)?"
)
THAT_IS = r"[\s.,:;)\]*\-–—]*(?:i\s*\.?\s*e\b[.,:;\s]*)?(?:(?:because|since)\s+)?"

ANNOUNCED = re.compile(rf"{LEAD}{LINK}(?P<choices>{CHOICES}){REFUSED}{VERDICT}{THAT_IS}", re.IGNORECASE)
LEAD_ALONE = re.compile(
    r"(?:ans|(?:correct\s+)?answer)\b(?:\s*[.:=\-–—]+\s*(?:is\b\s*)?|\s+is\b\s*:\s*)", re.IGNORECASE
)
ALONE = re.compile(
    rf"{OPEN}?\s*(?P<choices>[A-Ea-e1-5])(?:\s*{CLOSE}+[\s.,:\-–—]*|[.:,]\s+|\s+(?=i\s*\.?\s*e\b))(?:i\s*\.?\s*e\b[.,:\s]*)?"
)
JUDGED = re.compile(
    rf"{OPEN}?\s*(?P<choices>[A-Ea-e1-5])\s*{CLOSE}*\s+(?:is|was)\s+(?:(?:the\s+)?(?:correct|right|true|best)\b"
    r"(?:\s+(?:answer|option|one|choice)\b)?|the\s+answer\b)[\s.,:;\-–—]*(?:(?:because|since)\s+)?"
)
SPECIES = re.compile(r"[A-E]\. ?(?P<word>[a-z]+)")
LITTLE_WORDS = frozenset(
    {"a", "all", "an", "and", "as", "at", "because", "both", "by", "for", "if", "in", "is", "it", "no", "not"}
    | {"of", "on", "only", "or", "the", "this", "to", "we"}
)
MOST_ROUNDS = 4


def without_announcement(text: str, *, options: Sequence[str], answer_index: int) -> str:
    """The explanation without a leading announcement of the right letter or number; maybe empty.

    Text that is the answer itself stays: only the pointing goes. An abbreviated species (`E. coli`) is no
    option letter.
    """
    rest = text
    for _ in range(MOST_ROUNDS):
        shorter = _shorter(rest, options, answer_index)
        if shorter == rest:
            break
        rest = shorter
    if rest != text and (word := re.match(r"[a-z]+\b", rest)) and word[0] != "p":  # pH, p53 keep their case
        rest = rest[0].upper() + rest[1:]
    return rest


def _shorter(text: str, options: Sequence[str], answer_index: int) -> str:
    if (found := ANNOUNCED.match(text)) and not _is_species(text[found.start("choices") :], options):
        return text[found.end() :].lstrip()
    if found := LEAD_ALONE.match(text):
        return text[found.end() :].lstrip()
    found = JUDGED.match(text) or ALONE.match(text)
    if found and _points_at(found["choices"], answer_index) and not _is_species(text, options):
        return text[found.end() :].lstrip()
    return text


def _points_at(choice: str, answer_index: int) -> bool:
    return choice.upper() == LETTERS[answer_index] or choice == str(answer_index + 1)


def _is_species(text: str, options: Sequence[str]) -> bool:
    """`E. coli` rather than option E: it opens an option, or no little English word follows."""
    found = SPECIES.match(text)
    if found is None:
        return False
    if any(option.casefold().startswith(found[0].casefold()) for option in options):
        return True
    return found["word"] not in LITTLE_WORDS
