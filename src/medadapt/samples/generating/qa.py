"""Plain questions and answers: natural questions of patients, in the layout of WikiDoc's patient information."""

from __future__ import annotations

from collections.abc import Sequence

from medadapt.core.hashes import seeded_order
from medadapt.samples.generating import difficulty, dirt
from medadapt.samples.generating.answers import spoken_answers
from medadapt.samples.generating.dirt import Dirt, Generated, Row
from medadapt.samples.generating.draws import drawing
from medadapt.samples.generating.facts import Fact, Field, asked_facts
from medadapt.samples.generating.wordings import be, named
from medadapt.samples.knowledge import Condition

COLUMNS = ("instruction", "input", "output")
INSTRUCTION = "Answer the patient's question in a few words."

QUESTIONS: dict[Field, tuple[str, ...]] = {
    "about": (
        "What exactly {be} {name}?",
        "My doctor mentioned {name}. What does that mean?",
        "Can you explain {name} in simple words?",
    ),
    "symptoms": (
        "How would I notice {name}?",
        "What are the usual signs of {name}?",
        "How do people with {name} feel?",
    ),
    "causes": (
        "What is behind {name}?",
        "Why do people get {name}?",
        "What can bring on {name}?",
    ),
    "risk_factors": (
        "Who gets {name} more often than others?",
        "Am I at risk of {name}?",
        "What makes {name} more likely?",
    ),
    "tests": (
        "How do doctors find out whether it's {name}?",
        "Which tests will I have for {name}?",
        "How {be} {name} diagnosed?",
    ),
    "treatments": (
        "What can be done about {name}?",
        "How {be} {name} treated?",
        "Which treatments help with {name}?",
    ),
    "prevention": (
        "How can I lower my risk of {name}?",
        "What can I do so that I don't get {name}?",
        "Can {name} be prevented?",
    ),
    "complications": (
        "What can go wrong with {name}?",
        "What happens if {name} {be} left alone?",
        "Which complications can {name} have?",
    ),
    "red_flags": (
        "When should someone with {name} get help at once?",
        "When {be} {name} an emergency?",
        "Which warning signs matter with {name}?",
    ),
}


def qa_rows(conditions: Sequence[Condition], seed: int) -> Generated:
    """Rows `instruction, input, output`; a few facts are asked in two wordings, a few have two answers."""
    facts = asked_facts(conditions, QUESTIONS, seed)
    asked = seeded_order(facts, seed, lambda fact: f"plain\x00{fact.key}")[: difficulty.QA_FACTS]
    draw = drawing(seed, "plain questions")
    rows: list[Row] = []
    again: list[Row] = []
    second: list[Row] = []
    for fact in asked:
        question, other_question = draw.sample(QUESTIONS[fact.field], 2)
        answer, other_answer = draw.sample(spoken_answers(fact), 2)
        rows.append(_row(fact, question, answer))
        again.append(_row(fact, other_question, other_answer))
        second.append(_row(fact, question, other_answer))
    rows += draw.sample(again, difficulty.SECOND_WORDINGS)
    spoiled = Dirt(rows, draw)
    spoiled.add_identifiers("output", difficulty.IDENTIFIERS)
    spoiled.spoil(dirt.MARKED_UP, "output", difficulty.MARKUP, dirt.marked_up)
    spoiled.spoil(dirt.GARBLED_TEXT, "output", difficulty.GARBLED, dirt.garbled)
    spoiled.spoil(dirt.EMPTY_ANSWER, "output", difficulty.EMPTY_ANSWERS, dirt.emptied)
    spoiled.spoil(dirt.SPACES, "input", difficulty.STRAY_SPACES, dirt.doubled_space)
    spoiled.add_second_answers(second, difficulty.SECOND_ANSWERS)
    spoiled.add_copies(difficulty.COPIES)
    return spoiled.done()


def _row(fact: Fact, question: str, answer: str) -> Row:
    asked = question.format(name=named(fact.condition), be=be(fact.condition))
    return dict(zip(COLUMNS, (INSTRUCTION, asked, answer), strict=True))
