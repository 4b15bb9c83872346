"""Dialogues: a patient describes symptoms, a doctor replies, in ChatDoctor's layout."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from medadapt.samples.generating import difficulty, dirt
from medadapt.samples.generating.dirt import Dirt, Generated, Row
from medadapt.samples.generating.draws import common_symptoms, drawing, own_symptoms, with_noise
from medadapt.samples.generating.facts import Fact, Field, is_left_out
from medadapt.samples.generating.people import Patient, complaint, draw_patient, is_thing
from medadapt.samples.generating.wordings import DONE_SYMPTOMS, listed, named, with_article
from medadapt.samples.knowledge import Condition

COLUMNS = ("instruction", "input", "output")
INSTRUCTION = "Reply to the patient's message as a careful doctor would."

GREETINGS = ("", "", "Doctor, ", "Hello doctor. ")
ASKED = ("What could it be?", "What should I do?", "What might be the cause?", "Should I be worried?", "")
LIKELY = (
    "This could be {name}.",
    "Your description fits {name}.",
    "The most likely explanation is {name}.",
)
TESTED = ("It can be checked with {test}.", "A doctor can confirm it with {test}.")
TREATED = ("Treatment often includes {treatment}.", "What may help is {treatment}.")
FLAGGED_NOW = "Because of {flags}, please get medical help at once."
FLAGGED_LATER = "Get help at once in case of {flags}."
EMERGENCIES = frozenset(
    {"Acute pancreatitis", "Anaphylaxis", "Appendicitis", "Heart attack", "Meningitis", "Pulmonary embolism", "Stroke",
     "Subarachnoid hemorrhage", "Transient ischemic attack"}
)  # fmt: skip
"""Conditions whose mere likelihood calls for help at once, whatever else is there."""
EMERGENCY = "This can be an emergency, so please get medical help at once."
NO_FLAG = "Please have a doctor look at it."


def dialogue_rows(conditions: Sequence[Condition], seed: int) -> Generated:
    """Rows `instruction, input, output`: a described illness, and the likely condition with what to do."""
    common = common_symptoms(conditions)
    draw = drawing(seed, "dialogues")
    each, more = divmod(difficulty.DIALOGUES, len(conditions))
    extra = draw.sample(range(len(conditions)), more)
    rows: list[Row] = []
    second: list[Row] = []
    for number, condition in enumerate(conditions):
        for _ in range(each + (number in extra)):
            patient = draw_patient(condition, _symptoms(condition, common, draw), draw)
            asked = _asked(patient, draw)
            rows.append(_row(asked, _reply(condition, patient, seed, draw)))
            second.append(_row(asked, _reply(condition, patient, seed, draw)))
    spoiled = Dirt(rows, draw)
    spoiled.add_identifiers("input", difficulty.IDENTIFIERS)
    spoiled.spoil(dirt.MARKED_UP, "output", difficulty.MARKUP, dirt.marked_up)
    spoiled.spoil(dirt.GARBLED_TEXT, "output", difficulty.GARBLED, dirt.garbled)
    spoiled.spoil(dirt.EMPTY_ANSWER, "output", difficulty.EMPTY_ANSWERS, dirt.emptied)
    spoiled.spoil(dirt.SPACES, "input", difficulty.STRAY_SPACES, dirt.padded)
    spoiled.add_second_answers(second, difficulty.SECOND_ANSWERS)
    spoiled.add_copies(difficulty.COPIES)
    return spoiled.done()


def _symptoms(condition: Condition, common: Sequence[str], draw: Random) -> list[str]:
    """Symptoms of a patient, of which at least one can stand behind `I have had`."""
    while True:
        symptoms = with_noise(own_symptoms(condition, draw), condition, common, draw)
        if any(is_thing(symptom) for symptom in symptoms):
            return symptoms


def _asked(patient: Patient, draw: Random) -> str:
    return f"{draw.choice(GREETINGS)}{complaint(patient, draw)} {draw.choice(ASKED)}".strip()


def _reply(condition: Condition, patient: Patient, seed: int, draw: Random) -> str:
    """The likely condition, a test, a treatment and its warning signs.

    Tests and treatments that are left out stay unsaid; a warning never does.
    """
    few = difficulty.FIRST_FEW
    said = [draw.choice(LIKELY).format(name=named(condition))]
    if _may_tell(condition, "tests", seed):
        said.append(draw.choice(TESTED).format(test=draw.choice(condition.tests[:few])))
    if _may_tell(condition, "treatments", seed):
        said.append(draw.choice(TREATED).format(treatment=draw.choice(condition.treatments[:few])))
    said.append(_warning(condition, patient))
    return " ".join(said)


def _warning(condition: Condition, patient: Patient) -> str:
    if condition.name in EMERGENCIES:
        return EMERGENCY
    present = [flag for flag in condition.red_flags if flag in patient.symptoms]
    if present:
        return FLAGGED_NOW.format(flags=listed([_pointed_at(flag) for flag in present]))
    if condition.red_flags:
        return FLAGGED_LATER.format(flags=listed([with_article(flag) for flag in condition.red_flags], "or"))
    return NO_FLAG


def _pointed_at(flag: str) -> str:
    return flag if flag in DONE_SYMPTOMS else f"the {flag}"


def _may_tell(condition: Condition, field: Field, seed: int) -> bool:
    return not is_left_out(Fact(condition=condition, field=field), seed)


def _row(asked: str, reply: str) -> Row:
    return dict(zip(COLUMNS, (INSTRUCTION, asked, reply), strict=True))
