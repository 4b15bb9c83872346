"""The sample data sets as sources: every planted defect is found, nothing else is, and no split leaks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from medadapt.records.likeness.leakage import measure_leakage
from medadapt.samples.generating import dirt, mcq, symptoms, typed_qa
from medadapt.samples.generating.files import KINDS, sample_files
from medadapt.samples.knowledge import load_conditions

SEEDS = (0, 3)
TEXT = re.compile(r"[A-Za-z(].*[.?]", re.DOTALL)
ODD = re.compile(r"\s{2,}|Â|â€|</?p>|_|\?\s*\?|\s\?|^\s|\s$")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample files of two seeds."""
    root = tmp_path_factory.mktemp("samples")
    for seed in SEEDS:
        for file in sample_files(load_conditions(), seed):
            path = root / str(seed) / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
    return root


@pytest.fixture
def prepared_sample(prepared, folder: Path):
    """`prepared_sample(name, format, seed)`: what was prepared, and what had been planted."""

    def run(name: str, data_format: str, seed: int):
        planted = KINDS[name][0](load_conditions(), seed).planted
        path = next(path for path in (folder / str(seed) / name).iterdir())
        return prepared(None, format=data_format, source=str(path)), planted

    return run


def check_sound(result) -> None:
    """No text keeps a defect, no split leaks, and every split has records."""
    assert all(result.splits.values())
    leakage, is_table = result.facts["leakage"], result.facts["format"] == "symptom_table"
    assert leakage["gated"] == (["exact"] if is_table else ["exact", "near"])
    assert leakage["exact"] == 0
    if not is_table:  # under the rule `exact` every pair is compared, whatever the groups are
        assert measure_leakage(result.splits, "exact", task=result.facts["task"])["near"] == 0
    for record in result.records:
        for text in (record.question, record.answer, record.explanation or "", *(record.options or [])):
            assert not ODD.search(text), record


@pytest.mark.parametrize("seed", SEEDS)
def test_symptoms(prepared_sample, seed: int) -> None:
    result, planted = prepared_sample("symptoms", "symptom_table", seed)
    check_sound(result)
    assert result.facts["dropped"] == {"duplicate": planted[dirt.COPY]}
    assert (
        result.facts["repairs"]["spaces around labels and answers removed"] == planted[symptoms.LABEL_SPACE]
    )
    cleaned = result.facts["repairs"]["symptom names cleaned"]
    assert max(planted[symptoms.LEADING_SPACE], planted[symptoms.UNDERSCORES]) <= cleaned
    assert planted[symptoms.INNER_SPACE] > 0
    assert (len(result.facts["labels"]), len(result.records)) == (48, 960)
    assert result.facts["labels_without_test"] == result.facts["labels_without_train"] == []
    assert all(re.fullmatch(r"[a-z0-9; -]+", record.question) for record in result.records)


@pytest.mark.parametrize("seed", SEEDS)
def test_typed_qa(prepared_sample, seed: int) -> None:
    result, planted = prepared_sample("typed_qa", "typed_qa", seed)
    check_sound(result)
    no_answer = planted[dirt.EMPTY_ANSWER] + planted[typed_qa.HEADINGS]
    assert result.facts["dropped"] == {"duplicate": planted[dirt.COPY], "empty_answer": no_answer}
    assert result.facts["repairs"] == {
        "garbled UTF-8 restored": planted[dirt.GARBLED_TEXT],
        "repeated question marks removed": planted[typed_qa.DOUBLED_MARKS],
        "runs of spaces joined": planted[dirt.SPACES] + planted[dirt.GARBLED_TEXT],
        "spaces before question marks removed": planted[typed_qa.SPACED_MARKS],
    }
    assert len({record.qtype for record in result.records}) == 8
    check_second_answers(result, planted)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("name", "data_format"), [("dialogues", "dialogue"), ("qa", "question_answer")])
def test_open_pairs(prepared_sample, name: str, data_format: str, seed: int) -> None:
    result, planted = prepared_sample(name, data_format, seed)
    check_sound(result)
    assert result.facts["dropped"] == {
        "duplicate": planted[dirt.COPY],
        "empty_answer": planted[dirt.EMPTY_ANSWER],
    }
    repairs = result.facts["repairs"]
    assert repairs["garbled UTF-8 restored"] == planted[dirt.GARBLED_TEXT]
    assert repairs["HTML tags removed"] == planted[dirt.MARKED_UP]
    if name == "dialogues":
        assert repairs["carriage returns made newlines"] == planted[dirt.SPACES]
    else:
        assert repairs["runs of spaces joined"] == planted[dirt.SPACES] + planted[dirt.GARBLED_TEXT]
    assert len(result.facts["instructions"]) == 1
    check_second_answers(result, planted)


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_mcq(prepared_sample, seed: int) -> None:
    result, planted = prepared_sample("mcq", "multiple_choice", seed)
    check_sound(result)
    assert result.facts["answer_base"] == 1
    assert result.facts["dropped"] == {
        "duplicate": planted[dirt.COPY],
        "unlabelled": planted[mcq.UNLABELLED],
        "bad_options": planted[mcq.BROKEN],
    }
    assert result.facts["repairs"]["runs of spaces joined"] == planted[dirt.SPACES]
    assert set(result.facts["repairs"]) == {
        "runs of spaces joined",
        "answer announcements removed from explanations",
    }
    for record in result.records:
        assert not re.match(r"Ans|[A-D][.)]", record.explanation or "")
        assert len(record.options or []) == 4
    assert {record.meta["choice_type"] for record in result.records} == {"single", "multi"}


def check_second_answers(result, planted) -> None:
    """Questions with two answers keep both, in one split; the planted identifiers are still there to be found."""
    questions: dict[str, list[str]] = {}
    for split, records in result.splits.items():
        for record in records:
            questions.setdefault(record.question, []).append(split)
    twice = [splits for splits in questions.values() if len(splits) > 1]
    assert len(twice) == planted[dirt.SECOND_ANSWER]
    assert all(len(set(splits)) == 1 for splits in twice)
    texts = [f"{record.question} {record.answer}" for record in result.records]
    for kind, pattern in (
        (dirt.PHONE, r"\b555-01\d\d\b"),
        (dirt.EMAIL, r"\b\w+@example\.org\b"),
        (dirt.DATE, r"\b\d\d/\d\d/\d{4}\b"),
    ):
        assert sum(bool(re.search(pattern, text)) for text in texts) == planted[kind] > 0
    everything = " ".join(texts)
    assert not re.search(r"@(?!example\.org\b)", everything)
    assert not re.search(r"\d{3}-(?!01\d\d\b)\d{4}", everything)
