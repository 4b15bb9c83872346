"""MedQuAD's XML documents -> rows, one a question."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree
from xml.parsers import expat

from medadapt.core.errors import DataError
from medadapt.records.cleaning.texts import Repairs, sound_text
from medadapt.records.rows import FilePlace, RawRow

DOCUMENT = "document"
"""Name of the column that tells which document a question belongs to."""


class _DoctypeError(Exception):
    """The document declares a type, and could so define entities that grow without end."""


def read_xml(text: str, place: FilePlace, *, repairs: Repairs) -> Iterator[RawRow]:
    """Rows `id, qtype, question, answer, focus, document` of one document in MedQuAD's layout.

    The document is the file: MedQuAD's document numbers start anew in each of its folders. A file that is
    no XML, or holds no QAPair, is one row with a fault. Raises DataError for a DOCTYPE.
    """
    try:
        _refuse_doctype(text)
        root = ElementTree.fromstring(text)
    except _DoctypeError:
        raise DataError(
            f"{place.name} declares a DOCTYPE, which can hide entities that expand without end.",
            "a MedQuAD document without DOCTYPE and ENTITY declarations",
            "Remove the declaration if you trust the file, or leave the file out.",
        ) from None
    except (expat.ExpatError, ElementTree.ParseError, ValueError) as problem:
        yield _faulty(place, f"no XML ({problem})")
        return
    pairs = list(root.iter("QAPair"))
    if not pairs:
        yield _faulty(place, "no QAPair inside")
    focus = _content(root.find("Focus"), repairs)
    for number, pair in enumerate(pairs, 1):
        question = pair.find("Question")
        attributes = question.attrib if question is not None else {}
        yield RawRow(
            file=place.name,
            source_row=place.source_row(number),
            values={
                "id": sound_text(attributes.get("qid", ""), repairs),
                "qtype": sound_text(attributes.get("qtype", ""), repairs),
                "question": _content(question, repairs),
                "answer": _content(pair.find("Answer"), repairs),
                "focus": focus,
                DOCUMENT: place.name,
            },
        )


def _refuse_doctype(text: str) -> None:
    def found(*_: object) -> None:
        raise _DoctypeError

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = found
    parser.Parse(text, True)


def _content(element: ElementTree.Element | None, repairs: Repairs) -> str:
    return "" if element is None else sound_text("".join(element.itertext()), repairs)


def _faulty(place: FilePlace, problem: str) -> RawRow:
    return RawRow(
        file=place.name,
        source_row=place.source_row(1),
        values={},
        raw={DOCUMENT: place.name},
        fault=f"{place.name}: {problem}",
    )
