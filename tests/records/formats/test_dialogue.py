from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from medadapt.core.errors import DataError
from medadapt.records.rows import RawRow, with_ids

USER, DOCTOR = "My knee hurts since Monday, what is it?", "A strain, most likely. Rest it."
FILLER = [
    {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
    for question, answer in (
        ("Why do I cough at night?", "Perhaps reflux."),
        ("Is my blood pressure of 150 too high?", "It is somewhat high."),
        ("Can I take zinc with tea?", "Better with water."),
    )
]


def chat(*contents: Any, first: str = "user") -> list[dict[str, Any]]:
    """Alternating turns."""
    roles = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    return [{"role": roles[number % 2], "content": content} for number, content in enumerate(contents)]


@pytest.fixture
def dialogues(prepared: Callable[..., Any]) -> Callable[..., Any]:
    """`dialogues(rows)` prepares rows of JSON, with three sound ones behind them unless `filler` is False."""

    def run(rows: list[Any], *, filler: bool = True, **data: Any) -> Any:
        content = json.dumps([*rows, *(FILLER if filler else [])])
        return prepared(content, "rows.json", format="dialogue", **data)

    return run


def test_the_last_answered_message_is_asked_and_earlier_turns_are_history(dialogues: Callable[..., Any]):
    turns = [{"role": "system", "content": "Be kind."}, *chat("Hello", "Hi, how are you?", USER, DOCTOR)]

    record = dialogues([{"messages": turns}]).records[0]

    assert (record.question, record.answer) == (USER, DOCTOR)
    assert record.history == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi, how are you?"},
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": chat(USER, DOCTOR)},
        {"conversations": [{"from": "human", "value": USER}, {"from": "gpt", "value": DOCTOR}]},
        {"messages": chat([{"type": "text", "text": USER}], [{"type": "text", "text": DOCTOR}])},
        {"utterances": [f"patient: {USER}", f"doctor: {DOCTOR}"]},
        {"prompt": chat(USER), "completion": chat(DOCTOR, first="assistant")},
        {"input": USER, "output": DOCTOR},
        {"instruction": USER, "input": "", "output": DOCTOR},
        {"instruction": "Answer as a doctor.", "input": USER, "output": DOCTOR},
        {"Description": "Q. Knee", "Patient": USER, "Doctor": DOCTOR},
        {"Description": USER, "Patient": "", "Doctor": DOCTOR},
        {"question": USER, "answer": DOCTOR},
    ],
)
def test_every_published_layout_gives_the_same_record(dialogues: Callable[..., Any], row: dict[str, Any]):
    others = [
        {name: _in_place(cell, number) for name, cell in row.items()}
        for number in ("two teeth", "both ears of mine")
    ]

    record = dialogues([row, *others], filler=False).records[0]

    assert (record.question, record.answer, record.history) == (USER, DOCTOR, [])


def _in_place(cell: Any, other: str) -> Any:
    return json.loads(
        json.dumps(cell).replace("knee hurts since Monday", f"{other} bleed").replace("strain", other)
    )


def test_columns_of_other_names_are_given_by_the_recipe(dialogues: Callable[..., Any]):
    rows = [{"thread": row["messages"], "case": number} for number, row in enumerate(FILLER)]

    result = dialogues(rows, filler=False, columns={"question": "thread", "group": "case"})

    assert len(result.records) == 3


def test_a_named_context_belongs_to_dialogues_of_turns_too(dialogues: Callable[..., Any]):
    rows = [{**row, "notes": f"Seen {number} times."} for number, row in enumerate(FILLER)]

    result = dialogues(rows, filler=False, columns={"context": "notes"})

    assert [record.context for record in result.records] == [
        "Seen 0 times.",
        "Seen 1 times.",
        "Seen 2 times.",
    ]
    with pytest.raises(DataError, match=r"no column 'nots', which data\.columns\.context names"):
        dialogues(rows, filler=False, columns={"context": "nots"})


def test_an_instruction_that_is_always_the_same_is_kept_once(dialogues: Callable[..., Any]):
    rows = [
        {
            "instruction": "Answer as a doctor.",
            "input": row["messages"][0]["content"],
            "output": "Yes, it is.",
        }
        for row in FILLER
    ]

    result = dialogues(rows, filler=False)

    assert result.facts["instructions"] == ["Answer as a doctor."]
    assert not any("as a doctor" in record.question for record in result.records)


def test_instructions_that_differ_belong_to_the_question(dialogues: Callable[..., Any]):
    rows = [
        {"instruction": text, "input": row["messages"][0]["content"], "output": "Yes, it is."}
        for text, row in zip(("Be short.", "Explain.", "List causes."), FILLER, strict=True)
    ]

    result = dialogues(rows, filler=False)

    assert result.records[0].question == "Be short.\n\nWhy do I cough at night?"
    assert "instructions" not in result.facts


@pytest.mark.parametrize(
    ("turns", "reason", "detail"),
    [
        (chat(USER), "empty_answer", "no turn of the assistant"),
        (chat(USER, ""), "empty_answer", "turn 2, the assistant's, is empty"),
        (chat(USER, None), "empty_answer", "turn 2, the assistant's, is empty"),
        (chat("", DOCTOR), "empty_question", "turn 1, the user's, is empty"),
        ([], "empty_question", "nobody asks anything"),
        (chat(USER, USER), "empty_answer", "the answer only repeats the question"),
        (
            chat(DOCTOR, USER, first="assistant"),
            "unparsed_row",
            "turns in the wrong order: turn 1 is the assistant's",
        ),
        ([*chat(USER), *chat(USER, DOCTOR)], "unparsed_row", "turn 2 is the user's, like turn 1"),
        (
            [*chat(USER, DOCTOR), *chat(DOCTOR, first="assistant")],
            "unparsed_row",
            "turn 3 is the assistant's",
        ),
        ([*chat(USER), {"role": "system", "content": "x"}], "unparsed_row", "turn 2 is the system's"),
        ([{"role": "tool", "content": "x"}], "unparsed_row", "turn 1 is of 'tool', which is no role"),
        ([{"content": "x"}], "unparsed_row", "turn 1 is of 'None'"),
        ([3], "unparsed_row", "turn 1 does not say whose it is"),
        (
            chat([{"type": "image", "url": "x"}], DOCTOR),
            "unparsed_row",
            "holds a part that is no text (image)",
        ),
        ("Hello", "unparsed_row", "messages holds no list of turns"),
    ],
)
def test_a_dialogue_that_cannot_be_used_is_dropped_with_its_reason(
    dialogues: Callable[..., Any], turns: Any, reason: str, detail: str
):
    (row,) = dialogues([{"messages": turns}]).dropped

    assert row["reason"] == reason
    assert detail in row["detail"]


@pytest.mark.parametrize("output", ["", None, "  \t"])
def test_a_row_without_an_answer_is_dropped(dialogues: Callable[..., Any], output: str | None):
    rows = [{"input": row["messages"][0]["content"], "output": "Yes, it is."} for row in FILLER]

    result = dialogues([{"input": USER, "output": output}, *rows], filler=False)

    assert result.reasons == {1: "empty_answer"}


def test_a_last_question_without_a_reply_is_cut_off_and_counted(dialogues: Callable[..., Any]):
    result = dialogues([{"messages": chat(USER, DOCTOR, "And my hip?")}])

    assert result.records[0].answer == DOCTOR
    assert result.facts["repairs"]["last turns without a reply removed"] == 1


def test_answers_to_one_question_stay_in_one_group(dialogues: Callable[..., Any]):
    result = dialogues([{"messages": chat(USER, answer)} for answer in (DOCTOR, "See a doctor.", "Gout?")])

    assert len(result.records) == 6
    assert len({record.group for record in result.records if record.question == USER}) == 1


def test_what_the_system_says_makes_no_dialogues_alike(dialogues: Callable[..., Any]):
    system = {"role": "system", "content": "You are a careful and patient doctor. " * 30}

    result = dialogues([{"messages": [system, *row["messages"]]} for row in FILLER], filler=False)

    assert result.facts["groups"] == 3


def test_a_dialogue_and_its_continuation_lie_in_one_group(dialogues: Callable[..., Any]):
    more = (
        "It also swells and I had a fall last week on the stairs at work.",
        "Then have an X-ray taken soon.",
    )
    longest = (
        *more,
        "The X-ray shows no fracture but the swelling is still there.",
        "Cool it, and see me again.",
    )

    result = dialogues([{"messages": chat(USER, DOCTOR, *turns)} for turns in (longest, (), more)])

    told = [
        record
        for record in result.records
        if (record.history or [{"content": record.question}])[0]["content"] == USER
    ]
    assert len(told) == 3
    assert len({record.group for record in told}) == 1
    assert result.facts["groups"] == 4


def test_windows_of_one_dialogue_lie_in_one_group(dialogues: Callable[..., Any]):
    first = (
        "I have had a dry cough at night for about three weeks now.",
        "Does it get worse when you lie down flat?",
    )
    second = (
        "Yes, and my throat burns in the morning when I get up.",
        "That sounds like acid reflux to me, eat early.",
    )
    third = ("How long should I wait before I see a doctor?", "Two weeks.")

    result = dialogues([{"messages": chat(*first, *second, *third)}, {"messages": chat(*second)}])

    assert result.facts["groups"] == 4


def test_dialogues_with_other_earlier_turns_are_no_duplicates(dialogues: Callable[..., Any]):
    result = dialogues(
        [{"messages": chat(first, "Go on.", USER, DOCTOR)} for first in ("I am 80.", "I am 8.")]
    )

    assert len(result.records) == 5
    assert result.dropped == []


def test_columns_that_are_not_recognised_are_listed(dialogues: Callable[..., Any]):
    with pytest.raises(DataError, match="needs a column for the question; the columns are 'a', 'b'"):
        dialogues([{"a": "x", "b": "y"}], filler=False)


def test_messages_are_freed_of_markup_and_keep_their_paragraphs(dialogues: Callable[..., Any]):
    result = dialogues(
        [{"messages": chat("Hi,<br>my  knee\xa0hurts &amp; swells.", "Rest\u200b it.\n\n\n\nCool it.")}]
    )

    assert result.records[0].question == "Hi,\nmy knee hurts & swells."
    assert result.records[0].answer == "Rest it.\n\nCool it."
    assert {"HTML tags removed", "HTML entities made characters", "invisible characters removed"} <= set(
        result.facts["repairs"]
    )


def test_the_bundled_dialogues_are_all_used(prepared: Callable[..., Any]):
    result = prepared(None, format="dialogue", source="sample:rows/dialogues")

    assert result.dropped == []
    assert result.facts["leakage"]["exact"] == 0


def test_rows_keep_ids_of_their_own() -> None:
    rows = [RawRow(file="a", source_row=number, values={"id": f"d{number}"}) for number in (1, 2)]
    assert [row.id for row in with_ids(rows, None)] == ["d1", "d2"]
