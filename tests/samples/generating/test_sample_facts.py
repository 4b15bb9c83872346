"""What the sample data say stands in the knowledge: the facts are read back out of the finished texts."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache

import pytest

from medadapt.samples.generating import difficulty, qa, typed_qa
from medadapt.samples.generating.facts import Fact, is_left_out
from medadapt.samples.generating.wordings import be, named, opened, with_article
from medadapt.samples.knowledge import Condition, load_conditions

SEEDS = (0, 1)
ASKED = {field: (*qa.QUESTIONS[field], *typed_qa.TYPES.get(field, ("",))[-1:]) for field in qa.QUESTIONS}
IDENTIFIER = re.compile(r" The (?:phone number|address|last visit) (?:is|was on) [^ ]+\.$")
LIST = re.compile(r"P(?:, P)*(?:,? (?:and|or|as well as) P)?")
MOST_WORDS = 60


def plain(text: object) -> str:
    """The text without planted dirt."""
    text = str(text).replace("Â\xa0", " ").replace("â€™", "'").replace("<p>", "").replace("</p>", "")
    return IDENTIFIER.sub("", " ".join(text.split()))


def phrases_of(condition: Condition, field: str) -> list[str]:
    if field == "about":
        return [condition.about]
    if field in ("symptoms", "red_flags"):
        return [with_article(symptom) for symptom in getattr(condition, field)]
    return list(getattr(condition, field))


@cache
def known(fields: tuple[str, ...]) -> re.Pattern[str]:
    """Any phrase of these fields, of whatever condition, the longest that fits."""
    phrases = {
        phrase for other in load_conditions() for field in fields for phrase in phrases_of(other, field)
    }
    longest_first = sorted(map(re.escape, phrases), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(longest_first)})(?![\w-])")


def read_back(text: str, condition: Condition, fields: tuple[str, ...]) -> tuple[set[str], str]:
    """The phrases of any condition that stand in the text, and the text with N and L for name and lists."""
    found: set[str] = set()

    def noted(match: re.Match[str]) -> str:
        if (
            match[0].casefold() in f"{named(condition)} {condition.name}".casefold()
        ):  # systemic lupus erythematosus is also a cause
            return match[0]
        found.add(match[0])
        return "P"

    text = known(fields).sub(noted, text)
    for name in (named(condition), opened(named(condition))):
        text = text.replace(name, "N")
    return found, LIST.sub("L", text)


def question_facts(made, name: str, seed: int) -> list[tuple[Fact, str]]:
    """The fact that each question asks for, told by the question's own words, and the answer."""
    asked: dict[str, Fact] = {}
    for condition in load_conditions():
        for field, (_, template) in typed_qa.TYPES.items():
            asked[template.format(name=condition.name)] = Fact(condition=condition, field=field)
        for field, templates in qa.QUESTIONS.items():
            for template in templates:
                question = template.format(name=named(condition), be=be(condition))
                asked[question] = Fact(condition=condition, field=field)
    question, answer = ("Question", "Answer") if name == "typed_qa" else ("input", "output")
    rows = made(name, seed).rows
    pairs = [(asked[plain(row[question])], plain(row[answer])) for row in rows if row[answer]]
    return [(fact, text) for fact, text in pairs if text != typed_qa.HEADING]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["typed_qa", "qa"])
def test_an_answer_tells_its_fact_whole_and_nothing_else(made, name: str, seed: int):
    shapes = defaultdict(set)
    for fact, answer in question_facts(made, name, seed):
        fields = (fact.field,) if fact.field != "about" else ("about", "symptoms")
        found, shape = read_back(answer, fact.condition, fields)
        true = {phrase for field in fields for phrase in phrases_of(fact.condition, field)}
        assert found, answer
        assert found <= true, (fact.key, answer)
        if fact.field not in ("about", "symptoms"):
            assert found == true, (fact.key, answer)
        shapes[fact.field].add(shape)
    assert all(len(of_field) <= 4 for of_field in shapes.values()), shapes  # two wordings, `is` and `are`


@pytest.mark.parametrize("name", ["typed_qa", "qa"])
def test_facts_that_are_left_out_are_never_asked(made, name: str):
    asked = {fact.key: fact for fact, _ in question_facts(made, name, 0)}
    assert not [key for key, fact in asked.items() if is_left_out(fact, 0)]


def test_about_the_set_share_of_facts_is_left_out_and_another_one_for_another_seed():
    facts = [
        Fact(condition=condition, field=field) for condition in load_conditions() for field in typed_qa.TYPES
    ]
    out = [{fact.key for fact in facts if is_left_out(fact, seed)} for seed in range(3)]
    for keys in out:
        assert len(keys) / len(facts) == pytest.approx(difficulty.LEFT_OUT_SHARE, abs=0.04)
    assert len(out[0] & out[1]) < len(out[0]) / 2


def test_a_fact_is_asked_in_two_wordings_at_most(made):
    asked = defaultdict(set)
    for (fact, _), row in zip(
        question_facts(made, "qa", 0), [r for r in made("qa").rows if r["output"]], strict=True
    ):
        asked[fact.key].add(plain(row["input"]))
    assert {len(questions) for questions in asked.values()} == {1, 2}
    assert sum(len(questions) == 2 for questions in asked.values()) == pytest.approx(
        difficulty.SECOND_WORDINGS, abs=10
    )


@pytest.mark.parametrize("name", ["typed_qa", "qa", "dialogues", "mcq"])
def test_answers_are_short_sentences(made, name: str):
    column = {"typed_qa": "Answer", "mcq": "exp"}.get(name, "output")
    for row in made(name).rows:
        text = plain(row[column] or "")
        if text and text != typed_qa.HEADING:
            assert len(text.split()) <= MOST_WORDS, text
            assert re.fullmatch(r"[A-Z].*\.", text), text
            assert not re.search(r"\b(?:a an?|an a|the the|is are|of of)\b", text), text
            assert "{" not in text


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reply_names_the_condition_with_its_own_test_treatment_and_warning(made, by_name, seed: int):
    called = {named(condition): condition for condition in by_name.values()}
    for row in made("dialogues", seed).rows:
        reply = plain(row["output"])
        if not reply:
            continue
        first, *_ = reply.split(". ")
        name = re.fullmatch(
            r"(?:This could be|Your description fits|The most likely explanation is) (.+?)\.?", first
        )
        assert name, reply
        condition = called[name[1]]
        test = re.search(r"(?:checked|confirm it) with (.+?)\.(?: |$)", reply)
        treatment = re.search(r"(?:often includes|may help is) (.+?)\.(?: |$)", reply)
        assert test is None or test[1] in condition.tests, reply
        assert treatment is None or treatment[1] in condition.treatments, reply
        assert (test is None) == is_left_out(Fact(condition=condition, field="tests"), seed)
        assert (treatment is None) == is_left_out(Fact(condition=condition, field="treatments"), seed)
        complaint = plain(row["input"])
        present = [
            flag for flag in condition.red_flags if re.search(rf"(?<![\w-]){flag}(?![\w-])", complaint)
        ]
        for flag in present:
            if "please get medical help at once" in reply:
                break
            # Only where the words stand inside another symptom of the patient.
            assert any(flag in other and flag != other for other in condition.symptoms), (flag, row)
        if not condition.red_flags:
            assert reply.endswith("Please have a doctor look at it.")
        else:
            assert "at once" in reply


def test_a_patient_has_mostly_the_symptoms_of_the_condition(made, by_name):
    for row in made("symptoms").rows:
        condition = by_name[str(row["Disease"]).strip()]
        symptoms = [" ".join(str(cell).replace("_", " ").split()) for cell in list(row.values())[1:] if cell]
        own = [symptom for symptom in symptoms if symptom in condition.symptoms]
        assert difficulty.FEWEST_SYMPTOMS <= len(symptoms) <= difficulty.MOST_SYMPTOMS
        assert len(set(symptoms)) == len(symptoms)
        assert len(symptoms) - len(own) <= 2
        assert len(own) >= difficulty.FEWEST_SYMPTOMS


def test_noise_is_never_a_warning_sign(made, by_name):
    warnings = {flag for condition in by_name.values() for flag in condition.red_flags}
    for row in made("symptoms").rows:
        condition = by_name[str(row["Disease"]).strip()]
        symptoms = {" ".join(str(cell).replace("_", " ").split()) for cell in list(row.values())[1:] if cell}
        assert not (symptoms - set(condition.symptoms)) & warnings
