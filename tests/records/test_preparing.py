from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medadapt import samples
from medadapt.core.errors import DataError
from medadapt.core.progress import Silent
from medadapt.core.recipe import DataSection
from medadapt.records.data_notes import data_notes
from medadapt.records.likeness.leakage import measure_leakage
from medadapt.records.preparing import FORMATS, prepare
from medadapt.records.reading.sources import source_hashes

NAMES = ["".join(chr(97 + (7 * n + 11 * place + n * place) % 26) for place in range(20)) for n in range(20)]
WORDS = [hashlib.sha256(str(n).encode()).hexdigest()[:20] for n in range(100)]
"""No two of them, and no two questions that differ by them, are nearly alike."""
QA = "qtype,Question,Answer\n" + "".join(
    f"t{n % 3},Question about item {n * 7919}?,Answer {n}\n" for n in range(60)
)


def test_all_files_are_written_and_data_json_is_what_was_returned(prepared, tmp_path: Path) -> None:
    result = prepared(QA, format="typed_qa")
    folder = tmp_path / "1-records"
    names = {"train.jsonl", "validation.jsonl", "test.jsonl", "dropped.jsonl", "data.json"}
    assert {path.name for path in folder.iterdir()} == names
    assert json.loads((folder / "data.json").read_text()) == json.loads(json.dumps(result.facts))
    assert result.facts["sources"] == source_hashes(
        DataSection(format="typed_qa", source=str(tmp_path / "rows.csv"))
    )
    assert result.facts["counts"] == {"train": 48, "validation": 6, "test": 6, "dropped": 0}
    assert result.facts["licence"].startswith("unknown")


def test_the_same_input_gives_the_same_bytes(prepared, tmp_path: Path) -> None:
    def content() -> dict[str, bytes]:
        prepared(QA, format="typed_qa", seed=5)
        return {path.name: path.read_bytes() for path in (tmp_path / "1-records").iterdir()}

    assert content() == content()


def test_the_order_of_source_rows_does_not_change_the_split(prepared) -> None:
    header, *rows = QA.splitlines()
    numbered = [f"{row},{n}" for n, row in enumerate(rows)]
    there = prepared("\n".join([header + ",id", *numbered]), format="typed_qa")
    back = prepared("\n".join([header + ",id", *numbered[::-1]]), format="typed_qa")
    for name in there.splits:
        assert {r.id for r in there.splits[name]} == {r.id for r in back.splits[name]}


def test_ids_of_the_source_are_used_only_where_they_are_unique(prepared) -> None:
    header, *rows = QA.splitlines()
    unique = prepared(
        "\n".join([header + ",ID", *(f"{row},q{n}" for n, row in enumerate(rows))]), format="typed_qa"
    )
    assert unique.records[0].id == "q0"
    repeated = prepared(
        "\n".join([header + ",ID", *(f"{row},q{n // 2}" for n, row in enumerate(rows))]), format="typed_qa"
    )
    assert repeated.records[0].id == "row-1"


def test_rows_of_several_files_carry_the_name_of_their_file(prepared, tmp_path: Path) -> None:
    header, *rows = QA.splitlines()
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "a.csv").write_text("\n".join([header, *rows[:30]]))
    (folder / "b.tsv").write_text("\n".join([header, *rows[30:]]).replace(",", "\t"))
    result = prepared(None, format="typed_qa", source=str(folder))
    assert {r.source_row for r in result.records} >= {"a.csv:1", "b.tsv:30"}
    assert result.facts["counts"]["dropped"] == 0


def test_every_kind_of_broken_row_is_in_the_ledger_with_its_reason(prepared) -> None:
    broken = QA + "t1,too,many,fields\nt1,too few\nqtype,Question,Answer\nt1,,no question\nt1,no answer?,\n"
    result = prepared(broken, format="typed_qa")
    assert result.reasons == {
        61: "unparsed_row", 62: "unparsed_row", 63: "unparsed_row", 64: "empty_question", 65: "empty_answer",
    }  # fmt: skip
    assert "rows.csv:62" in result.dropped[0]["detail"]


def test_a_cp1252_file_is_read_and_reported(prepared) -> None:
    result = prepared(QA.replace("Answer 0", "Ménière’s").encode("cp1252"), format="typed_qa")
    assert result.records[0].answer == "Ménière’s"
    assert result.facts["encoding"] == {"rows.csv": "cp1252"}
    assert result.facts["repairs"]["bytes read as cp1252"] == 3


def test_words_of_a_file_that_was_read_as_cp1252_are_told(prepared) -> None:
    result = prepared(QA.replace("Answer 0", "Qué es Ménière").encode("cp1252"), format="typed_qa")
    assert result.facts["read_as_cp1252"] == {"rows.csv": ["Qué", "Ménière"]}
    (note,) = data_notes(result.facts)
    assert "as in 'Qué', 'Ménière'; if these words look wrong, save the file as UTF-8" in note


@pytest.mark.parametrize("column", ["patient_id", "PatientID", "MRN", "case no.", "subject-id"])
def test_a_column_that_numbers_patients_is_told_where_no_column_keeps_rows_together(
    prepared, column: str
) -> None:
    header, *rows = QA.splitlines()
    text = "\n".join([f"{header},{column}", *(f"{row},P{n // 3}" for n, row in enumerate(rows))])
    (note,) = data_notes(prepared(text, format="typed_qa").facts)
    assert note == (
        f"'{column}' has 20 values in 60 rows; where these are patients or cases, data.columns: {{group: {column}}} "
        "keeps the rows of each in one split"
    )
    assert "ungrouped" not in prepared(text, format="typed_qa", columns={"group": column}).facts
    assert "ungrouped" not in prepared(text, format="typed_qa", split={"group": "none"}).facts


@pytest.mark.parametrize(
    ("column", "share"),
    [("patient_id", 1), ("patient_id", 60), ("subject", 3), ("disease", 3), ("salesperson_id", 3)],
)
def test_other_columns_are_not_taken_for_numbers_of_patients(prepared, column: str, share: int) -> None:
    header, *rows = QA.splitlines()
    text = "\n".join([f"{header},{column}", *(f"{row},P{n // share}" for n, row in enumerate(rows))])
    assert not list(data_notes(prepared(text, format="typed_qa").facts))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("train.csv", "test.csv"), "test.csv, train.csv: files named after splits are shared out anew"),
        (("train-00000-of-00001.csv", "my_dev.csv"), "my_dev.csv, train-00000-of-00001.csv: files named"),
        (("train/rows.csv", "test/rows.csv"), "test/rows.csv, train/rows.csv: files named"),
        (("a.csv", "b.csv"), None),
        (("train_1.csv", "train_2.csv"), None),
        (("latest.csv", "training.csv"), None),
    ],
)
def test_files_named_after_splits_that_are_shared_out_anew_are_told(
    prepared, tmp_path: Path, names: tuple[str, str], told: str | None
) -> None:
    header, *rows = QA.splitlines()
    for name, part in zip(names, (rows[:40], rows[40:]), strict=True):
        (tmp_path / "parts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "parts" / name).write_text("\n".join([header, *part]))
    notes = list(data_notes(prepared(None, format="typed_qa", source=str(tmp_path / "parts")).facts))
    assert [note[: len(told or "")] for note in notes] == ([told] if told else [])


def of_patients(data_format: str) -> tuple[str, str]:
    """A source with two rows of each of 30 patients, and the name of its file."""
    words = WORDS[:60]
    if data_format == "symptom_table":
        rows = (f"{'AB'[n // 2 % 2]},{word[:10]},{word[10:]},P{n // 2}" for n, word in enumerate(words))
        return "\n".join(["Disease,Symptom_1,Symptom_2,patient", *rows]), "rows.csv"
    made = {
        "typed_qa": lambda n, word: {"qtype": "t", "question": f"Why {word}?", "answer": f"So {n}."},
        "question_answer": lambda n, word: {"question": f"Why {word}?", "answer": f"So {n}."},
        "multiple_choice": lambda n, word: {
            "question": f"Which {word}?", "options": list("wxyz"), "answer": "ABCD"[n % 4],
        },
        "dialogue": lambda n, word: {
            "messages": [
                {"role": "user", "content": f"Why {word}?"}, {"role": "assistant", "content": f"So {n}."},
            ],
        },
    }[data_format]  # fmt: skip
    held = [made(n, word) | {"patient": f"P{n // 2}"} for n, word in enumerate(words)]
    return json.dumps(held), "rows.json"


@pytest.mark.parametrize("data_format", sorted(FORMATS))
def test_rows_of_one_patient_lie_in_one_split_where_their_column_is_named(prepared, data_format: str) -> None:
    text, name = of_patients(data_format)
    shares = {"train": 0.5, "validation": 0.2, "test": 0.3}

    def num_torn(**data) -> int:
        """Patients with rows in several splits."""
        homes: dict[int, set[str]] = {}
        for split, records in prepared(text, name, format=data_format, split=shares, **data).splits.items():
            for record in records:
                homes.setdefault((record.source_row - 1) // 2, set()).add(split)
        assert len(homes) == 30
        return sum(len(splits) > 1 for splits in homes.values())

    assert num_torn() > 0
    assert num_torn(columns={"group": "patient"}) == 0


def test_nearly_equal_questions_never_lie_in_different_splits(prepared) -> None:
    rows = [
        {
            "question": f"Which medicine is given first to {NAMES[n // 2]} of forty year{'s' * (n % 2)}?",
            "answer": f"Answer {n}",
        }
        for n in range(40)
    ]

    def leaks(**split) -> tuple[list[str], int, int]:
        shares = {"train": 0.6, "validation": 0.1, "test": 0.3, **split}
        result = prepared(json.dumps(rows), "rows.json", format="question_answer", split=shares)
        # Under the rule `exact` every pair is compared, whatever the groups are.
        every_pair = measure_leakage(result.splits, "exact", task="qa")
        return result.facts["leakage"]["gated"], every_pair["exact"], every_pair["near"]

    assert leaks() == (["exact", "near"], 0, 0)
    gated, exact, near = leaks(group="none")
    assert (gated, exact, near > 0) == (["exact"], 0, True)


def test_question_types_keep_their_shares_unless_stratify_is_none(prepared) -> None:
    rows = (f"{'a' if n < 80 else 'b'},Why {word}?,Answer {n}" for n, word in enumerate(WORDS))
    text = "\n".join(["qtype,Question,Answer", *rows])

    def tested(**split) -> list[Counter[str | None]]:
        """How many questions of each type are in test, by seed."""
        made = (prepared(text, format="typed_qa", seed=seed, split=split) for seed in range(5))
        return [Counter(record.qtype for record in result.splits["test"]) for result in made]

    assert tested() == [Counter(a=8, b=2)] * 5
    assert tested(stratify="none") != [Counter(a=8, b=2)] * 5


def test_equal_questions_never_lie_in_different_splits(prepared) -> None:
    text = "qtype,Question,Answer\n" + "".join(
        f"t,Symptoms of {NAMES[n // 2]} in adults{' ' + '?' * (n % 2)},Answer {n}\n" for n in range(40)
    )
    result = prepared(text, format="typed_qa")
    assert result.facts["leakage"]["exact"] == result.facts["leakage"]["near"] == 0
    alone = prepared(text, format="typed_qa", split={"group": "none"})
    assert alone.facts["group_rule"] == "none"
    assert alone.facts["leakage"]["exact"] > 0


def test_an_input_that_may_lie_in_both_splits_is_counted_without_stopping(prepared) -> None:
    text = "Disease,Symptom_1,Symptom_2,Symptom_3\n" + "".join(
        f"{disease},{disease} long symptom name number one,{disease} long symptom name number two,x{n}\n"
        for disease in ("A", "B")
        for n in range(10)
    )
    leakage = prepared(text, format="symptom_table").facts["leakage"]
    assert (leakage["exact"], leakage["gated"]) == (0, ["exact"])
    assert leakage["near"] > 0


def test_a_limit_is_applied_after_duplicates(prepared) -> None:
    result = prepared(QA + QA.split("\n", 1)[1], format="typed_qa", limit={"rows": 20})
    assert result.facts["dropped"] == {"duplicate": 60, "over_limit": 40}
    assert len(result.records) == 20


@pytest.mark.parametrize("content", ["", "qtype,Question,Answer\n", "\n"])
def test_a_source_without_rows_is_an_error(prepared, content: str) -> None:
    with pytest.raises(DataError, match=r"is empty|has no rows"):
        prepared(content, format="typed_qa")


def test_nothing_is_written_where_the_source_is_unusable(prepared, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all dropped"):
        prepared("qtype,Question,Answer\nt,,\n", format="typed_qa")
    assert not (tmp_path / "1-records").exists()


def test_questions_that_are_all_alike_leave_nothing_to_test_on(prepared) -> None:
    rows = "".join(f"t,Same question?,Answer {n}\n" for n in range(5))
    with pytest.raises(DataError, match="No record is left to test on"):
        prepared("qtype,Question,Answer\n" + rows, format="typed_qa")


@pytest.mark.parametrize("data_format", sorted(FORMATS))
@pytest.mark.parametrize("smoke", [False, True])
def test_bundled_samples_are_usable(prepared, data_format: str, smoke: bool) -> None:
    source = f"sample:rows/{samples.SAMPLE_OF_FORMAT[data_format]}"
    result = prepared(None, format=data_format, source=source, smoke=smoke)
    assert all(result.splits.values())
    assert result.facts["licence"].startswith("synthetic")


CELLS = st.sampled_from(
    ["fever", " cough ", "foul_smell_of urine", "", "A", "B", "b ", '"', 'a"b', "two\nlines", "x,y", "\x00",
     "\x85", "\u2028", "Disease", "Symptom_1", "0", "1", "nan", "What is it ?", "yes", "C. none"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)  # fmt: skip
HEADERS = {
    "symptom_table": ["Disease", "Symptom_1", "Symptom_2"],
    "typed_qa": ["qtype", "Question", "Answer"],
    "multiple_choice": ["question", "opa", "opb", "opc", "opd", "cop"],
}
SOUND = {
    "symptom_table": [["AB"[n % 2], NAMES[n], "fever"] for n in range(6)],
    "typed_qa": [["causes", f"Why {NAMES[n]}?", "It is so."] for n in range(6)],
    "multiple_choice": [[f"Which {NAMES[n]}", "w", "x", "y", "z", "ABCD"[n % 4]] for n in range(6)],
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(sorted(HEADERS)), st.data(), st.booleans(), st.booleans(), st.booleans())
def test_every_row_of_a_dirty_table_ends_in_exactly_one_file(
    tmp_path: Path, data_format: str, draw: st.DataObject, quoted: bool, grouped: bool, smoke: bool
) -> None:
    header = HEADERS[data_format]
    sizes = st.sampled_from([len(header)] * 6 + [len(header) - 1, len(header) + 1, 1])
    rows = draw.draw(st.lists(sizes.flatmap(lambda n: st.lists(CELLS, min_size=n, max_size=n)), max_size=25))
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    for row in [header, *SOUND[data_format], *rows]:  # sound rows first: an open quote must not swallow them
        if quoted:
            writer.writerow(row)
        else:
            file.write(",".join(row) + "\n")
    path = tmp_path / "dirty.csv"
    path.write_text(file.getvalue(), encoding="utf-8", newline="")
    data = DataSection(
        format=data_format, source=str(path), answer_base="letter",
        split={"group": "auto" if grouped else "none"},
    )  # fmt: skip
    folder = tmp_path / "dirty"
    try:
        facts = prepare(data, 0, folder, smoke=smoke, progress=Silent())
    except DataError:
        return
    ended: Counter[int] = Counter()
    for name in ("train", "validation", "test", "dropped"):
        # splitlines, as other tools may: no text may break a line of the files
        for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            ended[json.loads(line)["source_row"]] += 1
    assert ended == Counter(range(1, facts["rows"] + 1))


class Telling(Silent):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_what_the_reader_should_look_at_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "fever,cough,itch,age,prognosis\n1,0,0,34,Flu\n0,1,0,51,Flu\n1,1,0,20,flu\n0,0,1,77,Cold\n1,0,1,8,Cold\n"
    )
    told = Telling()
    data = DataSection(format="symptom_table", source=str(path))
    prepare(data, 0, tmp_path / "1-records", progress=told)
    assert told.notes == [
        "rows.csv: no question holds anything of the column 'age'",
        "labels: 'Flu', 'flu' differ in case or spaces only and are learned as different labels; "
        'data.aliases: {"flu": "Flu"} makes them one',
    ]
