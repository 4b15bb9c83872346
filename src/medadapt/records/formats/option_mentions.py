"""Mentions of options by letter or number inside an explanation, replaced by what the option says.

"Option B is wrong because ..." teaches nothing once the letter is gone or the options stand in another order;
with the option's own text it is a reason. The table below names the forms; what only looks like one, such as
`vitamin A`, `group B streptococci` or `type 1`, has none of its words before it and stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from medadapt.core.records import LETTERS
from medadapt.records.cleaning.texts import answer_form

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
    r"(?=[A-E1-5(\[{'\"‘’“”`*])"  # first, because it is quick and seldom holds
    r"(?:^|(?<=[.;:!?,(]\s)|(?<=[\n(])|(?<=\bso\s)|(?<=\bthat\s)|(?<=\band\s)|(?<=\bbut\s)|(?<=\b[Hh]ence\s)"
    r"|(?<=\bas\s)|(?<=\bor\s)|(?<=\bbecause\s)|(?<=\b[Tt]herefore\s)|(?<=\bsince\s)|(?<=\b[Tt]hus\s))"
)
NUMBERS = rf"(?P<refs>{NUMBER}(?:(?:{AND}|\s+to\s+){NUMBER})*)"
TWO_NUMBERS = rf"(?P<refs>{NUMBER}(?:(?:{AND}|\s+to\s+){NUMBER})+)"
ENDS = r"(?=\s*(?:[.,;:()]|$|(?:since|because|but)\b))"
IS = (
    r"(?:\s+(?i:is|are|was|were|would\s+(?:probably\s+)?(?:not\s+)?be|will\s+(?:probably\s+)?(?:not\s+)?be"
    r"|should\s+be|must\s+be|seems\s+to\s+(?:me\s+to\s+)?be)|\s+(?i:that\s+)?I\s+would\s+give\s+would\s+be)"
)

MARK = "\x00"
"""Stands round the place of an option's text until all forms are done. No cleaned text holds it."""

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
        r"(?=\s*(?:[().,;]|$|since\b|because\b|and\b))"
    ),
    "the 1 should not be; number 2 is true": re.compile(
        r"(?:(?<=\b[Tt]he )|\b[Nn]umber )(?P<refs>[1-5])(?=\s+(?:is|was|would|should|could|does|because|since)\b)"
    ),
    "3, 4 and 5 are not even close": re.compile(
        rf"(?=[1-5]){STARTS}{TWO_NUMBERS}(?=\s+(?:is|are|was|were|would|could|should|seem|do)\b)"
    ),
    "2 is absurd, and 3 seems old; although 1 is incomplete": re.compile(  # one number and a verb in the singular
        rf"(?=[1-5])(?:{STARTS}|(?<=\balthough\s)|(?<=\bwhy\s))(?P<refs>{NUMBER})(?=\s+(?:also\s+|then\s+|usually\s+)?"
        r"(?:is|was|does|has|seems|speaks|refers|presents|describes)\b)"
    ),
    "4 could make us doubt": re.compile(
        rf"(?:^|(?<=[.!?]\s))(?P<refs>{NUMBER})(?=\s+(?:will|would|could|can|should|might)\b)"
    ),
    "(3 and 4 false)": re.compile(
        rf"(?<=\(){NUMBERS}(?=\s+(?:is\s+|are\s+)?(?:in)?(?:correct|false|true|wrong)\s*\))"
    ),
    "questions 1 and 2 are out; question 3 seems odd": re.compile(
        rf"\b(?i:questions?)\s+{NUMBERS}(?=\s+(?:is|are|was|were|seems?|could|would|can)\b)"
    ),
    "Between 3 and 5, we prefer": re.compile(
        rf"(?P<kept>(?:^|(?<=[.!?]\s))Between\s+){TWO_NUMBERS}(?=\s*[,;])"
    ),
    "the doubt is between 2 and 3": re.compile(
        rf"(?P<kept>\b(?i:doubts?|stay|hesitat\w*|choos\w*|decid\w*)\b[^.;\d]{{0,25}}\bbetween\s+){TWO_NUMBERS}{ENDS}"
    ),
    "I would opt for 1; we stay with 2; neither 1 (old) nor 5 (new)": re.compile(
        rf"(?P<kept>\b(?i:opt(?:ed)?\s+for|(?:stay|go|remain|left)\s+with|choose|neither|nor|regarding\s+number)\s+(?:the\s+)?)"
        rf"{PLAIN_REFS}(?=\s*(?:[.,;:()]|$|(?:since|because|for|as|nor)\b))"
    ),
    "it is not 4 (otitis); and not 1 because; why not 2?": re.compile(
        rf"(?P<kept>\b(?i:it\s+is|and|but|why)\s+not\s+){NUMBERS}(?=\s*(?:[(?]|(?:since|because)\b))"
    ),
    "the true one is 3; the most correct would be 5": re.compile(
        r"(?P<kept>\b(?i:correct|true|right|best|false|wrong|intended)(?:\s+(?:one|response|statement))?"
        rf"(?:{IS}|\s+number)\s+(?:the\s+)?(?:number\s+)?){PLAIN_REFS}{ENDS}"
    ),
    "the answer that fits best would be 5; the options left: 2 and 3": re.compile(
        r"(?P<kept>\b(?i:answers?|options?|choices?|response\s+that)\b[^.;:\d\"]{0,60}?"
        rf"(?:{IS}|\s+(?:left|remaining)\s*:)\s+(?:the\s+)?){NUMBERS}{ENDS}"
    ),
    "the diagnosis is 1; I see it if it was 1; the examiner's was the 1": re.compile(
        rf"(?P<kept>\b(?:diagnosis\s+is|if\s+it\s+(?:is|was|were)|was\s+the)\s+){NUMBERS}(?=\s*(?:[.,;]|$|and\s+I\b))"
    ),
    "with 2 we would rule out": re.compile(
        rf"(?P<kept>\b[Ww]ith\s+){NUMBERS}(?=\s+(?:we|you|one)\s+(?:would|could|can|should)\b)"
    ),
    "even if we consider 1 to be correct": re.compile(
        rf"(?P<kept>\bconsider\s+){NUMBERS}(?=\s+(?:to\s+be\s+|as\s+)?(?:in)?(?:correct|false|true|wrong)\b)"
    ),
    "by rule 1 would be easy to eliminate": re.compile(
        rf"(?P<kept>\b[Bb]y\s+rule\s+){NUMBERS}(?=\s+(?:would|could|can|should)\b)"
    ),
    "also 1 and 2 (and exceptionally 5) could": re.compile(
        rf"(?P<kept>\balso\s+){TWO_NUMBERS}(?=\s+(?:\(|(?:would|could|can|may)\b))"
    ),
    "the second half of it": re.compile(
        rf"(?P<kept>\((?:and|or)\s+(?:\w+\s+){{0,2}}){NUMBERS}(?=\)\s*(?:would|could|can|may)\b)"
    ),
    "two answers that we can rule out ...: 1 (old) and 3 (late)": re.compile(
        rf"(?P<kept>\b(?:answers|options|choices)\b[^.:]+:\s+)(?P<refs>{NUMBER})"
        r"(?=\s\([^()]+\)\s+and\s+[1-5]\s\()"
    ),
    "its second number": re.compile(
        rf"(?P<kept>:\s+{MARK}\w{MARK}\s\([^()]+\)\s+and\s+)(?P<refs>{NUMBER})(?=\s\()"
    ),
    "Between 3 and option 5, found above": re.compile(
        rf"(?P<kept>(?:^|(?<=[.!?]\s))Between\s+)(?P<refs>{NUMBER})(?=\s+(?:and|or)\s+{MARK})"
    ),
}
"""What each form looks like, and its pattern: `refs` holds letters and numbers, `kept` stays before them.

Forms are tried in this order; a later one may build on what an earlier one marked.
"""

ONE_REF = re.compile(rf"{OPEN}{{1,2}}\s*([A-Ea-e1-5])\s*{CLOSE}{{1,2}}|\b([A-Ea-e1-5])\b")
NAMES = re.compile(rf"(?:{CALLED}|number)\s+")
BETWEEN = re.compile(r"^[\s,:;\-–]*")
NUMBERED_ITEM = re.compile(rf"(?=[1-5])(?:^|(?<=[.!?\n]\s)|(?<=\n)){NUMBERS}(?=\s*:\s)")
JUDGEMENT = re.compile(r"\b(?:(?:in)?correct|true|false|wrong)\b", re.IGNORECASE)
LETTERED_LINE = re.compile(r"(?m)^[ \t]*\(?([A-Ea-e])(?:[):\]]|\.(?=\s+[A-Z(]))\s+(?=\S)")
SENTENCES = re.compile(r"(?<=[.!?])(?=\s)|(?=\n)")
SPELLED = re.compile(rf"{MARK}(?P<place>\d+){MARK}(?P<that_is>\s*,?\s*i\s*\.?\s*e\s*\.?[\s,:]+)?")


def with_options_spelled_out(text: str, *, options: Sequence[str], answer_index: int) -> str:
    """The explanation with options called by their text instead of their letter or number.

    Letters count from A and numbers from 1. A sentence about an option that the row does not have is left
    out; a letter or number that is itself the text of an option stays, for it may mean that. Letters before
    the lines of a list become dashes, and a number behind the thing it stands for goes.
    """
    forms = {answer_form(option) for option in options}
    text = _without_line_letters(_without_number_behind(text, options, answer_index))
    patterns = list(FORMS.values())
    if len(NUMBERED_ITEM.findall(text)) > 2 and JUDGEMENT.search(text):  # a verdict on each option
        patterns.append(NUMBERED_ITEM)
    for pattern in patterns:
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


def _without_number_behind(text: str, options: Sequence[str], answer_index: int) -> str:
    """Without the number of the right option in round brackets, and the one behind an option's own text."""
    text = re.sub(rf"(?<=[^\W\d])\s*\({answer_index + 1}\)(?=\s*(?:[.,;]|$)|\s+[A-Z])", "", text)
    for place, option in enumerate((option.rstrip(" .") for option in options), start=1):
        # Shorter ones may be the front of a name, as in "stage 3".
        if len(option) > 8 and option.casefold() in text.casefold():
            text = re.sub(
                rf"(?i)({re.escape(option)})\s+(?:{place}|\({place}\))(?=\s*(?:[.,;]|$))", r"\1", text
            )
    return text


def _without_line_letters(text: str) -> str:
    letters = [found[1].upper() for found in LETTERED_LINE.finditer(text)]
    if len(letters) < 2 or letters != list(LETTERS[: len(letters)]):
        return text
    return LETTERED_LINE.sub("- ", text)
