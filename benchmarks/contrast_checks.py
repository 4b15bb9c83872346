"""How many contradictions the contrast checks find, and how many harmless rewordings they take for one.

Half of the pairs were written by hand (tests/metrics/contrast); this script makes the other half from sentences of
MedQuAD and WikiDoc, with word lists of its own. It was written after the rules were first frozen (86cae04), and draws
other sentences (`SEED`) each time that the rules were changed since, last at commit `FROZEN`. A contrast
changes one thing of a sentence; a paraphrase changes at least two words or the order, and no fact. Sentences
of both kinds have something that could be contradicted. The results hold counts only: no text of the data.
"""

from __future__ import annotations

import csv
import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

FROZEN = "06d1b81"
SEED = 1
EACH = {"negation": 17, "number": 17, "unit": 17, "comparison": 17, "side": 15, "name": 17}
HAND = Path(__file__).resolve().parents[1] / "tests" / "metrics" / "contrast"


class Sentence(NamedTuple):
    """A sentence of an answer, and the question it answers."""

    question: str
    text: str


def measure(data: Path) -> dict[str, Any]:
    """Flagged and all, by half and kind."""
    hand = [line.split("\t") for line in _lines(HAND / "contrasts_by_hand.tsv")]
    reworded = [line.split("\t") for line in _lines(HAND / "paraphrases_by_hand.tsv")]
    made = made_pairs(data)
    return {
        "frozen": FROZEN,
        "by_hand": _rates(
            [(kind, asked, wanted, said) for kind, asked, wanted, said in hand],
            [(asked, wanted, said) for asked, wanted, said in reworded],
        ),
        "by_script": _rates(*made),
    }


def _rates(
    contrasts: list[tuple[str, str, str, str]], paraphrases: list[tuple[str, str, str]]
) -> dict[str, Any]:
    from medadapt.metrics.contrast.checking import contradictions

    kinds: dict[str, dict[str, int]] = {}
    for kind, asked, wanted, said in contrasts:
        found = contradictions(said, wanted, question=asked)
        row = kinds.setdefault(kind, {"pairs": 0, "flagged": 0, "as_this_kind": 0})
        row["pairs"] += 1
        row["flagged"] += bool(found)
        row["as_this_kind"] += kind in {finding.kind for finding in found}
    flagged = sum(bool(contradictions(said, wanted, question=asked)) for asked, wanted, said in paraphrases)
    return {"contrasts": kinds, "paraphrases": {"pairs": len(paraphrases), "flagged": flagged}}


def made_pairs(data: Path) -> tuple[list[tuple[str, str, str, str]], list[tuple[str, str, str]]]:
    """100 contrasts (kind, question, reference, answer) and 100 paraphrases (question, reference, answer)."""
    rng = random.Random(SEED)
    sentences = list(_sentences(data))
    rng.shuffle(sentences)
    foci = sorted({focus for sentence in sentences if (focus := _focus(sentence.question))})
    used: set[str] = set()
    contrasts, paraphrases = [], []
    for kind, count in EACH.items():
        changed = _take(sentences, used, count, lambda one, kind=kind: CHANGES[kind](one, rng, foci))
        contrasts += [(kind, one.question, one.text, answer) for one, answer in changed]
        again = _take(
            sentences,
            used,
            count,
            lambda one, kind=kind: _reworded(one) if CHANGES[kind](one, rng, foci) else None,
        )
        paraphrases += [(one.question, one.text, answer) for one, answer in again]
    return contrasts, paraphrases


def _take(
    sentences: list[Sentence], used: set[str], count: int, change: Callable[[Sentence], str | None]
) -> list[tuple[Sentence, str]]:
    found: list[tuple[Sentence, str]] = []
    for one in sentences:
        if len(found) == count:
            break
        if one.text in used:
            continue
        answer = change(one)
        if answer is not None and answer != one.text:
            used.add(one.text)
            found.append((one, answer))
    return found


def _sentences(data: Path) -> Iterator[Sentence]:
    csv.field_size_limit(sys.maxsize)
    with (data / "medquad" / "train.csv").open(encoding="utf-8", newline="") as file:
        pairs = [(row["Question"], row["Answer"]) for row in csv.DictReader(file)]
    lines = _lines(data / "open_medical_qa" / "wikidoc_patient_information.question_response.jsonl")
    pairs += [(row["question"], row["response"]) for row in map(json.loads, lines)]
    seen = set()
    for question, answer in pairs:
        for part in re.split(r"(?<=[.!?])\s+|\n+", answer):
            text = re.sub(r"\s+", " ", part).strip(" -")
            if text in seen or not re.fullmatch(r"[A-Z][ -~]*[a-z)]\.", text):
                continue
            if 8 <= len(text.split()) <= 35 and "http" not in text and ":" not in text:
                seen.add(text)
                yield Sentence(question, text)


def _focus(question: str) -> str | None:
    match = re.search(
        r"(?:of|for|is|\(are\)|causes|have|by|related to|with|prevent|diagnose|treat) ([^?]+?)\s*\?", question
    )
    focus = match[1].strip() if match else None
    return (
        focus
        if focus and 1 <= len(focus.split()) <= 4 and not re.search(r"\b(?:the|inherited|you)\b", focus)
        else None
    )


def _negation(one: Sentence, rng: random.Random, _: list[str]) -> str | None:
    for pattern, instead in (
        (r"\b(is|are|was|were|can|may|should|will|must|do|does) not ", r"\1 "),
        (r"\b(there is|there are|has|have|had) no ", r"\1 "),
        (r"\b(is|are|can|should|will|must) (?!not\b)(?=[a-z]+\b)", r"\1 not "),
    ):
        if re.search(pattern, one.text) and rng.random() < 0.7:
            return re.sub(pattern, instead, one.text, count=1)
    return None


NUMBER = r"(?<![\w.,/-])(?!(?:19|20)\d\d\b)(\d+(?:\.\d+)?)(?= (?:[a-z]{3,}|mg|g|ml|cm|mm|kg)\b|%)"


def _number(one: Sentence, rng: random.Random, _: list[str]) -> str | None:
    if not re.search(NUMBER, one.text):
        return None
    factor = rng.choice((10, 2, 0.1))
    return re.sub(NUMBER, lambda match: f"{float(match[1]) * factor:g}", one.text, count=1)


SWAPPED_UNITS = """
    mg:g mcg:mg g:kg milligrams:grams micrograms:milligrams grams:milligrams mm:cm cm:m inches:feet
    days:weeks day:week weeks:months week:month months:years years:months year:month hours:days
    hour:day minutes:hours pounds:ounces ml:L cups:spoons
"""
UNIT_SWAPS = dict(pair.split(":") for pair in SWAPPED_UNITS.split())
UNIT = rf"(?<=\d )({'|'.join(UNIT_SWAPS)})\b"


def _unit(one: Sentence, *_: object) -> str | None:
    if not re.search(UNIT, one.text):
        return None
    return re.sub(UNIT, lambda match: UNIT_SWAPS[match[1]], one.text, count=1)


OPPOSITES = [
    ("increase", "decrease"),
    ("increases", "decreases"),
    ("increased", "decreased"),
    ("raise", "lower"),
    ("raises", "lowers"),
    ("high", "low"),
    ("higher", "lower"),
    ("more than", "less than"),
    ("above", "below"),
    ("at least", "at most"),
    ("older", "younger"),
    ("improve", "worsen"),
    ("improves", "worsens"),
    ("better", "worse"),
    ("weight gain", "weight loss"),
    ("reduce", "increase"),
    ("before", "after"),
]
TURNED = {a: b for pair in OPPOSITES for a, b in (pair, pair[::-1])}
TURN = rf"\b({'|'.join(sorted(TURNED, key=len, reverse=True))})\b"


def _comparison(one: Sentence, *_: object) -> str | None:
    if len(re.findall(TURN, one.text)) != 1:
        return None
    return re.sub(TURN, lambda match: TURNED[match[1]], one.text)


SIDES = {"left": "right", "right": "left", "upper": "lower", "lower": "upper", "front": "back"}
SIDE = (
    r"\b(left|right|upper|lower|front)(?= (?:side|half|part|arm|leg|legs|arms|ventricle|atrium|kidney|lung|eye|ear|hand"
    r"|foot|jaw|abdomen|belly|back|body|limbs|airway|airways|chest|lobe|lobes|heart|breast|shoulder|teeth|lip|respiratory|intestine"
    r"|eyelid|eyelids|quadrant|digestive|spine)\b)"
)


def _side(one: Sentence, *_: object) -> str | None:
    if len(re.findall(SIDE, one.text)) != 1:
        return None
    return re.sub(SIDE, lambda match: SIDES[match[1]], one.text)


def _name(one: Sentence, rng: random.Random, foci: list[str]) -> str | None:
    focus = _focus(one.question)
    if not focus or not re.search(rf"\b{re.escape(focus)}\b", one.text, re.IGNORECASE):
        return None
    other = rng.choice(foci)
    while other.lower() in one.text.lower():
        other = rng.choice(foci)
    return re.sub(rf"\b{re.escape(focus)}\b", lambda _: other, one.text, flags=re.IGNORECASE)


CHANGES: dict[str, Callable[[Sentence, random.Random, list[str]], str | None]] = {
    "negation": _negation, "number": _number, "unit": _unit, "comparison": _comparison, "side": _side, "name": _name,
}  # fmt: skip

REWORDED = [
    (r"\busually\b", "in most cases"),
    (r"\boften\b", "frequently"),
    (r"\bdoctor\b", "physician"),
    (r"\bdoctors\b", "physicians"),
    (r"\bcaused by\b", "due to"),
    (r"\bfor example\b", "for instance"),
    (r"\brare\b", "uncommon"),
    (r"\bbegins?\b", "starts"),
    (r"\bis called\b", "is known as"),
    (r"\bsevere\b", "serious"),
    (r"\bis not\b", "isn't"),
    (r"\bare not\b", "aren't"),
    (r"\bdoes not\b", "doesn't"),
    (r"\bdo not\b", "don't"),
    (r"\bcannot\b", "can't"),
    (r"\bshould not\b", "shouldn't"),
    (r"\bmay\b", "might"),
    (r"\babout (?=\d)", "approximately "),
    (r"\bpercent\b", "per cent"),
    (r"(?<=\d)%", " percent"),
    (r"\bmg\b", "milligrams"),
    (r"\bmcg\b", "micrograms"),
    (r"\bmilligrams\b", "mg"),
    (r"\binches\b", "in."),
    (r"\bcm\b", "centimeters"),
    (r"\btwo\b", "2"),
    (r"\bthree\b", "3"),
    (r"\bfour\b", "4"),
    (r"\bfive\b", "5"),
    (r"\bsix\b", "6"),
    (r"\bten\b", "10"),
    (r"(?<![\w.,/-])2(?= [a-z])", "two"),
    (r"(?<![\w.,/-])3(?= [a-z])", "three"),
    (r"(?<![\w.,/-])5(?= [a-z])", "five"),
    (r"(?<![\w.,/-])10(?= [a-z])", "ten"),
    (r"\bincreases\b", "raises"),
    (r"\bmore than (?=\d)", "over "),
    (r"\bless than (?=\d)", "under "),
    (r"\bat least (?=\d)", "no less than "),
    (r"\bhigh blood pressure\b", "hypertension"),
    (r"\bheart attack\b", "myocardial infarction"),
    (r"\bchildren\b", "kids"),
    (r"\bbecause\b", "since"),
    (r"\bhelps?\b", "aids"),
    (r"\bhappens\b", "occurs"),
    (r"\boccurs\b", "happens"),
    (r"\bneeds? to\b", "have to"),
    (r"\bbelly\b", "abdomen"),
    (r"\babdomen\b", "belly"),
    (r"\bsuch as\b", "like"),
    (r"\balso\b", "in addition"),
    (r"\bmany (?!of)", "a lot of "),
    (r"\bpeople with\b", "patients with"),
    (r"\bsymptoms\b", "complaints"),
    (r"\binclude\b", "comprise"),
    (r"\baffects\b", "has an effect on"),
    (r"\bmedicines?\b", "medication"),
    (r"\btumou?rs?\b", "growth"),
    (r"\bmost (?=people|patients|children|cases)", "the majority of "),
]
"""What is looked for, and other words for the same."""
PASSIVE = {"causes": "caused", "affects": "affected", "prevents": "prevented", "reduces": "reduced"}
MOVED = [
    (
        r"^((?:If|When|In|During|After|Before|Because|For|With|Although|As) [^,]{5,80}), ([^,]+(?:, [^,]+)*)\.$",
        lambda match: f"{match[2][0].upper()}{match[2][1:]} {match[1][0].lower()}{match[1][1:]}.",
    ),
    (
        r"^([^,]{10,}?) ((?:if|because|although) [^,]{8,})\.$",
        lambda match: f"{match[2][0].upper()}{match[2][1:]}, {match[1][0].lower()}{match[1][1:]}.",
    ),
    (r"\b([a-z]+), ([a-z]+),? (and|or) ([a-z]+)(?=[.,])", r"\4, \1 \3 \2"),
    (
        r"^([A-Z][\w ]{3,40}) (causes|affects|prevents|reduces) ([^,]{4,80})\.$",
        lambda match: (
            f"{match[3][0].upper()}{match[3][1:]} may be {PASSIVE[match[2]]} by {match[1][0].lower()}{match[1][1:]}."
        ),
    ),
]


def _reworded(one: Sentence) -> str | None:
    """The sentence with other words and in another order; None where fewer than two edits apply."""
    text, edits = one.text, 0
    for pattern, instead in MOVED:
        if (new := re.sub(pattern, instead, text, count=1)) != text:
            text, edits = new, edits + 1
            break
    done: set[str] = set()
    for pattern, instead in REWORDED:
        match = re.search(pattern, text)
        if match and match[0] not in done:
            text, edits = text[: match.start()] + instead + text[match.end() :], edits + 1
            done.add(instead.strip())
    return text if edits >= 2 else None


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _main(data: Path) -> None:
    """Print what was missed and what was flagged falsely, to be read; nothing of it is stored."""
    from medadapt.metrics.contrast.checking import contradictions

    contrasts, paraphrases = made_pairs(data)
    for kind, asked, wanted, said in contrasts:
        if not contradictions(said, wanted, question=asked):
            print(f"MISSED {kind}\n  {wanted}\n  {said}")
    for asked, wanted, said in paraphrases:
        if found := contradictions(said, wanted, question=asked):
            print(f"FALSE {[(one.kind, one.said, one.wanted) for one in found]}\n  {wanted}\n  {said}")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
