"""What an exam question asks, its right answer, and options that are never true of the condition asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from medadapt.samples.generating import difficulty
from medadapt.samples.generating.draws import drawing, own_symptoms
from medadapt.samples.generating.facts import Fact, Field, asked_facts
from medadapt.samples.generating.false_options import (
    NarrowPhrases,
    draw_false_phrases,
    false_conditions,
    narrow_phrases,
    right_phrases,
)
from medadapt.samples.generating.people import draw_patient, is_thing
from medadapt.samples.generating.wordings import article_of_age, be, listed, named, opened, with_article
from medadapt.samples.knowledge import Condition

QUESTIONS: dict[Field, tuple[str, ...]] = {
    "symptoms": ("Which of these is a symptom of {name}?", "What may a patient with {name} complain of?"),
    "causes": ("Which of these can cause {name}?", "Which is a known cause of {name}?"),
    "tests": ("Which test helps to diagnose {name}?", "{Name} {be} suspected. Which test is useful?"),
    "treatments": ("Which of these is used to treat {name}?", "Which is a treatment of {name}?"),
    "complications": ("Which is a complication of {name}?", "What can {name} lead to?"),
}
PAIRS: dict[Field, str] = {
    "symptoms": "Which two are both symptoms of {name}?",
    "causes": "Which two can both cause {name}?",
    "tests": "Which two both help to diagnose {name}?",
    "treatments": "Which two are both used to treat {name}?",
    "complications": "Which two are both complications of {name}?",
}
VIGNETTES = (
    "{An} {age}-year-old patient has had {symptoms} {how_long}. Which condition is the most likely?",
    "{how_long}, a patient aged {age} has had {symptoms}. What is the most likely diagnosis?",
    "Which condition best explains {symptoms} in a patient aged {age}?",
)
EXPLANATIONS: dict[Field, str] = {
    "symptoms": "Symptoms of {name} include {phrases}.",
    "causes": "Causes of {name} include {phrases}.",
    "tests": "Tests for {name} include {phrases}.",
    "treatments": "Treatment of {name} may include {phrases}.",
    "complications": "Complications of {name} include {phrases}.",
}
NUM_WRONG = 3
MOST_EXPLAINED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamQuestion:
    """One question; options are phrases of the knowledge."""

    condition: Condition
    text: str
    right: str
    wrong: tuple[str, ...]
    explanation: str
    is_multi: bool = False


def exam_questions(conditions: Sequence[Condition], seed: int) -> list[ExamQuestion]:
    """The distinct questions of an exam; facts are asked in turn, each time for another right answer."""
    draw = drawing(seed, "exam questions")
    facts = asked_facts(conditions, QUESTIONS, seed)
    narrow = narrow_phrases(conditions, QUESTIONS)
    described = [fact.condition for fact in facts if fact.field == "symptoms"]
    num_multi = round(difficulty.EXAM_QUESTIONS * difficulty.MULTI_SHARE)
    num_described = difficulty.EXAM_QUESTIONS // (len(QUESTIONS) + 1)
    num_single = difficulty.EXAM_QUESTIONS - num_multi - num_described
    made = [_described(described[n % len(described)], conditions, draw) for n in range(num_described)]
    made += [_pair(fact, narrow, draw) for fact in draw.sample(facts, num_multi)]
    draw.shuffle(facts)
    rights = [draw.sample(phrases, len(phrases)) for phrases in map(right_phrases, facts)]
    for number in range(num_single):
        turn, place = divmod(number, len(facts))
        made.append(_single(facts[place], rights[place][turn], turn, narrow, draw))
    return made


def _single(fact: Fact, right: str, turn: int, narrow: NarrowPhrases, draw: Random) -> ExamQuestion:
    wordings = QUESTIONS[fact.field]
    wrong = tuple(draw_false_phrases(fact, narrow, NUM_WRONG, draw))
    return _asked(fact, wordings[turn % len(wordings)], right, wrong, explained=(right,), draw=draw)


def _pair(fact: Fact, narrow: NarrowPhrases, draw: Random) -> ExamQuestion:
    """A question whose options are pairs; in each wrong pair at least one is false."""
    first, second = draw.sample(right_phrases(fact), 2)
    false = draw_false_phrases(fact, narrow, 4, draw)
    pairs = ((first, false[0]), (false[1], second), (false[2], false[3]))
    wrong = tuple(listed(pair) for pair in pairs)
    right = listed((first, second))
    return _asked(fact, PAIRS[fact.field], right, wrong, explained=(first, second), draw=draw, is_multi=True)


def _asked(
    fact: Fact,
    wording: str,
    right: str,
    wrong: tuple[str, ...],
    *,
    explained: tuple[str, ...],
    draw: Random,
    is_multi: bool = False,
) -> ExamQuestion:
    others = [phrase for phrase in right_phrases(fact) if phrase not in explained]
    shown = [*explained, *draw.sample(others, min(len(others), MOST_EXPLAINED - len(explained)))]
    phrases = [with_article(phrase) for phrase in shown] if fact.field == "symptoms" else shown
    condition = fact.condition
    return ExamQuestion(
        condition=condition,
        text=wording.format(name=named(condition), Name=opened(named(condition)), be=be(condition)),
        right=right,
        wrong=wrong,
        explanation=EXPLANATIONS[fact.field].format(name=named(condition), phrases=listed(phrases)),
        is_multi=is_multi,
    )


def _described(condition: Condition, conditions: Sequence[Condition], draw: Random) -> ExamQuestion:
    """A described patient; a wrong diagnosis shares at most one of the symptoms."""
    symptoms: list[str] = []
    while len(symptoms) < difficulty.FEWEST_SYMPTOMS:
        symptoms = [symptom for symptom in own_symptoms(condition, draw) if is_thing(symptom)]
    patient = draw_patient(condition, symptoms, draw)
    had = listed(with_article(symptom) for symptom in symptoms)
    wording = draw.choice(VIGNETTES)
    name = named(condition)
    return ExamQuestion(
        condition=condition,
        text=opened(
            wording.format(
                An=article_of_age(patient.age), age=patient.age, symptoms=had, how_long=patient.duration
            )
        ),
        right=condition.name,
        wrong=tuple(draw.sample(false_conditions(condition, symptoms, conditions), NUM_WRONG)),
        explanation=f"Symptoms of {name} include {had}. {opened(name)} {be(condition)} {condition.about}.",
    )
