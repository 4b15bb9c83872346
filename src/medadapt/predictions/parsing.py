"""The label or option letter that a generated answer commits to, or None.

Reading goes from the surest sign to the weakest and stops at the first: how the answer begins, an
explicit `Answer: X`, a sentence that decides (`I would pick B`), one that calls an option the likeliest or the
best next step, one single name in the first sentence.
Whatever is ambiguous, denied or only mentioned is None: it is counted as unparsed and as wrong, because a
guess here would be the parser's knowledge and not the model's. Letters inside medical terms (`Vitamin A`,
`Hepatitis B`, `E. coli`, `B-cell`) are never read as options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from medadapt.core.records import LETTERS
from medadapt.predictions.denials import (
    has_second_thoughts,
    is_denied_before,
    is_rest_turned_down,
    is_turned_down,
)
from medadapt.predictions.mentions import (
    NAME_ENDS,
    find_mentions,
    leading_name,
    name_key,
    only_name,
    opening_name,
    plain,
)

NEXT_QUESTION = re.compile(
    r"^[# \t]*(?:question(?:\s+type)?|q|patient|user|human|given these symptoms)\s*\d*\s*:",
    re.IGNORECASE | re.MULTILINE,
)

THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.IGNORECASE | re.DOTALL)
ANSWER_TAG = re.compile(r"<(?:final_)?answer>(.*?)(?:</(?:final_)?answer>|\Z)", re.IGNORECASE | re.DOTALL)

VERB = (
    r"(?:is|was|seems\s+to\s+be|appears\s+to\s+be|would\s+be|should\s+be|must\s+be|will\s+be)"
    r"(?:\s+(?:most\s+likely|likely|probably|clearly|definitely|therefore|thus|actually|indeed))?"
)
ANSWER_LINE = re.compile(
    rf"^[^\w\n]*(?:(?:the|my|so)\s+)*(?:final|correct|best|right)?\s*ans(?:wer|\.)?\s*(?:{VERB}\s*)?(?:[:=]|-\s)\s*",
    re.IGNORECASE | re.MULTILINE,
)
DECIDING = re.compile(
    rf"\banswer\s*(?:[:=]|{VERB}\s*:?)\s*"
    rf"|\b(?:correct|right|best)\s+(?:option|choice|letter|one)\s*(?:[:=]|{VERB}\s*:?)\s*"
    r"|\b(?:pick|picked|choose|chose|chosen|select|selected|go(?:ing)?\s+with|opt\s+for)\s+"
    r"|\b(?:so|therefore|thus|hence|in\s+conclusion)\b[,:]?\s+(?:(?:it|that)(?:'s|\s+is)\s+)?"
    r"|\b(?:it|that)(?:'s|\s+is)\s+|\b(?:it|this|that)\s+(?:must|should|can\s+only)\s+be\s+"
    r"|\\boxed\s*\{\s*(?:\\(?:text|math)(?:bf|rm|it)?\s*\{\s*)?",
    re.IGNORECASE,
)
# `The best next step in management is`. What is next or second most likely is not the answer.
LIKELIEST = re.compile(
    r"(?:(?<!next )(?<!second )(?<!second-)(?<!third )\b(?:most\s+(?:likely|probable|appropriate)|best)\b"
    r"|\bnext\s+(?:[\w-]+\s+){0,3}step\b)"
    rf"[^.!?;:\n]{{0,100}}?\b{VERB}\b\s*:?\s*",
    re.IGNORECASE,
)
# `The most likely wrong answer is`, and `the most likely blood group is`, after which a letter is no option's.
NO_ANSWER = re.compile(
    r"\b(?:not|never|wrong|incorrect|false|mistake|error|trap|distractor|alternative|differential|against|besides"
    r"|other\s+than|avoid|exclude|ruled?\s+out)\b|n't\b"
    rf"|\b(?:vitamin|hepatitis|influenza|ha?emophilia|factor|group|type|class|stage|grade|category)\s+{VERB}\b",
    re.IGNORECASE,
)
CONDITION = re.compile(r"\b(?:if|unless|whether)\b[^.!?\n]*\Z", re.IGNORECASE)
# `A is the correct answer? No, B.`
ASKED_AND_DENIED = re.compile(
    r"[^.!?\n]{1,200}\?[\s\"')\]]{0,4}no\b(?!\s+(?:doubt|question)\b)", re.IGNORECASE
)
CONCLUDES = re.compile(r"(?:so|therefore|thus|hence|in\s+conclusion)\b", re.IGNORECASE)
DIAGNOSIS_IS = re.compile(
    r"(?:(?:the|this|it|that|my|patient|you)\s+)*(?:most\s+likely\s+|likely\s+|probable\s+|final\s+|probably\s+)?"
    r"(?:(?:disease|diagnosis|answer|label|condition|illness)\s*(?:is|:|=|would\s+be|seems\s+to\s+be)"
    r"|is|has|have|'s)\s*(?:most\s+likely\s+|likely\s+|probably\s+)?:?\s*(?:(?:an?|the)\s+)?",
    re.IGNORECASE,
)
# Genus abbreviations: after one of these words `E.` is Escherichia and not option E.
SPECIES = (
    "abscessus|albicans|anthracis|aureus|auris|avium|baumannii|botulinum|burgdorferi|canis|cereus|coli|diff|difficile"
    "|diphtheriae|duodenalis|faecalis|faecium|falciparum|fragilis|freundii|fumigatus|gondii|granulosus|henselae"
    "|histolytica|influenzae|israelii|jejuni|japonicum|medinensis|melitensis|neoformans|parapsilosis|perfringens"
    "|pertussis|phagocytophilum|pneumoniae|psittaci|pylori|quintana|septicum|stercoralis|subtilis|tetani"
    "|trachomatis|tropicalis|vermicularis|abortus|bovis|burnetii|capsulatum|corrodens|dermatitidis|ducreyi"
    "|duodenale|glabrata|hominis|hydrophila|immitis|krusei|lamblia|lumbricoides|multilocularis|parvum|tularensis"
    "|vaginalis"
)
ENDS_IN_LETTER = re.compile(r"\s[A-J]$", re.IGNORECASE)
BEFORE_AN_ANSWER = " \n-#>.:"
OPENER = r"[\s(\[{<\"'“【]{0,8}"
COMMON_WORDS = frozenset({"yes", "no", "maybe", "true", "false", "none", "both", "all", "other", "unknown"})


def read_label(text: str, labels: Sequence[str], aliases: Mapping[str, str]) -> str | None:
    """The label that a written diagnosis commits to in its first line, spelled as in `labels`.

    `aliases` maps other spellings to labels. Case, spaces and underscores matter only between labels that are alike
    without them.

    >>> read_label(" Hepatitis B. The patient needs rest.", ["hepatitis", "Hepatitis B"], {})
    'Hepatitis B'
    """
    alike: dict[str, list[str]] = {}
    for label in labels:
        alike.setdefault(name_key(label), []).append(label)
    names = {key: some[0] for key, some in alike.items()}
    for alias, label in aliases.items():
        if name_key(label) in names:
            names.setdefault(name_key(alias), label if label in labels else names[name_key(label)])
    answer = _answer_itself(text)
    found = _label_in(answer, names)
    return found if found is None else _as_written(answer, found, alike[name_key(found)], names)


def _label_in(answer: str, names: Mapping[str, str]) -> str | None:
    """What the name stands for that an answer commits to in its first line."""
    line = _first_line(plain(answer))
    if (whole := names.get(name_key(line))) is not None:
        return whole
    if has_second_thoughts(line):
        return None
    lead_in = DIAGNOSIS_IS.match(line)
    for start in (0, lead_in.end() if lead_in else 0):
        if (label_named := opening_name(line[start:], names)) is not None:
            return label_named
    return only_name(line, names)


def _as_written(answer: str, label: str, alike: Sequence[str], names: Mapping[str, str]) -> str:
    """Of labels that differ in case or spaces alone the one that stands in the first line; else `label`."""
    if len(alike) == 1 or _by_alias(answer, label, names):
        return label
    written = [
        (match.start(), -len(one), one)
        for one in alike
        if (match := re.search(rf"(?<!\w){re.escape(one)}(?!\w)", _first_line(answer)))
    ]
    return min(written)[2] if written else label


def _by_alias(answer: str, label: str, names: Mapping[str, str]) -> bool:
    """Whether the name by which an answer commits to `label` is an alias and no spelling of the label itself."""
    line = _first_line(plain(answer))
    said = [line] if name_key(line) in names else []
    said += [line[one.start : one.end] for one in find_mentions(line, names) if one.value == label]
    return bool(said) and name_key(said[0]) != name_key(label)


def _first_line(text: str) -> str:
    return text.lstrip(BEFORE_AN_ANSWER).split("\n", 1)[0]


def read_letter(text: str, options: Sequence[str], aliases: Mapping[str, str] | None = None) -> str | None:
    """The option letter that a written answer commits to, by letter or by the option's own text.

    `aliases` maps other spellings to the text of an option, or to its letter.

    >>> read_letter("The answer is B. Note that A is a common distractor.", ["rest", "ice", "heat"])
    'B'
    """
    letters = LETTERS[: len(options)]
    names = _option_names(options, aliases or {})
    text = plain(_answer_itself(text)).lstrip(" \n#>.:-•")
    if not _recites_options(text, letters):
        opening = _choice_at(text, letters, names)
        if _opens_list(text, letters) or (opening is not None and not has_second_thoughts(text)):
            return opening
    on_lines = [_choice_at(text[cue.end() :], letters, names) for cue in ANSWER_LINE.finditer(text)]
    if found := [choice for choice in on_lines if choice]:
        return found[-1]
    decided = _decided(text, letters, names)
    if decided:
        return decided.pop() if len(decided) == 1 else None
    if has_second_thoughts(text):
        return None
    likeliest = _likeliest(text, letters, names)
    if likeliest or _gives_letter(text, letters):
        return likeliest.pop() if len(likeliest) == 1 else None
    rare = {key: letter for key, letter in names.items() if len(key) >= 4 and key not in COMMON_WORDS}
    return only_name(text, rare)


def _answer_itself(text: str) -> str:
    """The answer without marked thoughts before it and without a question that the model goes on to ask itself."""
    text = ANSWER_TAG.sub(r"\nAnswer: \1\n", THOUGHTS.sub("\n", text)).lstrip("\n")
    match = NEXT_QUESTION.search(text)
    return text[: match.start()] if match else text


def _option_names(options: Sequence[str], aliases: Mapping[str, str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for letter, option in zip(LETTERS, options, strict=False):
        key = name_key(option)
        # An option that is itself a letter (blood groups) could be meant either way: the letter wins.
        if key and key.upper() not in set(LETTERS[: len(options)]):
            names.setdefault(key, letter)
    known = {**{letter.casefold(): letter for letter in LETTERS[: len(options)]}, **names}
    for alias, meant in aliases.items():
        key = name_key(alias)
        if key and len(key) > 1 and (letter_meant := known.get(name_key(meant))) is not None:
            names.setdefault(key, letter_meant)
    return names


@cache
def _letter_pattern(letters: str) -> re.Pattern[str]:
    """One option letter that ends like an answer does: closed, followed by a stop, or by a reason."""
    comma = r",(?!\s*(?:i\s|think))"
    ends = (
        r"[)\]}>】]+|[\"'”]?(?=\s*$|\s*\n|\s*[;!:]|" + comma + rf"|\s*\.(?![a-z]\b)(?!\s?(?:{SPECIES})\b)"
        r"|\s+-|\s*[–—]|-\s|\s*\(|\s+(?:because|since|as|due|rather\s+than|instead\s+of|and\s+not)\b"
        r"|\s+is\s+(?:the\s+)?(?:most\s+)?(?:correct|right|best|answer|likely)\b)"
    )
    return re.compile(
        rf"{OPENER}(?:(?:option|choice|letter)(?:\s*[:=]\s*|\s+)|answer\s+)?{OPENER}(?P<letter>[{letters}])(?:{ends})",
        re.IGNORECASE,
    )


def _choice_at(text: str, letters: str, names: Mapping[str, str]) -> str | None:
    """The option that stands at the very beginning of `text`, as its text or as its letter."""
    if ASKED_AND_DENIED.match(text):
        return None
    if (named := opening_name(text, names)) is not None:
        return named
    match = _letter_pattern(letters).match(text) or _name_and_letter(text, letters, names)
    if match is None or _opens_list(text, letters):
        return None
    letter = match["letter"].upper()
    return None if _is_refused(letter, text[match.end() :], names) else letter


def _name_and_letter(text: str, letters: str, names: Mapping[str, str]) -> re.Match[str] | None:
    """An option's text with its own letter in brackets after it, which otherwise makes another name of it."""
    match = re.match(
        rf"{OPENER}(?P<name>[^\n]{{1,200}}?)\s?[(\[](?:option\s)?(?P<letter>[{letters}])[)\]]",
        text,
        re.IGNORECASE,
    )
    return match if match and names.get(name_key(match["name"])) == match["letter"].upper() else None


def _is_refused(letter: str, after: str, names: Mapping[str, str]) -> bool:
    """Whether `after`, all that follows an option's letter, turns it down or is the text of another option."""
    rest = after.lstrip(" .:;,()[]\"'”–—-")
    name = leading_name(rest, names)
    if name is None:
        own_text = next((key for key, meant in names.items() if meant == letter), "")
        return is_turned_down(after, 0, own_text) or is_rest_turned_down(rest, 0, own_text)
    said = rest[: name.end]
    turned_down = is_turned_down(rest, name.end, said)
    # A text that ends in a letter (`Hepatitis B`) is no surer than the letter before it, which wins.
    if name.value != letter and not ENDS_IN_LETTER.search(said):
        return turned_down or NAME_ENDS.match(rest, name.end) is not None
    return turned_down or is_rest_turned_down(rest, name.end, said)


def _gives_letter(text: str, letters: str) -> bool:
    """Whether an option's letter stands where an answer belongs; one that was not read was refused there."""
    starts = [0, *(cue.end() for cues in (ANSWER_LINE, DECIDING, LIKELIEST) for cue in cues.finditer(text))]
    return any(_letter_pattern(letters).match(text, start) for start in starts)


def _opens_list(text: str, letters: str) -> bool:
    """Whether `text` begins with two different letters: `A and C`, `A, B`, `B/C`."""
    letter = rf"{OPENER}([{letters}])[)\]}}>\"']*"
    between = r"[^\S\n]*(?:[,/&+;]|and\b|or\b)+[^\S\n]*(?:(?:and|or|option)\s+)*"
    match = re.match(
        rf"{letter}{between}{letter}(?=\s*$|\s*\n|\s*[.,;:!/&)]|\s+(?:and|or)\b)", text, re.IGNORECASE
    )
    return match is not None and match[1].upper() != match[2].upper()


def _recites_options(text: str, letters: str) -> bool:
    """Whether `text` begins by listing the options again instead of answering."""
    items = [
        item.upper() for item in re.findall(rf"^\s*\(?([{letters}])[).:]", text, re.IGNORECASE | re.MULTILINE)
    ]
    if items[:2] == list(letters[:2]):
        return True
    inline = [
        item.upper()
        for item in re.findall(rf"(?:^|\s)\(?([{letters}])[).:]", text.split("\n", 1)[0], re.IGNORECASE)
    ]
    return len(inline) >= 3 and inline[:3] == list(letters[:3])


def _decided(text: str, letters: str, names: Mapping[str, str]) -> set[str]:
    """Every option that some sentence decides for, wherever it stands."""
    found = set()
    for cue in DECIDING.finditer(text):
        choice = _choice_at(text[cue.end() :], letters, names)
        concludes = CONCLUDES.match(cue[0]) is not None
        if choice and not is_denied_before(text, cue.start(), concludes=concludes):
            found.add(choice)
    subject = re.compile(
        r"(?:^|[.!?\n]\s*|\b(?:so|therefore|thus|hence|that|think|believe|say|option|choice|answer)[,:]?\s+)"
        rf"[(\[]?([{letters}])[)\]]?\s+(?i:is|was|seems|would\s+be|must\s+be)\s+(?i:the\s+)?(?i:most\s+)?"
        r"(?i:correct|right|best|answer|true|likely)\b"
    )
    return found | {
        match[1]
        for match in subject.finditer(text)
        if not is_denied_before(text, match.start(1)) and not ASKED_AND_DENIED.match(text, match.start(1))
    }


def _likeliest(text: str, letters: str, names: Mapping[str, str]) -> set[str]:
    """Every option that some sentence calls the most likely one, the best or the next step."""
    found = set()
    for cue in LIKELIEST.finditer(text):
        if NO_ANSWER.search(cue[0]) or CONDITION.search(text[max(0, cue.start() - 200) : cue.end()]):
            continue
        rest = text[cue.end() :]
        choice = _choice_at(rest, letters, names)
        if choice and not is_denied_before(text, cue.start()) and not _recites_options(rest, letters):
            found.add(choice)
    return found
