"""Exam questions with four options, in MedMCQA's original layout: JSON lines, the right option counted from 1."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from uuid import UUID

from medadapt.core.hashes import sha256_text
from medadapt.samples.generating import difficulty, dirt
from medadapt.samples.generating.dirt import Dirt, Generated, Row
from medadapt.samples.generating.draws import drawing
from medadapt.samples.generating.exam_questions import ExamQuestion, exam_questions
from medadapt.samples.generating.wordings import opened
from medadapt.samples.knowledge import Condition

COLUMNS = (
    "question",
    "exp",
    "cop",
    "opa",
    "opb",
    "opc",
    "opd",
    "subject_name",
    "topic_name",
    "id",
    "choice_type",
)
SUBJECTS = {
    "dermatology": "Skin",
    "ear nose and throat": "ENT",
    "gynecology": "Gynaecology & Obstetrics",
    "ophthalmology": "Ophthalmology",
    "orthopedics": "Orthopaedics",
    "psychiatry": "Psychiatry",
}
"""MedMCQA's names of the subjects; all others are `Medicine`."""

ANNOUNCEMENTS = ("Ans. is '{letter}' i.e., {right}. ", "Ans. ({letter}). ", "Answer: {capital}. ")
ANNOUNCED = "explanations that open with the letter"
UNEXPLAINED = "rows without an explanation"
UNLABELLED = "rows without a right answer"
BROKEN = "rows with two equal options"
MULTI = "questions of the type multi"


def mcq_rows(conditions: Sequence[Condition], seed: int) -> Generated:
    """Rows of MedMCQA's columns; most false options come from other fields of medicine."""
    draw = drawing(seed, "exam")
    rows = [_row(question, draw) for question in exam_questions(conditions, seed)]
    num_announced, num_silent = (
        round(len(rows) * share) for share in (difficulty.ANNOUNCED_SHARE, difficulty.NO_EXPLANATION_SHARE)
    )
    chosen = draw.sample(rows, num_announced + num_silent)
    announced, silent = chosen[:num_announced], chosen[num_announced:]
    for row in announced:
        row["exp"] = _announcement(row, draw) + str(row["exp"])
    for row in silent:
        row["exp"] = None
    spoiled = Dirt(rows, draw)
    spoiled.spoil(dirt.SPACES, "question", difficulty.STRAY_SPACES, dirt.doubled_space)
    spoiled.spoil(UNLABELLED, "cop", difficulty.EMPTY_ANSWERS, lambda _: None)
    spoiled.break_options(BROKEN, difficulty.BROKEN_OPTIONS)
    spoiled.add_copies(difficulty.COPIES)
    made = spoiled.done()
    counted = {
        ANNOUNCED: sum(_is_announced(row) for row in made.rows),
        UNEXPLAINED: sum(row["exp"] is None for row in made.rows),
        MULTI: sum(row["choice_type"] == "multi" for row in made.rows),
    }
    return Generated(rows=made.rows, planted={**counted, **made.planted})


def _row(question: ExamQuestion, draw: Random) -> Row:
    options = [question.right, *question.wrong]
    draw.shuffle(options)
    place = options.index(question.right) + 1
    subject = SUBJECTS.get(question.condition.specialty, "Medicine")
    cells = (
        question.text,
        question.explanation,
        place,
        *(opened(option) for option in options),
        subject,
        opened(question.condition.specialty),
        str(UUID(sha256_text("\x00".join([question.text, *options]))[:32])),
        "multi" if question.is_multi else "single",
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _is_announced(row: Row) -> bool:
    return str(row["exp"]).startswith("Ans")


def _announcement(row: Row, draw: Random) -> str:
    place = int(row["cop"] or 0)
    letter = "abcd"[place - 1]
    return draw.choice(ANNOUNCEMENTS).format(letter=letter, capital=letter.upper(), right=row[f"op{letter}"])
