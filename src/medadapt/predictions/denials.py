"""What turns a named answer down: a denial before it, a refusal after it, second thoughts further on.

Each pattern starts at a known place and looks a bounded way, so that a long answer costs no more than its length.
"""

from __future__ import annotations

import re

NEGATION = re.compile(
    r"\b(?:not|no|never|without|neither|nor|unlikely|impossible|cannot|exclude[sd]?|excluding|rul(?:e|ed|es|ing)[ -]out"
    r"|rather than|instead of|avoid(?:ed|ing)?|contraindicated|incorrect|wrong|false|mistake|absent|den(?:y|ies|ied)"
    r"|(?:history|absence|risk|free) of|allerg(?:y|ic) to|vaccinated against"
    r"|father|mother|brother|sister|parents?|(?:any|every)thing but|all but|(?<!none )other than|except)\b|n't\b"
    r"|(?<!-)(?<!gram )\bnegative\b",
    re.IGNORECASE,
)
"""A sentence with one of these may name an answer in order to deny it, or as the patient's past."""

NO_DOUBT = re.compile(
    r"(?:\b(?:no|not|never|little|without(?: an?y?)?|beyond(?: an?y?)?)|n't) (?:doubt|mistaken?)\b",
    re.IGNORECASE,
)
# At most four words lie between a denial and what it denies, and none of them begins another clause.
SAME_CLAUSE = r"(?:(?!(?:and|but|so|then|therefore|thus|hence|because|since|while|yet|however)\b)[\w'-]+\s+)"
DENIED_BEFORE = re.compile(
    r"(?:(?:\b(?:not|never|cannot|nobody|no\s+one|none|few|refuse[sd]?|avoid|worst|least"
    r"|doubt(?:s|ed|ful)?|unlikely|improbable|impossible"
    r"|wrong(?:ly)?|incorrect(?:ly)?|false(?:ly)?|mistake(?:nly)?|error|rather\s+than|instead\s+of)|n't)\s+"
    rf"{SAME_CLAUSE}{{0,4}}|\bif\s+{SAME_CLAUSE}{{0,2}})$",
    re.IGNORECASE,
)
AT_ONCE_BEFORE = re.compile(r"(?:\b(?:not|never|cannot)|n't)\s+$", re.IGNORECASE)

BE = (
    r"(?:is|are|was|were|seems?|appears?|looks?|has been|(?:to|must|should|can|could|may|would) be)\s+"
    r"(?:(?:an?|the|clearly|definitely|simply|most|very|highly|also|therefore|probably|likely|quite|rather)\s+)*"
)
BAD = (
    r"(?:incorrect|wrong|false|unlikely|impossible|excluded|eliminated|rejected|contraindicated|absent|negative"
    r"|avoided|mistake|error|ruled\s+out|less\s+likely)\b"
)
GOOD = (
    r"(?:(?:the|a|very|most)\s+)*(?:correct|right|true|likely|possible|best|answer|appropriate|indicated"
    r"|fit|help|apply|match)\b"
)
NOT = r"(?:(?:is|are|was|were|do|does|did|can|could|would|should|will|has|have)(?:\s+not|n't)|cannot)\b"
# `It is wrong to give codeine` and `it is unlikely that codeine helps` judge something else.
OF_ANOTHER = r"(?!\s+(?:to(?!\s+be\s+(?:the\s+)?(?:correct|right|true))|that)\b)"
GAP = r"[\s.:;,!()\[\]\"'–—-]{0,12}"
TURNED_DOWN = re.compile(
    # `is wrong`, `does not help`, straight after the name
    rf"\s{{0,3}}(?:{BE}{BAD}|{NOT})"
    # `. This is incorrect`, `, which is wrong`, `: wrong, since`, `(unlikely)`, `- no;`
    rf"|(?P<apart>{GAP}(?:"
    rf"(?:which|this|that|it)(?:'s|\s+(?:option|answer|choice|one))?\s+"
    rf"(?:{BE}{BAD}|(?:{BE})?not\s+{GOOD}|{NOT}\s+(?:be\s+)?{GOOD}){OF_ANOTHER}"
    rf"|(?:{BAD}|not\s+{GOOD}|no\b)(?=\s*(?:$|[.,;!?)\]\n–—-])|\s+(?:because|since|as|due|given)\b)))",
    re.IGNORECASE,
)
# `tablets are wrong` after an option's letter or text: a few more words of the option, none of a reason or of another.
REST_TURNED_DOWN = re.compile(
    r"\s{0,3}(?:(?!(?i:because|since|as|while|and|but|if|than|this|that|it|which|others?|rest|else|all)\b|[A-J]\b)"
    r"[\w'%-]+ ){1,6}"
    rf"(?i:{BE}(?:incorrect|wrong|false|ruled\s+out)\b|{NOT}\s+{GOOD})"
)
SAYS_NO = re.compile(r"(?:no|false|wrong|incorrect|untrue|not (?:true|correct|right))", re.IGNORECASE)
SECOND_THOUGHTS = re.compile(
    r"\b(?:wait|hmm+|oops|sorry|actually)\W{1,4}no\b(?!\s+(?:matter|doubt|longer|other))|\bno\W{1,4}wait\b"
    r"|\bon second thought|\bscratch that\b|\bI was wrong\b|\bmy mistake\b",
    re.IGNORECASE,
)


def is_denied_before(text: str, start: int, *, concludes: bool = False) -> bool:
    """Whether the clause before `start` denies what follows there: `I doubt that the `, `a mistake to `.

    `concludes` tells that the word at `start` is a `so` or `therefore`: it begins a clause of its own.
    """
    before = NO_DOUBT.sub("", text[max(0, start - 80) : start])
    return (AT_ONCE_BEFORE if concludes else DENIED_BEFORE).search(before) is not None


def is_turned_down(text: str, end: int, said: str) -> bool:
    """Whether words that refuse the name that ends at `end` follow it. `said` is the name.

    After an answer that says no itself (`No`, `False`) `this is incorrect` speaks of the claim in question.
    """
    match = TURNED_DOWN.match(text, end)
    return match is not None and not (match["apart"] and SAYS_NO.fullmatch(said))


def is_rest_turned_down(text: str, start: int, said: str) -> bool:
    """Whether the words from `start` go on with the option `said` and call it wrong: ` tablets are wrong`."""
    return REST_TURNED_DOWN.match(text, start) is not None and not SAYS_NO.fullmatch(said)


def has_second_thoughts(text: str) -> bool:
    """Whether an answer is taken back in so many words: `Wait, no`, `on second thought`."""
    return SECOND_THOUGHTS.search(text) is not None
