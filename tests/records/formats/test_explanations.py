from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.records.formats.explanations import without_announcement

OPTIONS = ["Simple", "Grievous", "Vitamin B12", "E. coli", "Focal sclerosis"]


@pytest.mark.parametrize(
    ("index", "text", "freed"),
    [
        (1, "Ans. is 'b' i.e., Grievous hurt", "Grievous hurt"),
        (1, "Ans. is ‘b’ i.e. Grievous", "Grievous"),
        (1, "Ans is b. Grievous", "Grievous"),
        (1, "ANS. B, Grievous", "Grievous"),
        (2, "Ans. (c) Vitamin B12 Ref: a book", "Vitamin B12 Ref: a book"),
        (0, "Ans. A i.e. Simple", "Simple"),
        (0, "Answer- A. Simple lesion", "Simple lesion"),
        (1, "Ans-b. Grievous", "Grievous"),
        (1, "Ans: B", ""),
        (1, "Answer: (b)", ""),
        (1, "The answer is B", ""),
        (1, "Correct answer is B because it hurts", "It hurts"),
        (1, "Option B is correct. It hurts", "It hurts"),
        (1, "Answer B is the right answer: it hurts", "It hurts"),
        (2, "The correct answer is 3. Perthes disease", "Perthes disease"),
        (4, "The correct answer is the fifth one. The cause", "The cause"),
        (3, "The correct answer is: 4. Antihypertensive", "Antihypertensive"),
        (1, "The correct answer would be 2, HORMONE", "HORMONE"),
        (4, "The best answer to this question is number 5. Most", "Most"),
        (3, "Clearly the answer is 4, with a seizure", "With a seizure"),
        (0, "Ans. is 'a' and 'c' Both", "Both"),
        (0, "Ans. A, C & D. All three", "All three"),
        (1, "Ans. B. (b) Grievous", "Grievous"),
        (2, "(c) Vitamin B12", "Vitamin B12"),
        (2, "'c' i.e., Vitamin B12", "Vitamin B12"),
        (2, "C. Vitamin B12", "Vitamin B12"),
        (2, "3. Vitamin B12", "Vitamin B12"),
        (1, "Ans. Grievous hurt", "Grievous hurt"),
        (3, "Ans. is E. coli", "E. coli"),
        (3, "Ans. (d) E. coli", "E. coli"),
    ],
)
def test_announcements_are_removed(index: int, text: str, freed: str) -> None:
    assert without_announcement(text, options=OPTIONS, answer_index=index) == freed


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (0, "A drug that lowers it"),
        (0, "Answer 2 is incorrect because it is old"),
        (1, "Answer 1 incorrect: no pyramidal signs"),
        (4, "E. coli is the commonest cause"),
        (2, "C. difficile forms spores"),
        (3, "D-dimer is raised"),
        (1, "b cells make antibodies"),
        (4, "The correct answer is to initiate treatment"),
        (0, "1.5 mg is the dose"),
        (0, "Options are discussed below"),
        (0, "Answering this needs care"),
        (2, "Vitamin C is needed"),
        (1, ""),
    ],
)
def test_what_is_no_announcement_stays(index: int, text: str) -> None:
    assert without_announcement(text, options=OPTIONS, answer_index=index) == text


LEADS = [
    "Ans. is '{}' i.e., ",
    "Ans. ({}) ",
    "Answer: {}. ",
    "The correct answer is {}. ",
    "Ans: {}; ",
    "({}) ",
]


@given(
    lead=st.sampled_from(LEADS),
    index=st.integers(0, 4),
    letters=st.sampled_from(["ABCDE", "abcde", "12345"]),
    rest=st.sampled_from(["Nerve injury follows.", "This is seen early.", "ACE inhibitors help"]),
)
def test_the_letter_of_the_answer_never_stays_in_front(
    lead: str, index: int, letters: str, rest: str
) -> None:
    text = lead.format(letters[index]) + rest
    assert without_announcement(text, options=OPTIONS, answer_index=index) == rest
