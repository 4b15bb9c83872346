"""Answers as models write them and what they commit to; `test_hard_answers.py` has the known traps."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.predictions.parsing import read_label, read_letter

FOUR = ["Fever", "Cough", "Rash", "Jaundice"]
TEN = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
PUBMED = ["yes", "no", "maybe"]
DRUGS = ["Aspirin", "Ibuprofen", "Vitamin B12", "Hepatitis B vaccine"]
GERMS = ["S. aureus", "H. pylori", "C. difficile", "Klebsiella", "E. coli"]

LETTER_TABLE = [
    # letters, as public evaluation threads report them misread
    (r"\boxed{\langle H\rangle = E_0} **Answer: D**", TEN, "D"),
    ("Answer: A\nWait, let me correct\nthis.\nAnswer: B", FOUR, "B"),
    ("As an AI I cannot answer this.", TEN, None),
    ("Because the patient is young.", FOUR, None),
    ("   \n ", FOUR, None),
    ("A, C", FOUR, None),
    ("A/C", FOUR, None),
    ("both A and B", FOUR, None),
    ("A or B", FOUR, None),
    ("The answer is not B", FOUR, None),
    ("The answer is neither A nor B.", FOUR, None),
    ("The wrong answer is A.", FOUR, None),
    ("I would not choose B.", FOUR, None),
    ("The answer is İ.", TEN, "I"),
    ("ı)", TEN, "I"),
    (" B\n\nQuestion: What is next?\nAnswer: C", FOUR, "B"),
    ("B. Cough", FOUR, "B"),
    ("B) Cough, since there is no rash", FOUR, "B"),
    ("Option B", FOUR, "B"),
    ("The correct option is (C).", FOUR, "C"),
    ("A is the correct answer", FOUR, "A"),
    ("It lasts long, so B is correct.", FOUR, "B"),
    (r"\boxed{B}", FOUR, "B"),
    ("The answer is: **B) Cough**", FOUR, "B"),
    ("Final answer: C", FOUR, "C"),
    ("Answer:\nB", FOUR, "B"),
    ("Let us think. Therefore, the answer is D.", FOUR, "D"),
    ("A. Fever\nB. Cough\nC. Rash\nD. Jaundice", FOUR, None),
    ("A. Fever\nB. Cough\nC. Rash\nAnswer: C", FOUR, "C"),
    ("E", FOUR, None),
    ("The answer is A. Hmm, no, the answer is B.", FOUR, None),
    # the option's own text
    ("cough.", FOUR, "B"),
    ("Jaundice, because of the yellow eyes", FOUR, "D"),
    ("The answer is rash.", FOUR, "C"),
    ("The patient most likely has jaundice.", FOUR, "D"),
    ("Fever and cough", FOUR, None),
    ("Fever, cough", FOUR, None),
    ("There is no jaundice.", FOUR, None),
    # letters inside medical terms
    ("The answer is Hepatitis B", FOUR, None),
    ("B-cell lymphoma", FOUR, None),
    ("B cells", FOUR, None),
    ("A patient with cough", FOUR, "B"),  # by the option's text, not by the article
    ("A patient with pain", FOUR, None),
    ("D-dimer", FOUR, None),
    ("C. difficile", FOUR, None),
    ("The answer is E. coli", TEN, None),
    ("The answer is a common cold", FOUR, None),
    ("Hepatitis B is the most likely diagnosis", FOUR, None),
    ("E. coli", GERMS, "E"),
    ("C. difficile", GERMS, "C"),
    ("The answer is H. pylori.", GERMS, "B"),
    ("Vitamin B12", DRUGS, "C"),
    ("Vitamin B12 deficiency", DRUGS, "C"),
    ("Hepatitis B vaccine", DRUGS, "D"),
    ("B12", DRUGS, None),
    ("4", ["2", "4", "8"], "B"),
    ("4 to 8", ["2", "4", "8"], None),
    ("AB", ["O", "A", "B", "AB"], "D"),
    # yes, no, maybe
    ("There is no evidence that it harms, so yes", PUBMED, "A"),
    ("no evidence of harm", PUBMED, None),
    ("no", PUBMED, "B"),
    ("No, it does not.", PUBMED, "B"),
    ("Maybe.", PUBMED, "C"),
    ("Yes it does", PUBMED, "A"),
    ("yes or no", PUBMED, None),
]

LABELS = [
    "hepatitis",
    "Malaria",
    "Dengue",
    "Diabetes",
    "(vertigo) Paroymsal  Positional Vertigo",
    "Heart attack",
]
WITH_B = [*LABELS, "Hepatitis B", "hepatitis A"]
ALIASES = {"Myocardial infarction": "Heart attack", "sugar disease": "diabetes"}

LABEL_TABLE = [
    (" Malaria", LABELS, "Malaria"),
    ("malaria.", LABELS, "Malaria"),
    ("Malaria\n\nGiven these symptoms: chills\n\nThe disease is: Dengue", LABELS, "Malaria"),
    ("Malaria, not Dengue.", LABELS, "Malaria"),
    ("Malaria or Dengue", LABELS, None),
    ("Malaria, Dengue", LABELS, None),
    ("The patient has Malaria. Dengue is rarer.", LABELS, "Malaria"),
    ("The disease is: dengue", LABELS, "Dengue"),
    ("This is most likely dengue because of the rash", LABELS, "Dengue"),
    ("Dengue hemorrhagic fever", LABELS, "Dengue"),
    ("Hepatitis B", LABELS, None),
    ("hepatitis b", LABELS, None),
    ("Hepatitis B virus infection", LABELS, None),
    ("hepatitis-B", LABELS, None),
    ("Hepatitis (B)", LABELS, None),
    ("Hepatitis type B", LABELS, None),
    ("Hepatitis", LABELS, "hepatitis"),
    ("Hepatitis, a disease of the liver", LABELS, "hepatitis"),
    ("Hepatitis B", WITH_B, "Hepatitis B"),
    ("hepatitis a", WITH_B, "hepatitis A"),
    ("Hepatitis", WITH_B, "hepatitis"),
    ("Hepatitis C", WITH_B, None),
    ("(vertigo) Paroymsal Positional Vertigo", LABELS, "(vertigo) Paroymsal  Positional Vertigo"),
    ("heart_attack", LABELS, "Heart attack"),
    ("Myocardial infarction", LABELS, "Heart attack"),
    ("sugar disease", LABELS, "Diabetes"),
    ("Type 2 diabetes", LABELS, "Diabetes"),
    ("Not malaria", LABELS, None),
    ("Malaria is unlikely", LABELS, None),
    ("Malaria?", LABELS, None),
    ("malaria-like illness", LABELS, None),
    ("antimalarial", LABELS, None),
    ("**Malaria**", LABELS, "Malaria"),
    ("Something else.\nMalaria", LABELS, None),
    ("", LABELS, None),
    ("unknown", LABELS, None),
]


LIKELIEST_TABLE = [
    ("The most likely diagnosis is B.", FOUR, "B"),
    ("The most likely diagnosis is **B. Cholecystitis**.", ["Gastritis", "Cholecystitis"], "B"),
    ("The best next step in management is C.", FOUR, "C"),
    ("The next best step is D.", FOUR, "D"),
    ("The most appropriate treatment is (A).", FOUR, "A"),
    ("Based on the findings, the most likely diagnosis is option C.", FOUR, "C"),
    ("The most probable cause, given his age, would be D, because of the rash.", FOUR, "D"),
    ("The best next step in the care of this patient is:\n\nB. Cough", FOUR, "B"),
    ("A is wrong. The most likely diagnosis is B.", FOUR, "B"),
    ("The most likely diagnosis is jaundice, not rash.", FOUR, "D"),
    # a surer sign wins
    ("The most likely diagnosis is A. So the answer is C.", FOUR, "C"),
    # no option's letter, or none that is meant
    ("The most likely organism is E. coli.", TEN, None),
    ("The most likely parasite is A. lumbricoides.", FOUR, None),
    ("The most likely diagnosis is a pneumonia.", FOUR, None),
    ("The most likely diagnosis is hepatitis B.", FOUR, None),
    ("The most likely blood group is A.", FOUR, None),
    ("The most likely diagnosis is B or C.", FOUR, None),
    ("The most likely diagnosis is B?", FOUR, None),
    ("The most likely diagnosis is B, which is wrong.", FOUR, None),
    ("The most likely diagnosis is B. Wait, no.", FOUR, None),
    ("The most likely diagnosis is A. The best treatment is B.", FOUR, None),
    ("The most likely diagnosis is A (rash).", FOUR, None),
    ("The most likely wrong answer is B.", FOUR, None),
    ("The least likely diagnosis is B.", FOUR, None),
    ("The next most likely diagnosis is C.", FOUR, None),
    ("The second best treatment is C.", FOUR, None),
    ("I doubt that the most likely diagnosis is B.", FOUR, None),
    ("If he had a rash, the most likely diagnosis would be C.", FOUR, None),
    ("I have to say what the best next step is\nA. Fever\nB. Cough", FOUR, None),
]
ASKED_TABLE = [
    ("A is the correct answer? No, B.", FOUR, None),
    ("So A is correct? No.", FOUR, None),
    ("The answer is (A)? No, it is not.", FOUR, None),
    ("Fever is the answer, right? No.", FOUR, None),
    ("Fever is the answer, right? No, the answer is B.", FOUR, "B"),
    ("A is the correct answer? No doubt.", FOUR, "A"),
    ("A is the correct answer. Is B possible? No.", FOUR, "A"),
]


@pytest.mark.parametrize(("text", "options", "expected"), LIKELIEST_TABLE)
def test_what_is_called_the_likeliest_or_the_best_next_step_is_the_answer(text, options, expected):
    assert read_letter(text, options) == expected


@pytest.mark.parametrize(("text", "options", "expected"), ASKED_TABLE)
def test_a_letter_that_is_asked_about_and_denied_is_not_the_answer(text, options, expected):
    assert read_letter(text, options) == expected


@pytest.mark.parametrize(("text", "options", "expected"), LETTER_TABLE)
def test_letter_is_the_one_the_answer_commits_to(text, options, expected):
    assert read_letter(text, options) == expected


@pytest.mark.parametrize(("text", "labels", "expected"), LABEL_TABLE)
def test_label_is_the_one_the_answer_commits_to(text, labels, expected):
    assert read_label(text, labels, ALIASES) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Acne.", "Acne"),
        (" ACNE", "ACNE"),
        ("The diagnosis is ACNE, not impetigo", "ACNE"),
        ("acne", "Acne"),  # as no label is written: the first
        ("pimples", "ACNE"),
        ("heart attack", "heart attack"),
        ("Heart_attack and nothing else", "Heart_attack"),
        ("HEART ATTACK.", "heart attack"),
    ],
)
def test_labels_that_differ_in_case_or_spaces_alone_are_told_apart(text, expected):
    labels = ["Acne", "ACNE", "heart attack", "Heart_attack", "Impetigo"]
    assert read_label(text, labels, {"pimples": "ACNE"}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sclerosis (MS is not ruled out)", "Ms"),
        ("The diagnosis is sclerosis: MS", "Ms"),
        ("Stenosis (Ms is not ruled out)", "MS"),
        ("MS (stenosis is not ruled out)", "MS"),
        ("Ms (stenosis is not ruled out)", "Ms"),
        ("stenosis", "MS"),
    ],
)
def test_an_alias_means_its_own_label_whatever_label_alike_stands_behind_it(text, expected):
    assert read_label(text, ["MS", "Ms"], {"sclerosis": "Ms", "stenosis": "MS"}) == expected


# Right after an answer, a verdict on it or the text of another option does change it.
VERDICT_OR_OPTION = re.compile(
    r"\W*(?:no|not|cannot|false|wrong|incorrect|unlikely|impossible|excluded|eliminated|rejected|contraindicated"
    r"|absent|negative|avoided|mistake|error|ruled|less|is|are|was|were|do|does|did|can|could|would|should|will|has|have"
    r"|this|that|it|which|fever|cough|rash|jaundice)\b",
    re.IGNORECASE,
)
PROSE = st.one_of(
    st.text(alphabet="abcdefghij ABCDEFG,.;!?'-()\n", max_size=80),
    st.text(max_size=80),
    st.lists(st.sampled_from(["A", "so B", "is correct", "pick C", "Rash", "not", "D)", "I", "\n", "."])).map(
        " ".join
    ),
).filter(lambda text: "answer" not in text.casefold() and not VERDICT_OR_OPTION.match(text))


@given(
    letter=st.sampled_from("ABCD"),
    prose=PROSE,
    lead=st.sampled_from(["\n", ". ", ".\n\n", " because "]),
)
def test_prose_after_an_explicit_answer_never_changes_it(letter, prose, lead):
    assert read_letter(f"Answer: {letter}{lead}{prose}", FOUR) == letter


@given(label=st.sampled_from(WITH_B), prose=st.text(max_size=80))
def test_lines_after_the_first_never_change_a_label(label, prose):
    assert read_label(f"{label}\n{prose}", WITH_B, ALIASES) == label


@given(st.text(max_size=200))
def test_any_text_is_read_as_an_option_or_not_at_all(text):
    assert read_letter(text, FOUR) in {*"ABCD", None}
    assert read_label(text, LABELS, ALIASES) in {*LABELS, None}
