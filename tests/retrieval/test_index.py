"""An index finds what a plain computation of BM25 finds, and refuses what it was not made of."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path

import numpy as np
import pytest

from medadapt.core.errors import DataError, RunFolderError
from medadapt.core.hashes import sha256_file
from medadapt.retrieval.index import Origin, PassageIndex, check_origin, load_index, save_index
from medadapt.retrieval.passages import Passage

ORIGIN = Origin(kind="files", name="made up", sha256={})
VOCABULARY = [f"word{number}" for number in range(60)]


def made(folder, texts, origin=ORIGIN, **options):
    passages = [Passage(id=str(number), title="", text=text) for number, text in enumerate(texts)]
    save_index(PassageIndex.of(passages, origin), folder, **options)
    return load_index(folder, no_model)


def no_model(by):
    raise AssertionError("an index of words alone asks for no embedding model")


def texts(count=80, seed=0):
    draw = random.Random(seed)
    return [" ".join(draw.choices(VOCABULARY, k=draw.randrange(3, 40))) for _ in range(count)]


def plain_bm25(question, texts, *, k1=1.5, b=0.75):
    """Every text's score, by the formula (Lucene's inverse document frequency)."""
    rows = [re.findall(r"\b\w\w+\b", text) for text in texts]
    mean = sum(map(len, rows)) / len(rows)
    scores = []
    for row in rows:
        score = 0.0
        for word in question.split():
            holding = sum(word in other for other in rows)
            if count := row.count(word):
                rarity = math.log(1 + (len(rows) - holding + 0.5) / (holding + 0.5))
                score += rarity * count / (count + k1 * (1 - b + b * len(row) / mean))
        scores.append(score)
    return scores


def test_the_passages_found_are_those_of_plain_bm25(tmp_path):
    corpus = texts()
    index = made(tmp_path / "index", corpus)
    for question in ("word1 word7 word33", "word5", "word2 word2 word40"):
        scores = plain_bm25(question, corpus)
        found = index.search(question, 10)
        # Lucene leaves the factor k1 + 1 out; it is the same for every text.
        shares = np.array([one.score for one in found]) / [scores[int(one.passage.id)] for one in found]
        assert shares == pytest.approx(shares[0], rel=1e-4)
        best = sorted((score for score in scores if score), reverse=True)[:10]
        assert [scores[int(one.passage.id)] for one in found] == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("question", ["", "the of and", "unheard", "?!"])
def test_a_question_without_a_known_word_finds_nothing(tmp_path, question):
    assert made(tmp_path / "index", texts(5)).search(question, 3) == []


def test_no_more_is_found_than_there_is(tmp_path):
    index = made(tmp_path / "index", ["fever and cough", "a broken leg"])
    assert [one.passage.id for one in index.search("fever leg cough", 50)] == ["0", "1"]


def test_an_index_is_replaced_only_when_asked(tmp_path):
    folder = tmp_path / "index"
    made(folder, ["one text"])
    with pytest.raises(RunFolderError, match="--replace"):
        made(folder, ["another text"])
    assert next(iter(made(folder, ["another text"], replace=True))).text == "another text"
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="no index"):
        made(other, ["a text"], replace=True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["index", "other"]


@pytest.mark.parametrize(
    "content", ['{"pages": 3}', '{"schema": 1, "passages": 3, "origin": "a"}', "[]", "no JSON"]
)
@pytest.mark.parametrize("parts", [("passages.jsonl", "words"), ("passages.jsonl",), ("words",), ()])
def test_a_folder_of_others_with_an_index_json_is_not_replaced(tmp_path, content, parts):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.json").write_text(content)
    for part in parts:
        (folder / part).mkdir() if part == "words" else (folder / part).write_text("")
    with pytest.raises(RunFolderError, match="no index"):
        made(folder, ["a text"], replace=True)
    assert (folder / "index.json").read_text() == content


@pytest.mark.parametrize(
    "content", ['{"pages": 3}', '{"schema": 1, "passages": 3, "origin": {"name": "a"}}', "[]"]
)
def test_where_index_json_tells_of_something_else_the_path_is_to_be_corrected(tmp_path, content):
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(DataError, match=r"is no index: its index\.json tells of something else") as told:
        load_index(tmp_path, no_model)
    assert told.value.remedy == "Correct the path."


@pytest.mark.parametrize("gone", ["passages.jsonl", "words"])
def test_an_index_that_has_lost_a_part_is_replaced(tmp_path, gone):
    folder = tmp_path / "index"
    made(folder, ["one text"])
    (folder / gone).rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="cannot be used") as refused:
        load_index(folder, no_model)
    assert "--replace" in refused.value.remedy
    assert len(made(folder, ["another", "text"], replace=True)) == 2


def test_where_an_index_does_not_say_what_it_is_both_commands_say_to_delete_it_first(tmp_path):
    folder = tmp_path / "index"
    made(folder, ["one text"])
    (folder / "index.json").write_text('{"schema": 1, "pass')
    with pytest.raises(DataError, match="cannot be used") as unusable:
        load_index(folder, no_model)
    with pytest.raises(RunFolderError, match="no index") as taken:
        made(folder, ["another text"], replace=True)
    assert unusable.value.remedy.startswith(f"Delete {folder} first")
    assert "if this one was an index, delete it first" in taken.value.remedy


def test_an_index_of_another_version_is_replaced(tmp_path):
    folder = tmp_path / "index"
    made(folder, ["one text"])
    facts = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(facts | {"schema": 99}))
    assert len(made(folder, ["another", "text"], replace=True)) == 2


def test_an_index_of_other_records_is_refused(tmp_path):
    records = tmp_path / "run" / "1-records" / "train.jsonl"
    records.parent.mkdir(parents=True)
    records.write_text("{}\n")
    index = made(tmp_path / "index", ["a text"], Origin(kind="run", name="mine", sha256={"train.jsonl": "0"}))
    with pytest.raises(DataError, match="other training records"):
        check_origin(index, tmp_path, records)
    check_origin(made(tmp_path / "files", ["a text"]), tmp_path, records)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_an_index_of_the_records_that_a_run_is_measured_on_is_refused(tmp_path, split):
    records = tmp_path / "run" / "1-records"
    records.mkdir(parents=True)
    for name in ("train", "validation", "test"):
        (records / f"{name}.jsonl").write_text(f'{{"id": "{name}"}}\n')
    copied = {"anywhere.jsonl": sha256_file(records / f"{split}.jsonl")}
    index = made(tmp_path / "index", ["a text"], Origin(kind="files", name="copied", sha256=copied))
    with pytest.raises(DataError, match=f"{split}.jsonl, on which this run is measured"):
        check_origin(index, tmp_path / "index", records / "train.jsonl")


@pytest.mark.parametrize("text", ["the of and", "a", "?!"])
def test_texts_without_a_word_to_search_for_are_refused(tmp_path, text):
    with pytest.raises(DataError, match="No word can be searched for"):
        made(tmp_path / "index", [text])


def test_a_file_is_no_folder_for_an_index(tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(RunFolderError, match="no index"):
        made(tmp_path / "taken", ["a text"])


def test_an_index_that_cannot_be_replaced_is_still_there(tmp_path, monkeypatch):
    folder = tmp_path / "index"
    made(folder, ["one text"])
    replace = Path.replace

    def full(part, target):
        if part.suffix == ".part":
            raise OSError("no room")
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no room"):
        made(folder, ["another text"], replace=True)
    assert next(iter(load_index(folder, no_model))).text == "one text"
    assert [one.name for one in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("passages.jsonl", '{"other": 1}\n'), ("passages.jsonl", "[1]\n"), ("words/params.index.json", "[1]")],
)
def test_files_of_an_index_that_hold_something_else_are_told(tmp_path, name, content):
    folder = tmp_path / "index"
    made(folder, ["one text"])
    (folder / name).write_text(content)
    with pytest.raises(DataError, match="cannot be used"):
        load_index(folder, no_model)


def test_a_damaged_index_is_told(tmp_path):
    folder = tmp_path / "index"
    made(folder, ["one text", "two texts"])
    (folder / "passages.jsonl").write_text('{"id": "0", "title": "", "text": "one text"}\n')
    with pytest.raises(DataError, match="1 passages instead of 2"):
        load_index(folder, no_model)
    facts = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(facts | {"schema": 99}))
    with pytest.raises(DataError, match="schema 99"):
        load_index(folder, no_model)
    with pytest.raises(DataError, match="no index"):
        load_index(tmp_path, no_model)


def test_nothing_in_an_index_is_unpickled(tmp_path):
    folder = tmp_path / "index"
    made(folder, ["one text", "two texts"])
    (array,) = folder.glob("words/data*.npy")
    np.save(array, np.array([{"code": "could run"}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be used"):
        load_index(folder, no_model)


def test_an_index_is_made_where_one_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(made(Path(), ["one text"])) == 1
