"""Typed questions: one question for each fact, in the templates and types of MedQuAD."""

from __future__ import annotations

from collections.abc import Sequence

from medadapt.core.hashes import seeded_order
from medadapt.samples.generating import difficulty, dirt
from medadapt.samples.generating.answers import written_answers
from medadapt.samples.generating.dirt import Dirt, Generated, Row
from medadapt.samples.generating.draws import drawing
from medadapt.samples.generating.facts import Fact, Field, asked_facts
from medadapt.samples.knowledge import Condition

COLUMNS = ("qtype", "Question", "Answer")

TYPES: dict[Field, tuple[str, str]] = {
    "about": ("information", "What is (are) {name} ?"),
    "symptoms": ("symptoms", "What are the symptoms of {name} ?"),
    "causes": ("causes", "What causes {name} ?"),
    "risk_factors": ("susceptibility", "Who is at risk for {name}? ?"),
    "tests": ("exams and tests", "How to diagnose {name} ?"),
    "treatments": ("treatment", "What are the treatments for {name} ?"),
    "prevention": ("prevention", "How to prevent {name} ?"),
    "complications": ("complications", "What are the complications of {name} ?"),
}
"""The type and the question for each field; the space before the mark and the doubled one are MedQuAD's."""

HEADING = "Frequently Asked Questions (FAQs)"
SPACED_MARKS = "questions with a space before the mark"
DOUBLED_MARKS = "questions with two marks"
HEADINGS = "headings instead of answers"


def typed_qa_rows(conditions: Sequence[Condition], seed: int) -> Generated:
    """Rows `qtype, Question, Answer`; some questions come twice with different answers."""
    facts = asked_facts(conditions, TYPES, seed)
    asked = seeded_order(facts, seed, lambda fact: f"typed\x00{fact.key}")[: difficulty.TYPED_QA_FACTS]
    draw = drawing(seed, "typed questions")
    rows: list[Row] = []
    second: list[Row] = []
    for fact in asked:
        first, other = draw.sample(written_answers(fact), 2)
        rows.append(_row(fact, first))
        second.append(_row(fact, other))
    spoiled = Dirt(rows, draw)
    half = difficulty.EMPTY_ANSWERS // 2
    spoiled.add_identifiers("Answer", difficulty.IDENTIFIERS)
    spoiled.spoil(dirt.SPACES, "Answer", difficulty.STRAY_SPACES, dirt.doubled_space)
    spoiled.spoil(dirt.GARBLED_TEXT, "Answer", difficulty.GARBLED, dirt.garbled)
    spoiled.spoil(dirt.EMPTY_ANSWER, "Answer", half, dirt.emptied)
    spoiled.spoil(HEADINGS, "Answer", half, lambda _: HEADING)
    spoiled.add_second_answers(second, difficulty.SECOND_ANSWERS)
    spoiled.add_copies(difficulty.COPIES)
    made = spoiled.done()
    doubled = sum(str(row["Question"]).endswith("? ?") for row in made.rows)
    marks = {SPACED_MARKS: len(made.rows) - doubled, DOUBLED_MARKS: doubled}
    return Generated(rows=made.rows, planted={**marks, **made.planted})


def _row(fact: Fact, answer: str) -> Row:
    qtype, question = TYPES[fact.field]
    asked = question.format(name=fact.condition.name)
    return dict(zip(COLUMNS, (qtype, asked, answer), strict=True))
