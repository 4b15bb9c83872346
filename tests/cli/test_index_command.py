"""Passages from the command line: made, put into a prompt, shown."""

from __future__ import annotations

import json

import pytest

from medadapt.cli.replies import harmless
from medadapt.core.errors import DataError, MedAdaptError
from medadapt.core.files import read_jsonl
from medadapt.retrieval.index import load_index
from serving_runs import make_run, records_of


@pytest.fixture(scope="module")
def indexed(finished, tmp_path_factory):
    from medadapt.serving.indexing import index_run

    return index_run(str(finished), tmp_path_factory.mktemp("index") / "index").folder


def test_an_index_of_a_run_holds_its_training_records_alone(finished, use, tmp_path):
    code, out, _ = use("index", finished, "-o", tmp_path / "index", "--json")
    told = json.loads(out)
    rows = {
        split: list(read_jsonl(finished / "1-records" / f"{split}.jsonl"))
        for split in ("train", "validation", "test")
    }
    ids = {passage.id for passage in load_index(tmp_path / "index")}
    assert code == 0
    assert told["passages"] == len(rows["train"])
    assert ids == {row["id"] for row in rows["train"]}
    assert not ids & {row["id"] for split in ("validation", "test") for row in rows[split]}


def test_an_index_of_files_needs_a_folder(use, tmp_path):
    (tmp_path / "notes.txt").write_text("Flu is caused by a virus.")
    with pytest.raises(DataError, match="No folder is named"):
        use("index", tmp_path / "notes.txt")
    _, out, _ = use("index", tmp_path / "notes.txt", "-o", tmp_path / "index")
    assert out.startswith("1 passages of ")


def test_ask_puts_passages_into_the_prompt_and_shows_them(finished, indexed, use):
    question = records_of(finished)[0].question
    _, plain, _ = use("ask", finished, question, "--json")
    code, out, _ = use("ask", finished, question, "--index", indexed, "--json")
    without, found = json.loads(plain), json.loads(out)
    assert code == 0
    assert "passages" not in without
    assert 1 <= len(found["passages"]) <= 3
    words = set(question.replace(";", " ").replace(",", " ").split())
    assert all(
        words & set(one["title"].replace(";", " ").replace(",", " ").split()) for one in found["passages"]
    )
    assert found["answers"]["tuned"]["probabilities"] != without["answers"]["tuned"]["probabilities"]


def test_chat_shows_where_passages_come_from(finished, indexed, use):
    record = records_of(finished)[0]
    _, _, err = use("chat", finished, "--index", indexed, typed=record.question + "\n")
    assert "[1] " in err
    assert "    from " in err


def test_a_question_that_shares_no_word_is_asked_as_it_is(finished, indexed, use):
    _, plain, _ = use("ask", finished, "zzz", "--json")
    _, out, err = use("ask", finished, "zzz", "--index", indexed)
    assert out.startswith(harmless(json.loads(plain)["answers"]["tuned"]["text"]))
    assert "no passage shares a word" in err


def test_passages_and_a_risk_do_not_go_together(finished, indexed, use):
    with pytest.raises(MedAdaptError, match="measured without passages"):
        use("ask", finished, "fever", "--index", indexed, "--risk", 0.2)


def test_an_index_of_another_runs_records_is_refused(finished, indexed, use, tmp_path_factory):
    place = tmp_path_factory.mktemp("other")
    other = make_run(
        place / "other",
        finished.parent / "tiny-base",
        until="train",
        data={"format": "typed_qa", "source": "sample:rows/typed_qa"},
    )
    with pytest.raises(DataError, match="other training records"):
        use("ask", other, "What is flu ?", "--index", indexed)
