from __future__ import annotations

from collections import Counter

import pytest

from medadapt.core.errors import DataError
from medadapt.records.reading.xml_rows import read_xml
from medadapt.records.rows import FilePlace, RawRow

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<Document id="7" source="X"><Focus>Gout</Focus><QAPairs>
<QAPair pid="1"><Question qid="7-1" qtype="symptoms">What are the symptoms of Gout ?</Question>
<Answer>Pain &amp; swelling</Answer></QAPair>
<QAPair pid="2"><Question qid="7-2" qtype="causes">What causes Gout ?</Question><Answer/></QAPair>
</QAPairs></Document>"""


def rows_of(text: str, name: str = "a/7.xml") -> list[RawRow]:
    return list(read_xml(text, FilePlace(name=name, several=True), repairs=Counter()))


def test_each_question_is_a_row_of_its_document() -> None:
    first, second = rows_of(DOCUMENT)
    assert first.source_row == "a/7.xml:1"
    assert first.values == {
        "id": "7-1", "qtype": "symptoms", "question": "What are the symptoms of Gout ?",
        "answer": "Pain & swelling", "focus": "Gout", "document": "a/7.xml",
    }  # fmt: skip
    assert second.values["answer"] == ""


def test_a_doctype_is_refused_before_any_entity_expands() -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Document>&b;</Document>'
    with pytest.raises(DataError, match="DOCTYPE"):
        rows_of(bomb)


@pytest.mark.parametrize("text", ["<Document><QAPair>", "no xml", "<Document/>", ""])
def test_a_file_without_questions_is_one_row_with_a_fault(text: str) -> None:
    (row,) = rows_of(text)
    assert str(row.fault).startswith("a/7.xml: no ")
