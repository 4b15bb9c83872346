from __future__ import annotations

import pytest

from medadapt.core.records import Record
from medadapt.records.likeness.groups import group_rule, with_groups


def records(*rows: tuple[str, str]) -> list[Record]:
    """(document, question) -> records."""
    return [
        Record(id=f"r{n}", source_row=n, group=document, question=question, answer=str(n))
        for n, (document, question) in enumerate(rows)
    ]


LONG = "which of these drugs is given first in acute gout of the big toe"


def groups_of(found: list[Record], rule) -> list[int]:
    names = [record.group for record in with_groups(found, rule)]
    return [names.index(name) for name in names]


@pytest.mark.parametrize("data_format", ["typed_qa", "dialogue", "question_answer", "multiple_choice"])
def test_symptom_tables_are_grouped_by_equal_inputs_others_by_near_ones(data_format: str) -> None:
    assert group_rule("auto", "symptom_table") == "exact"
    assert group_rule("auto", data_format) == "near"
    assert group_rule("none", data_format) == "none"


def test_near_inputs_share_a_group() -> None:
    found = records(("", LONG), ("", LONG + "s"), ("", "Fever?"), ("", "fever"))
    assert groups_of(found, "near") == [0, 0, 2, 2]
    assert groups_of(found, "exact") == [0, 1, 2, 2]
    assert groups_of(found, "none") == [0, 1, 2, 3]


def test_documents_join_what_they_hold_in_chains() -> None:
    found = records(("d1", "one"), ("d1", "two"), ("d2", "two?"), ("d2", "three"), ("d3", "four"))
    assert groups_of(found, "near") == [0, 0, 0, 0, 4]


def test_a_group_is_named_after_its_content_not_its_place() -> None:
    found = records(("", LONG), ("", "Fever"), ("", LONG + "s"), ("d", "Cough"), ("d", "Sneeze"))
    there = {record.id: record.group for record in with_groups(found, "near")}
    back = {record.id: record.group for record in with_groups(found[::-1], "near")}
    assert there == back


LONG_ASKED = "My knee hurts since Monday and it is worse in the evening, what is it?"
LONG_REPLY = "A strain of the outer ligament, most likely, so rest it for some days."


def dialogue(*said: str) -> Record:
    *earlier, question, answer = said
    history = [
        {"role": ("user", "assistant")[place % 2], "content": content}
        for place, content in enumerate(earlier)
    ]
    return Record(
        id=" ".join(said), source_row=1, group="", question=question, answer=answer, history=history
    )


def test_an_exchange_within_a_dialogue_joins_the_record_that_ends_with_it() -> None:
    window = dialogue("Hello, I am 50.", "What ails you?", LONG_ASKED, LONG_REPLY, "Thank you.", "Be well.")
    alone = dialogue(LONG_ASKED, LONG_REPLY)
    assert groups_of([window, dialogue("Cough?", "Reflux."), alone], "near") == [0, 1, 0]
    assert groups_of([window, alone], "none") == [0, 1]


def test_greetings_and_thanks_join_no_dialogues() -> None:
    thanks = ("Thank you so much.", "You are welcome, and do come again if anything else should worry you.")
    found = [
        dialogue(LONG_ASKED, LONG_REPLY, *thanks),
        dialogue("Why do I cough?", "Perhaps reflux.", *thanks),
    ]
    assert groups_of(found, "near") == [0, 1]


def test_a_question_that_is_asked_again_at_the_beginning_of_a_dialogue_joins_it() -> None:
    found = [dialogue("My ear?", "See a doctor."), dialogue("My ear?", "Wax.", "And the other?", "Wax, too.")]
    assert groups_of(found, "near") == [0, 0]
