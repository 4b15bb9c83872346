"""Mentions of options by letter or number inside an explanation, replaced by what the option says.

"Option B is wrong because ..." teaches nothing once the letter is gone or the options stand in another order;
with the option's own text it is a reason. The table below names the forms; what only looks like one, such as
`vitamin A`, `group B streptococci` or `type 1`, has none of its words before it and stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from medadapt.core.records import LETTERS
from medadapt.records.cleaning import answer_form

OPEN, CLOSE = r"[(\[{'\"‘’“”`*]", r"[)\]}'\"‘’“”`*]"
CALLED = r"(?i:options?|choices?|answers?|ans|alternatives?|distractors?)"
GOES_ON = (
    r"\s*(?:[)\].,:;/&]|$|(?:is|are|was|were|and|or|because|since|can|cannot|would|should|does|could|may|has|have|"
    r"refers?|describes?|correct|incorrect|wrong|false|true|right)\b)"
)
UPPER = r"[A-E](?![\w'’+]|-\w)(?!\.\s?[a-z]{4})"  # B, but not B12, B-cell or E. coli
LOWER = rf"[a-e](?!\.\w)(?={GOES_ON})"  # a, where it is no article
NUMBER = (
    r"[1-5](?![\w%°/+]|-\w|\.\d|,\d\d)"  # 3, but not 3.5 or 3rd
    r"(?!\s*(?:mg|g|kg|ml|l|cm|mm|years?|months?|weeks?|days?|hours?|minutes?|times|out\s+of|or\s+more|of\s+the)\b)"
)
QUOTED = rf"{OPEN}{{1,2}}\s*[A-Ea-e1-5]\s*{CLOSE}{{1,2}}"
REF = rf"(?:{QUOTED}|{UPPER}|{LOWER}|{NUMBER})"
PLAIN_REF = rf"(?:{QUOTED}|{UPPER}|{NUMBER})"
AND = rf"\s*(?:,\s*(?:and\b|or\b)?|&|/|\+|\band\b|\bor\b)\s*(?:(?:{CALLED}|number)\s+)?"
REFS, PLAIN_REFS = (rf"(?P<refs>{one}(?:{AND}{one})*)" for one in (REF, PLAIN_REF))
JUDGED = (
    r"(?:is|are|was|were)\s+(?:(?:also|then|therefore|clearly|the|not|a|most|only|easily|directly)\s+)*"
    r"(?:correct|in\s?correct|true|false|wrong|right|untrue|ruled|discarded|excluded|best|answer|valid|invalid)\b"
)
STARTS = (
    r"(?:^|(?<=[.;:!?,(]\s)|(?<=[\n(])|(?<=\bso\s)|(?<=\bthat\s)|(?<=\band\s)|(?<=\bbut\s)|(?<=\b[Hh]ence\s)"
    r"|(?<=\bas\s)|(?<=\bor\s)|(?<=\bbecause\s)|(?<=\b[Tt]herefore\s)|(?<=\bsince\s)|(?<=\b[Tt]hus\s))"
)
IS = (
    r"(?:\s+(?i:is|are|was|were|would\s+(?:probably\s+)?(?:not\s+)?be|will\s+(?:probably\s+)?(?:not\s+)?be"
    r"|should\s+be|must\s+be|seems\s+to\s+(?:me\s+to\s+)?be)|\s+(?i:that\s+)?I\s+would\s+give\s+would\s+be)"
)

FORMS: dict[str, re.Pattern[str]] = {
    "option B; options 1 and 3; answer (c); answer, 3": re.compile(
        rf"\b{CALLED}(?:\s*[:,\-–]\s*|\s+(?:(?i:numbers?|nos?\.?)\s+)?|(?=[(\[])){REFS}"
    ),
    "the answer is 4; the correct option would be number 2": re.compile(
        rf"(?P<kept>\b{CALLED}(?:\s+to\s+this\s+question|\s+to\s+me)?{IS}\s*[:,]?\s*)"
        rf"(?:(?:(?i:options?|answers?)|the|numbers?)\s+)*{PLAIN_REFS}"
    ),
    "B is correct; (c) is the answer; so 2 is false": re.compile(rf"{STARTS}{PLAIN_REFS}(?=\s+{JUDGED})"),
    "1: True; B - incorrect": re.compile(
        rf"{STARTS}{PLAIN_REFS}(?=\s*[:.)\-–]\s*(?i:true|false|correct|incorrect|wrong|right)\b)"
    ),
    "we rule out 1; I would mark B": re.compile(
        rf"(?P<kept>\b(?i:rul(?:e|es|ed|ing)\s+out|discard(?:s|ed|ing)?|mark|tick)\s+){PLAIN_REFS}"
        r"(?=\s*(?:[).,;]|$|since\b|because\b|and\b))"
    ),
    "the 1 should not be; number 2 is true": re.compile(
        r"(?:(?<=\b[Tt]he )|\b[Nn]umber )(?P<refs>[1-5])(?=\s+(?:is|was|would|should|could|does|because|since)\b)"
    ),
}
"""What each form looks like, and its pattern: `refs` holds letters and numbers, `kept` stays before them."""

ONE_REF = re.compile(rf"{OPEN}{{1,2}}\s*([A-Ea-e1-5])\s*{CLOSE}{{1,2}}|\b([A-Ea-e1-5])\b")
NAMES = re.compile(rf"(?:{CALLED}|number)\s+")
BETWEEN = re.compile(r"^[\s,:;\-–]*")
LETTERED_LINE = re.compile(r"(?m)^[ \t]*\(?([A-Ea-e])(?:[):\]]|\.(?=\s+[A-Z(]))\s+(?=\S)")
MARK = "\x00"
"""Stands round the place of an option's text until all forms are done. No cleaned text holds it."""
SENTENCES = re.compile(r"(?<=[.!?])(?=\s)|(?=\n)")
SPELLED = re.compile(rf"{MARK}(?P<place>\d+){MARK}(?P<that_is>\s*,?\s*i\s*\.?\s*e\s*\.?[\s,:]+)?")


def with_options_spelled_out(text: str, options: Sequence[str]) -> str:
    """The explanation with options called by their text instead of their letter or number.

    Letters count from A and numbers from 1. A sentence about an option that the row does not have is left
    out; a letter or number that is itself the text of an option stays, for it may mean that. Letters before
    the lines of a list become dashes.
    """
    forms = {answer_form(option) for option in options}
    text = _without_line_letters(text)
    for pattern in FORMS.values():
        text = pattern.sub(lambda found: _marked(found, len(options), forms), text)
    if MARK not in text:
        return text
    text = "".join(sentence for sentence in SENTENCES.split(text) if f"{MARK}x{MARK}" not in sentence)
    return SPELLED.sub(lambda found: _spelled(found, options), text).strip()


def _marked(found: re.Match[str], num_options: int, forms: set[str]) -> str:
    """The match with a mark in the place of each letter or number; unchanged where it may be an option's text."""
    refs = NAMES.sub("", found["refs"])
    named = [ref[1] or ref[2] for ref in ONE_REF.finditer(refs)]
    if any(answer_form(name) in forms for name in named):
        return found[0]
    kept = found.groupdict().get("kept") or ""

    def mark(ref: re.Match[str]) -> str:
        name = ref[1] or ref[2]
        place = LETTERS.index(name.upper()) if name.isalpha() else int(name) - 1
        return f"{MARK}{place if place < num_options else 'x'}{MARK}"

    space = " " if not kept and found[0][:1].isspace() else ""
    return f"{kept}{space}{ONE_REF.sub(mark, refs)}"


def _spelled(found: re.Match[str], options: Sequence[str]) -> str:
    """The option's text in quotation marks; nothing where the text goes on with it anyway."""
    option, after = options[int(found["place"])].rstrip(" ."), found.string[found.end() :]
    if found["that_is"] and after:
        return ""
    goes_on = BETWEEN.sub("", after, count=1).casefold().startswith(option.casefold())
    return "" if goes_on else f'"{option}"{found["that_is"] or ""}'


def _without_line_letters(text: str) -> str:
    letters = [found[1].upper() for found in LETTERED_LINE.finditer(text)]
    if len(letters) < 2 or letters != list(LETTERS[: len(letters)]):
        return text
    return LETTERED_LINE.sub("- ", text)
