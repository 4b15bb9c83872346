"""Records -> 2-examples: what is written, what is cut or dropped and counted, and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from medadapt.core.errors import DataError
from medadapt.core.files import read_json, read_jsonl, write_json
from medadapt.core.progress import Silent
from medadapt.core.recipe import Recipe
from medadapt.core.records import SPLITS, Record, write_records
from medadapt.examples.encoding import Encoder, load_encoder
from medadapt.examples.encoding_stage import DEFAULT_MAX_LENGTH, encode, make_plan
from medadapt.examples.jsonl_sets import write_jsonl_sets
from medadapt.examples.masking import IGNORED

LABELS = ["Flu", "Fungal infection", "Gout"]
CONTEXT = 512


@dataclass(frozen=True)
class Encoded:
    """What the stage wrote, read back from the files."""

    folder: Path
    summary: dict[str, Any]

    def rows(self, split: str) -> list[dict[str, Any]]:
        return list(datasets.load_from_disk(str(self.folder / split)))

    @property
    def dropped(self) -> list[dict[str, Any]]:
        return list(read_jsonl(self.folder / "dropped.jsonl"))


@pytest.fixture
def encoded(tmp_path: Path, bytes_only: Any) -> Callable[..., Encoded]:
    """`encoded(train, validation, test, data_format=..., prompt=..., ...)`: the stage, run on these records."""

    def run(
        train: list[Record],
        validation: list[Record] | None = None,
        test: list[Record] | None = None,
        *,
        data_format: str = "typed_qa",
        tokenizer: Any = None,
        context_length: int | None = CONTEXT,
        **sections: Any,
    ) -> Encoded:
        records, folder = tmp_path / "1-records", tmp_path / "2-examples"
        test = train[:1] if test is None else test
        for name, rows in zip(SPLITS, (train, validation or [], test), strict=True):
            write_records(records / f"{name}.jsonl", rows)
        write_json(records / "data.json", {"labels": LABELS})
        recipe = Recipe.model_validate(
            {"data": {"format": data_format, "source": "a"}, "model": {"base": "some/base"}, **sections}
        )
        summary = encode(
            recipe,
            records=records,
            tokenizer=tokenizer or bytes_only,
            context_length=context_length,
            folder=folder,
            progress=Silent(),
        )
        return Encoded(folder, summary)

    return run


@pytest.fixture
def questions(record: Callable[..., Record]) -> list[Record]:
    """Twelve open questions whose answers grow from 5 to 60 bytes."""
    return [
        record(id=f"q{n}", source_row=n, question=f"What is it, number {n}?", answer="word " * n + "end.")
        for n in range(1, 13)
    ]


def learned(row: dict[str, Any]) -> list[int]:
    return [label for label in row["labels"] if label != IGNORED]


# --- what is written


def test_every_record_becomes_one_example_in_order(
    encoded: Callable[..., Encoded], questions: list[Record], bytes_only: Any
):
    made = encoded(questions[:6], questions[6:9], questions[9:])

    assert [row["id"] for row in made.rows("train")] == [f"q{n}" for n in range(1, 7)]
    assert [row["id"] for row in made.rows("validation")] == ["q7", "q8", "q9"]
    assert [row["id"] for row in made.rows("test")] == ["q10", "q11", "q12"]
    assert {path.name for path in made.folder.iterdir()} == {*SPLITS, "dropped.jsonl", "examples.json"}
    for record, row in zip(questions, made.rows("train"), strict=False):
        assert row["prompt"] == f"### Question:\n{record.question}\n\n### Answer:"
        assert row["completion"] == f" {record.answer}"
        assert bytes_only.decode(row["input_ids"]) == f"<s>{row['prompt']}{row['completion']}</s>"
        assert bytes_only.decode(learned(row)) == f"{row['completion']}</s>"


def test_the_answer_and_its_end_are_learned_and_nothing_else(
    encoded: Callable[..., Encoded], questions: list[Record], bytes_only: Any
):
    for row in encoded(questions).rows("train"):
        start = row["labels"].index(next(iter(learned(row))))

        assert row["labels"][:start] == [IGNORED] * start
        assert row["labels"][start:] == row["input_ids"][start:]
        assert row["input_ids"].count(bytes_only.eos_token_id) == 1
        assert row["input_ids"][-1] == row["labels"][-1] == bytes_only.eos_token_id
        assert row["input_ids"].count(bytes_only.bos_token_id) == 1
        assert IGNORED not in row["input_ids"]


def test_a_split_without_records_is_a_set_without_rows(
    encoded: Callable[..., Encoded], questions: list[Record]
):
    made = encoded(questions, [], questions[:1])

    assert made.rows("validation") == []
    assert made.summary["splits"]["validation"]["examples"] == 0
    assert made.summary["splits"]["validation"]["length"] is None
    assert made.summary["splits"]["validation"]["trained_share"] == 0


def test_more_records_than_one_batch_are_all_encoded(
    encoded: Callable[..., Encoded], record: Callable[..., Record]
):
    many = [record(id=f"r{n}", question=f"Q{n}?", answer=f"A{n}") for n in range(600)]

    rows = encoded(many).rows("train")

    assert [(row["id"], row["completion"]) for row in rows] == [(r.id, f" {r.answer}") for r in many]


def test_the_summary_agrees_with_the_rows(encoded: Callable[..., Encoded], questions: list[Record]):
    made = encoded(questions)
    rows = made.rows("train")
    lengths = [len(row["input_ids"]) for row in rows]
    answers = [len(learned(row)) for row in rows]

    told = made.summary["splits"]["train"]

    assert made.summary == read_json(made.folder / "examples.json")
    assert told["examples"] == 12
    assert told["tokens"] == sum(lengths)
    assert told["trained_tokens"] == sum(answers)
    assert told["trained_share"] == sum(answers) / sum(lengths)
    assert told["length"]["max"] == max(lengths)
    assert told["answer_length"]["p50"] == sorted(answers)[6]
    assert told["prompt_length"]["p99"] == max(np.subtract(lengths, answers))


def test_the_preview_shows_what_is_read_and_what_is_learned(
    encoded: Callable[..., Encoded], questions: list[Record]
):
    preview = encoded(questions).summary["preview"]

    assert [shown["id"] for shown in preview] == ["q1", "q2", "q3"]
    assert preview[0] == {
        "id": "q1",
        "prompt": "<s>### Question:\nWhat is it, number 1?\n\n### Answer:",
        "trained": " word end.</s>",
        "segments": [
            {"text": "<s>### Question:\nWhat is it, number 1?\n\n### Answer:", "trained": False},
            {"text": " word end.</s>", "trained": True},
        ],
    }


def test_the_stage_can_be_run_again(encoded: Callable[..., Encoded], questions: list[Record]):
    first = encoded(questions).rows("train")

    assert encoded(questions[:5]).rows("train") == first[:5]


# --- closed tasks


def test_labels_come_from_what_was_prepared(encoded: Callable[..., Encoded], record: Callable[..., Record]):
    made = encoded([record(label="Gout", answer="Gout")], data_format="symptom_table")

    assert made.summary["plan"]["labels"] == LABELS
    assert made.rows("train")[0]["completion"] == " Gout"


def test_open_questions_have_no_labels(encoded: Callable[..., Encoded], questions: list[Record]):
    assert encoded(questions).summary["plan"]["labels"] == []


@pytest.mark.parametrize(
    ("prompt", "completion"),
    [
        ({}, " B"),
        ({"answer": "text"}, " Liver"),
        ({"options": False}, " Liver"),
        (
            {"template": "medical_question", "options": False, "answer": "text_and_explanation"},
            "Liver. Bile.",
        ),
    ],
)
def test_an_exam_is_answered_as_the_recipe_says(
    prompt: dict[str, Any], completion: str, encoded: Callable[..., Encoded], record: Callable[..., Record]
):
    exam = record(options=["Heart", "Liver"], answer_index=1, answer="Liver", explanation="Bile.")

    row = encoded([exam], data_format="multiple_choice", prompt=prompt).rows("train")[0]

    assert row["completion"] == completion
    assert "Bile" not in row["prompt"]


def test_a_closed_answer_is_never_cut(encoded: Callable[..., Encoded], record: Callable[..., Record]):
    # Prompts fill all there is, yet the longest label, "Fungal infection", keeps its room with its end.
    sick = [record(id=label, question="itching, " * 200, label=label, answer=label) for label in LABELS]

    made = encoded(sick, data_format="symptom_table", examples={"max_length": 128})

    told = made.summary["splits"]["train"]
    assert (told["prompts_cut"], told["answers_cut"]) == (3, 0)
    assert [len(row["prompt"]) > 1000 for row in made.rows("train")] == [True] * 3
    assert made.summary["plan"]["prompt_limit"] == 128 - len(" Fungal infection") - 2


def test_the_longest_option_of_all_records_keeps_its_room(
    encoded: Callable[..., Encoded], record: Callable[..., Record]
):
    longest = "a much longer option text"
    exams = [
        record(id=name, question="Why? " * 100, options=[option, "x"], answer_index=0, answer=option)
        for name, option in (("short", "no"), ("long", longest))
    ]

    made = encoded(
        exams, data_format="multiple_choice", prompt={"answer": "text"}, examples={"max_length": 128}
    )

    assert made.summary["plan"]["prompt_limit"] == 128 - len(f" {longest}") - 2
    assert made.summary["splits"]["train"]["answers_cut"] == 0


# --- long texts


def test_a_long_answer_is_cut_without_its_end_and_counted(
    encoded: Callable[..., Encoded], record: Callable[..., Record], bytes_only: Any
):
    short, long = record(id="short"), record(id="long", answer="word " * 100)

    made = encoded([short, long], examples={"max_length": 80})

    first, second = made.rows("train")
    assert bytes_only.eos_token_id in first["input_ids"]
    assert bytes_only.eos_token_id not in second["input_ids"]
    assert len(second["input_ids"]) == 80
    assert bytes_only.decode(learned(second)).startswith(" word word")
    assert made.summary["splits"]["train"]["answers_cut"] == 1
    assert (made.summary["dropped"], made.dropped) == (0, [])


def test_an_answer_that_fits_exactly_keeps_its_end(
    encoded: Callable[..., Encoded], record: Callable[..., Record], bytes_only: Any
):
    asked = record(answer="word " * 20 + "end.")
    (whole,) = encoded([asked]).rows("train")
    length = len(whole["input_ids"])

    (exactly,) = encoded([asked], examples={"max_length": length}).rows("train")
    one_less = encoded([asked], examples={"max_length": length - 1})

    assert exactly["input_ids"] == whole["input_ids"]
    assert one_less.rows("train")[0]["input_ids"] == whole["input_ids"][:-1]
    assert one_less.summary["splits"]["train"]["answers_cut"] == 1


def test_a_long_answer_can_be_dropped_from_training_only(
    encoded: Callable[..., Encoded], record: Callable[..., Record]
):
    short, long = record(id="short"), record(id="long", answer="word " * 100)

    made = encoded(
        [short, long], [short, long], [short, long], examples={"max_length": 80, "long_answer": "drop"}
    )

    assert [row["id"] for row in made.rows("train")] == ["short"]
    assert [row["id"] for row in made.rows("validation")] == ["short", "long"]
    assert [row["id"] for row in made.rows("test")] == ["short", "long"]
    assert made.dropped == [{"id": "long", "reason": "long_answer", "tokens": 80}]
    assert made.summary["dropped"] == 1
    assert made.summary["splits"]["train"]["examples"] == 1
    assert made.summary["splits"]["train"]["answers_cut"] == 0
    assert made.summary["splits"]["test"]["answers_cut"] == 1


def test_a_long_prompt_loses_its_middle_and_leaves_a_quarter_for_the_answer(
    encoded: Callable[..., Encoded], record: Callable[..., Record], bytes_only: Any
):
    made = encoded([record(question="Why? " * 100)], examples={"max_length": 80})

    (row,) = made.rows("train")
    read = row["input_ids"][: len(row["input_ids"]) - len(learned(row))]
    assert len(read) == made.summary["plan"]["prompt_limit"] == 60
    assert bytes_only.decode(read).startswith("<s>### Question:\nWhy?")
    assert bytes_only.decode(read).endswith("\n\n### Answer:")
    assert made.summary["splits"]["train"]["prompts_cut"] == 1


def test_an_explained_answer_has_a_quarter_of_the_room_too(
    encoded: Callable[..., Encoded], record: Callable[..., Record]
):
    exam = record(
        question="Why? " * 100, options=["Heart", "Liver"], answer_index=1, answer="Liver",
        explanation="Bile. " * 50,
    )  # fmt: skip

    made = encoded(
        [exam],
        data_format="multiple_choice",
        prompt={"answer": "text_and_explanation"},
        examples={"max_length": 80},
    )

    assert made.summary["plan"]["prompt_limit"] == 60
    assert len(learned(made.rows("train")[0])) == 20


def test_the_length_of_a_prompt_tells_nothing_about_its_answer(
    encoded: Callable[..., Encoded], record: Callable[..., Record]
):
    asked = [record(id=str(n), question="Why? " * 100, answer="a" * n) for n in (1, 20, 400)]

    rows = encoded(asked, examples={"max_length": 80}).rows("train")

    prompts = [row["input_ids"][: row["labels"].count(IGNORED)] for row in rows]
    assert prompts[0] == prompts[1] == prompts[2]


@pytest.mark.parametrize(
    ("context", "asked", "used"),
    [
        (512, "auto", 512),
        (8192, "auto", DEFAULT_MAX_LENGTH),
        (None, "auto", DEFAULT_MAX_LENGTH),
        (512, 64, 64),
        (512, 512, 512),
        (None, 4096, 4096),
    ],
)
def test_the_most_tokens_are_asked_for_or_the_context(
    context: int | None,
    asked: Any,
    used: int,
    encoded: Callable[..., Encoded],
    questions: list[Record],
):
    made = encoded(questions, context_length=context, examples={"max_length": asked})

    assert made.summary["plan"]["max_length"] == used


# --- chat


def test_a_chat_template_is_used_where_there_is_one(
    encoded: Callable[..., Encoded], questions: list[Record], chatml: Any
):
    made = encoded(questions, tokenizer=chatml)

    assert (made.summary["plan"]["chat"], made.summary["plan"]["closing"]) == (True, "<|im_end|>")
    row = made.rows("train")[0]
    assert row["prompt"].startswith("<|im_start|>user\n")
    assert row["completion"] == "word end."
    assert made.summary["preview"][0]["trained"] == "word end.<|im_end|>"


def test_a_chat_template_is_left_alone_where_the_recipe_says_so(
    encoded: Callable[..., Encoded], questions: list[Record], chatml: Any
):
    plan = encoded(questions, tokenizer=chatml, prompt={"chat_template": "never"}).summary["plan"]

    assert (plan["chat"], plan["closing"]) == (False, "</s>")


def test_a_template_that_starts_the_text_is_not_started_twice(
    encoded: Callable[..., Encoded], questions: list[Record], llama_3: Any
):
    for row in encoded(questions, tokenizer=llama_3).rows("train"):
        assert row["input_ids"][0] == llama_3.bos_token_id
        assert row["input_ids"].count(llama_3.bos_token_id) == 1


# --- what is refused


def test_more_than_the_model_can_read_is_refused(encoded: Callable[..., Encoded], questions: list[Record]):
    with pytest.raises(DataError) as refusal:
        encoded(questions, examples={"max_length": 513})

    assert refusal.value.problem == ("examples.max_length is 513, but some/base reads at most 512 tokens.")
    assert refusal.value.remedy == "Set examples.max_length: 512."


def test_a_chat_template_that_is_not_there_is_refused(
    encoded: Callable[..., Encoded], questions: list[Record]
):
    with pytest.raises(DataError, match="some/base has no chat template"):
        encoded(questions, prompt={"chat_template": "always"})


def test_dropping_every_training_example_is_refused(
    encoded: Callable[..., Encoded], record: Callable[..., Record]
):
    long = [record(id=str(n), answer="word " * 100) for n in range(3)]

    with pytest.raises(DataError) as refusal:
        encoded(long, examples={"max_length": 80, "long_answer": "drop"})

    assert "no training example is left; all 3 had answers that do not fit" in refusal.value.problem
    assert refusal.value.remedy == "Raise examples.max_length, or set examples.long_answer: cut."


def test_a_context_without_room_for_an_answer_is_refused(
    encoded: Callable[..., Encoded], questions: list[Record]
):
    with pytest.raises(DataError, match="12 training examples have no token to learn"):
        encoded(questions, context_length=3)


# --- handed on


def test_later_stages_encode_as_this_one_did(
    encoded: Callable[..., Encoded], questions: list[Record], bytes_only: Any
):
    made = encoded(questions, prompt={"system": "Be brief."}, examples={"max_length": 100})

    encoder = load_encoder(made.folder, bytes_only)

    for record, row in zip(questions, made.rows("train"), strict=True):
        prompt = encoder.prompt(record)
        assert prompt.text == row["prompt"]
        assert prompt.tokens == row["input_ids"][: len(prompt.tokens)]
        assert encoder.reference(record) == row["completion"]


@pytest.mark.parametrize("data_format", ["symptom_table", "typed_qa", "multiple_choice"])
def test_a_stored_plan_comes_back_as_it_was_made(
    data_format: str,
    tmp_path: Path,
    encoded: Callable[..., Encoded],
    record: Callable[..., Record],
    chatml: Any,
):
    asked = [record(label="Gout", answer="Gout", options=["Flu", "Gout"], answer_index=1)]
    made = encoded(asked, data_format=data_format, tokenizer=chatml, prompt={"system": "Hi."})
    recipe = Recipe.model_validate(
        {
            "data": {"format": data_format, "source": "a"},
            "model": {"base": "m"},
            "prompt": {"system": "Hi."},
        }
    )

    plan = make_plan(recipe, asked, tmp_path / "1-records", chatml, CONTEXT)

    assert load_encoder(made.folder, chatml).plan == plan
    assert isinstance(load_encoder(made.folder, chatml), Encoder)


def test_progress_counts_every_record(
    tmp_path: Path, encoded: Callable[..., Encoded], questions: list[Record], bytes_only: Any
):
    class Counting(Silent):
        total: int | None = None
        done = 0
        finished = False

        def start(self, _: str, total: int | None = None) -> None:
            self.total = total

        def advance(self, steps: int = 1, _: str = "") -> None:
            self.done += steps

        def finish(self) -> None:
            self.finished = True

    encoded(questions[:6], questions[6:9], questions[9:])
    recipe = Recipe.model_validate({"data": {"format": "typed_qa", "source": "a"}, "model": {"base": "m"}})
    watching = Counting()

    encode(
        recipe,
        records=tmp_path / "1-records",
        tokenizer=bytes_only,
        context_length=CONTEXT,
        folder=tmp_path / "again",
        progress=watching,
    )

    assert (watching.total, watching.done, watching.finished) == (12, 12, True)


# --- conversations


def test_a_dialogue_learns_every_answer_and_counts_them(
    encoded: Callable[..., Encoded], dialogue: Callable[..., Record], bytes_only: Any
):
    talk = dialogue("hi", "hello", "why?", "so.", "and?", "done.", id="long")

    made = encoded([talk, dialogue("a", "b", id="short")], data_format="dialogue")

    row = made.rows("train")[0]
    assert bytes_only.decode(learned(row)) == " hello</s> so.</s> done.</s>"
    assert row["prompt"].startswith("Patient: hi\n\nDoctor: hello</s>\n\nPatient: why?")
    assert row["completion"] == " done."
    told = made.summary["splits"]["train"]
    assert (told["exchanges_trained"], told["exchanges_left_out"], told["exchanges_not_trained"]) == (4, 0, 0)
    assert told["answer_length"]["max"] == len(" done.</s>") - len("</s>") + 1
    assert told["trained_tokens"] == sum(len(learned(row)) for row in made.rows("train"))


def test_exchanges_that_do_not_fit_are_counted(
    encoded: Callable[..., Encoded], dialogue: Callable[..., Record], bytes_only: Any
):
    talk = dialogue("hi", "x" * 60, "why?", "so.", "and?", "done.")

    made = encoded([talk], data_format="dialogue", examples={"max_length": 120})

    told = made.summary["splits"]["train"]
    assert (told["exchanges_trained"], told["exchanges_left_out"], told["prompts_cut"]) == (2, 1, 1)
    assert bytes_only.decode(learned(made.rows("train")[0])) == " so.</s> done.</s>"


def test_exchanges_that_the_template_rewrites_are_counted(
    encoded: Callable[..., Encoded], dialogue: Callable[..., Record], bytes_only: Any
):
    thinking = copy.deepcopy(bytes_only)
    thinking.chat_template = (
        "{% for t in messages %}{{ t.role }}: {{ t.content }}{{ eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}assistant: <think>\n{% endif %}"
    )

    made = encoded([dialogue("hi", "hello", "why?", "so.")], data_format="dialogue", tokenizer=thinking)

    told = made.summary["splits"]["train"]
    assert (told["exchanges_trained"], told["exchanges_left_out"], told["exchanges_not_trained"]) == (1, 0, 1)
    assert bytes_only.decode(learned(made.rows("train")[0])) == "so.</s>"


def test_the_prompt_of_a_dialogue_is_the_same_in_use(
    encoded: Callable[..., Encoded], dialogue: Callable[..., Record], bytes_only: Any
):
    talk = dialogue("hi", "hello", "why?", "so.")
    made = encoded([talk], data_format="dialogue")

    prompt = load_encoder(made.folder, bytes_only).prompt(talk)

    (row,) = made.rows("train")
    assert prompt.text == row["prompt"]
    assert row["input_ids"][: len(prompt.tokens)] == prompt.tokens
    assert len(row["input_ids"]) == len(prompt.tokens) + len(" so.") + 1


def test_json_lines_of_older_examples_are_taken_away(
    encoded: Callable[..., Encoded], questions: list[Record]
):
    made = encoded(questions)
    write_jsonl_sets(made.folder)
    assert (made.folder / "train.jsonl").is_file()

    encoded(questions[:3])

    assert not list(made.folder.glob("t*.jsonl"))
