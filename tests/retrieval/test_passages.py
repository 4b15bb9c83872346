"""Records and files become passages, and none of their words is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import DataError
from medadapt.core.progress import Silent
from medadapt.core.records import Record
from medadapt.retrieval.passages import WORDS, passages_of_files, passages_of_records


class Telling(Silent):
    """Keeps the notes."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def record(**values):
    return Record(
        **{"id": "r1", "source_row": 1, "group": "g", "question": "What is flu ?", "answer": "A virus."}
        | values
    )


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "A virus."),
        ({"label": "Influenza"}, "Influenza"),
        (
            {"options": ["A virus.", "A bone."], "answer_index": 0, "explanation": "It is viral."},
            "A virus. It is viral.",
        ),
    ],
)
def test_a_record_tells_its_question_and_answer(values, text):
    (passage,) = passages_of_records([record(**values)])
    assert (passage.id, passage.title, passage.text) == ("r1", "What is flu ?", text)


def test_a_long_answer_is_cut_at_the_ends_of_sentences():
    sentences = [f"Sentence number {number} has {'many ' * 20}words." for number in range(12)]
    found = list(passages_of_records([record(answer=" ".join(sentences))]))
    assert [one.id for one in found] == [f"r1#{number}" for number in range(1, len(found) + 1)]
    assert all(one.text.endswith("words.") and len(one.text.split()) <= WORDS for one in found)
    assert " ".join(one.text for one in found) == " ".join(sentences)


@given(st.text(alphabet="ab .!\n", max_size=2000))
def test_no_word_is_lost_and_no_passage_is_too_long(text):
    found = list(passages_of_records([record(answer=text)]))
    assert [word for one in found for word in one.text.split()] == text.split()
    assert all(0 < len(one.text.split()) <= WORDS for one in found)


def test_prose_is_cut_at_paragraphs_and_titled_by_headings(tmp_path):
    long = "word " * 100
    file = tmp_path / "notes.md"
    file.write_text(f"Opening.\n\n# Flu\n\nOne.\nStill one.\n\nTwo.\n\n## Cold\n{long}\n\n{long}\n")
    found = passages_of_files([str(file)], progress=Silent())
    assert [(one.id, one.title, one.text[:18]) for one in found] == [
        ("notes.md:1", "notes", "Opening."),
        ("notes.md:5", "Flu", "One. Still one. Tw"),
        ("notes.md:10", "Cold", "word word word wor"),
        ("notes.md:13", "Cold", "word word word wor"),
    ]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("# Flu\n\n\n\nOne.\n\n# Cold\n \n\nTwo.\n", [5, 10]),
        ("\nOne.\n\n# Cold\n\n\n\n\nTwo.", [2, 9]),
        ("\n\n\n  One.\n", [4]),
    ],
)
def test_a_passage_is_cited_by_its_line_however_many_are_blank(tmp_path, text, places):
    file = tmp_path / "notes.md"
    file.write_text(text)
    assert [one.id for one in passages_of_files([str(file)], progress=Silent())] == [
        f"notes.md:{line}" for line in places
    ]


def test_a_row_without_text_is_left_out(tmp_path):
    rows = [{"title": "Flu"}, {"title": "Flu", "text": None}, {"title": None, "text": "Another virus."}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (passage,) = passages_of_files([str(tmp_path / "a.jsonl")], progress=Silent())
    assert (passage.id, passage.title, passage.text) == ("a.jsonl:3", "", "Another virus.")


def test_rows_of_a_table_are_passages(tmp_path):
    (tmp_path / "a.csv").write_text("Question,Answer\nWhat is flu ?,A virus.\nEmpty ?,\n")
    (tmp_path / "b.jsonl").write_text(json.dumps({"title": "Cold", "text": "Another virus."}) + "\n{broken\n")
    (tmp_path / "._b.jsonl").write_bytes(bytes(64))
    (tmp_path / "c.json").mkdir()
    told = Telling()
    found = passages_of_files([str(tmp_path)], progress=told)
    assert [(one.id, one.title, one.text) for one in found] == [
        ("a.csv:1", "What is flu ?", "A virus."),
        ("b.jsonl:1", "Cold", "Another virus."),
    ]
    (note,) = told.notes
    assert note.startswith("1 row could not be read and left out: b.jsonl:2: no JSON")


def test_rows_that_cannot_be_read_are_counted_and_the_first_are_named(tmp_path):
    broken = "".join(f"B{n},one, two and three\n" for n in range(5))
    (tmp_path / "a.csv").write_text(f"title,text\nA,good text\n{broken}C,x\n")
    told = Telling()
    found = passages_of_files([str(tmp_path / "a.csv")], progress=told)
    assert [one.id for one in found] == ["a.csv:1", "a.csv:7"]
    assert told.notes == [
        "5 rows could not be read and left out: a.csv:3: 3 fields instead of 2; a.csv:4: 3 fields instead of 2; "
        "a.csv:5: 3 fields instead of 2; and 2 more"
    ]


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_words_of_a_file_that_was_read_as_cp1252_are_told(tmp_path, name):
    (tmp_path / name).write_bytes("text\nMénière\n".encode("cp1252"))
    told = Telling()
    passages_of_files([str(tmp_path / name)], progress=told)
    (note,) = told.notes
    assert note.startswith(
        f"{name}: bytes that are no UTF-8 were read as cp1252 (Western European), as in 'Ménière'"
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "number\n1\n", "no column of text"),
        ("a.txt", "  \n", "No text was found"),
        ("a.pdf", "x", "no file of text"),
    ],
)
def test_files_without_text_are_refused(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=words):
        passages_of_files([str(tmp_path / name)], progress=Silent())
