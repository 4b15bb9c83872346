"""Is something denied in one text that the other one affirms?

Denials are found by their words, and each reaches over the words next to it up to the end of its clause (in the
manner of NegEx: Chapman et al., J. Biomed. Inform. 2001). `unsafe`, `painless` or `contraindicated` deny too. Two
clauses on the same matter contradict each other where they differ in whether their number of denials is odd, and
a word that both have is denied in one of them alone: `no treatment is needed` agrees with `treatment is not needed`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from medadapt.metrics.contrast.directions import direction_of
from medadapt.metrics.contrast.findings import Compared, Finding
from medadapt.metrics.contrast.statements import Statement, Texts, likeness, statement
from medadapt.metrics.contrast.words import KEPT, Word, listed, plain, word_key

CLAUSE_END = re.compile(
    r"[;:()]|,?\s+(?=(?:but|although|though|unless|because|while|whereas|however|until|except|so that)\b)"
    r"|,\s+(?=(?:and|or|so|which|who|if|when|as|yet)\b)|,\s+(?=\w+\s+(?:is|are|should|must|can|may|will|do|does)\b)",
    re.IGNORECASE,
)
AHEAD = 8
"""Words that `not` reaches over, at most."""
OF_A_NOUN = 4
"""Words that `no`, `without` and the like reach over: the noun they belong to."""
SHORT = 3
"""One shared content word tells what a clause is about only where neither clause has more of them than this."""

VERBAL = listed(
    """
    not never avoid avoids avoided avoiding fails fail failed unable refrain neither nor hardly rarely
    seldom nobody none
    """
)  # fmt: skip
NOMINAL = listed(
    """
    no without free lack lacks lacking absence denies denied nothing excluded exclude excludes absent
    unlikely
    """
)  # fmt: skip
BEHIND = frozenset({"avoided", "absent", "unlikely", "excluded"})
"""Denials of what stands before them: `aspirin should be avoided`."""
NOT_FREE = re.compile(r"\bfree\b(?!\s+(?:of|from)\b)", re.IGNORECASE)
NO_DENIAL = re.compile(
    r"\b(?:no|not|never)\s+(?:\w+\s+){0,2}?(?:more|less|fewer|later|earlier|longer|older|younger|\w+er)\s+than\b|\bnot\s+(?:exceed|necessarily)\w*"
    r"|\bwhy\s+not\b|\b(?:lack|absence)\s+of\s+evidence\b(?=\s*$)",
    re.IGNORECASE,
)
"""Bounds, which the rule of comparisons reads, and phrases that deny nothing."""
AUXILIARY = listed(
    """
    is are was were be been do does did has have had can could may might must should will would
    """
)

OPPOSITES = dict(
    pair.split(":")
    for pair in listed(
        """
        unsafe:safe harmless:harm painless:pain painlessly:pain symptomless:symptoms useless:useful
        contraindicated:recommended discouraged:recommended negative:positive stop:continue
        stops:continue stopped:continue stopping:continue discontinue:continue discontinued:continue
        rare:common forbidden:allowed prohibited:allowed abnormal:normal abnormally:normal
        abnormality:normal abnormalities:normal asymptomatic:symptoms untreated:treat
        noncontagious:contagious false:true incurable:cure sterile:fertile benign:malignant
        noncancerous:cancer unconscious:conscious unaware:aware inadequate:adequate odourless:odour
        odorless:odor sleepless:sleep
        """
    )
)
"""Words that are the denial of another one."""
DENIABLE = listed(
    """
    safe normal necessary needed effective common usual likely healthy stable changed affected known
    clear complete active dependent contagious infectious fertile frequent sufficient adequate
    appropriate possible reversible regular curable invasive cancerous specific harmful helpful
    related important avoidable vaccinated immunised detectable visible controlled explained
    comfortable wanted responsive familiar restricted damaged injured infected exposed resolved
    diagnosed required recommended tolerant tolerated competent mature satisfactory equal even
    advisable suitable
    """
)
"""Words that `un-` and the like deny; of others, such as `under`, they are a part."""
_DENIABLE_KEYS = frozenset(word_key(word) for word in DENIABLE)
PREFIX = re.compile(r"^(?:un|in|im|ir|il|non-?|dis)(?=[a-z]{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A clause and what is denied in it."""

    statement: Statement
    denied: dict[str, bool]
    """Key of each content word -> whether an odd number of denials reaches it."""
    odd: bool
    """Whether the clause as a whole has an odd number of denials."""
    directions: frozenset[tuple[str, int]]
    """Words of more and less in it (`directions.py`)."""


def negation(texts: Texts) -> Compared:
    """Things that one text denies and the other affirms."""
    said = [clause for sentence in texts.answer for clause in clauses(sentence.text)]
    agreed = 0
    findings: list[Finding] = []
    for wanted in (clause for sentence in texts.reference for clause in clauses(sentence.text)):
        rivals = [(_likeness(one, wanted), one) for one in said]
        near = [(how_like, one) for how_like, one in rivals if how_like >= 0.5]
        if not near:
            continue
        best = max(how_like for how_like, _ in near)
        against = [
            (one, word)
            for how_like, one in near
            if how_like == best and (word := _denied_in_one(one, wanted))
        ]
        if not against or any(_affirms(one, wanted, word) for _, one in near for _, word in against):
            agreed += 1
            continue
        one, word = against[0]
        findings.append(Finding(kind="negation", answer=one.statement.text, reference=wanted.statement.text,
                                said=_phrase(one, word), wanted=_phrase(wanted, word)))  # fmt: skip
    return Compared(agreed=agreed, findings=tuple(findings))


@lru_cache(maxsize=KEPT)
def clauses(sentence: str) -> tuple[Clause, ...]:
    """The clauses of a sentence with what each denies; a question states nothing."""
    if sentence.rstrip().endswith("?"):
        return ()
    parts = [part for part in CLAUSE_END.split(plain(sentence)) if part and part.strip(" ,.")]
    return tuple(_clause(sentence, part) for part in parts)


def _clause(sentence: str, part: str) -> Clause:
    masked = NOT_FREE.sub("at liberty", NO_DENIAL.sub(" than ", part))
    found = statement(sentence, masked)
    words, count = found.words, 0
    times = [0] * len(words)
    keys: list[str] = [word.key for word in words]
    for place, word in enumerate(words):
        if word.lower in VERBAL or word.lower in NOMINAL:
            count += 1
            for reached in _reach(words, place):
                times[reached] += 1
        elif (root := denial_of(word.lower)) is not None:
            count += 1
            keys[place] = root
            times[place] += 1
    said = [place for place, word in enumerate(words) if word.content and word.lower not in VERBAL | NOMINAL]
    denied = {keys[place]: times[place] % 2 == 1 for place in said}
    directions = frozenset(turn for word in words if (turn := direction_of(word.lower)))
    matter = frozenset(denied)
    whole = Statement(text=sentence, plain=part, words=words, matter=matter)
    return Clause(statement=whole, denied=denied, odd=count % 2 == 1, directions=directions)


@lru_cache(maxsize=KEPT)
def denial_of(lower: str) -> str | None:
    """The key of what a word denies: `safe` of `unsafe`; None where it denies nothing."""
    if lower in OPPOSITES:
        return word_key(OPPOSITES[lower])
    if prefix := PREFIX.match(lower):
        root = word_key(lower[prefix.end() :])
        if lower.startswith("non") or root in _DENIABLE_KEYS:
            return root
    return None


def _reach(words: Sequence[Word], place: int) -> list[int]:
    """Places of the words that a denial reaches over."""
    if words[place].lower in BEHIND and not any(word.content for word in words[place + 1 : place + 3]):
        return list(range(place))
    nominal = words[place].lower in NOMINAL
    most = OF_A_NOUN if nominal else AHEAD
    reached: list[int] = []
    for ahead in range(place + 1, len(words)):
        stop = words[ahead].lower in VERBAL or (nominal and words[ahead].lower in AUXILIARY)
        noun_is_over = words[place].lower == "without" and any(words[one].content for one in reached)
        if stop or noun_is_over or len(reached) == most:
            break
        reached.append(ahead)
    if words[place].lower in BEHIND:
        return [*range(place), *reached]
    return reached


def _likeness(one: Clause, other: Clause) -> float:
    first, second = one.statement.matter, other.statement.matter
    if len(first & second) == 1 and max(len(first), len(second)) > SHORT:
        return 0.0
    return likeness(first, second)


def _turned(one: Clause, other: Clause) -> bool:
    """Whether the clauses use opposite words of one scale: `not lower` and `raise` deny the same."""
    return any(
        (scale, -way) in other.directions and (scale, way) not in other.directions
        for scale, way in one.directions
    )


def _denied_in_one(one: Clause, other: Clause) -> str | None:
    """A word that one clause denies and the other affirms, where the clauses as a whole differ too."""
    if one.odd == other.odd or _turned(one, other):
        return None
    return next(
        (word for word in other.denied if word in one.denied and one.denied[word] != other.denied[word]), None
    )


def _affirms(one: Clause, wanted: Clause, word: str) -> bool:
    """Whether a clause says the same of this word as the reference does."""
    return word in one.denied and (one.denied[word] == wanted.denied[word] or one.odd == wanted.odd)


def _phrase(clause: Clause, key: str) -> str:
    """The word with what denies it, as far as it can be shown in few words."""
    for place, word in enumerate(clause.statement.words):
        if word.key == key or denial_of(word.lower) == key:
            denials = (
                [w.lower for w in clause.statement.words if w.lower in VERBAL | NOMINAL] if clause.odd else []
            )
            return " ".join([*denials[:1], word.text]) if denials else clause.statement.words[place].text
    return key
