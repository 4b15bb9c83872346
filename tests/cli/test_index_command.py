"""Passages from the command line: made, put into a prompt, shown."""

from __future__ import annotations

import json
import shutil

import pytest

from medadapt.cli.replies import harmless
from medadapt.core.errors import DataError, MedAdaptError, ModelError
from medadapt.core.files import read_jsonl
from medadapt.retrieval.index import load_index
from medadapt.serving.embedding import embedder_again
from predictions.embedding_folder import save_embedding_model
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
    ids = {passage.id for passage in load_index(tmp_path / "index", embedder_again)}
    assert code == told["exit_code"] == 0
    assert told["passages"] == len(rows["train"])
    assert ids == {row["id"] for row in rows["train"]}
    assert not ids & {row["id"] for split in ("validation", "test") for row in rows[split]}


def test_an_index_of_files_needs_a_folder(use, tmp_path):
    (tmp_path / "notes.txt").write_text("Flu is caused by a virus.")
    with pytest.raises(DataError, match="No folder is named"):
        use("index", tmp_path / "notes.txt")
    _, out, _ = use("index", tmp_path / "notes.txt", "-o", tmp_path / "index")
    assert out.startswith("1 passages of ")


def test_rows_that_an_index_lacks_are_told(use, tmp_path):
    (tmp_path / "notes.csv").write_text("title,text\nFlu,It is caused by a virus.\nCold,By others, too.\n")
    _, out, err = use("index", tmp_path / "notes.csv", "-o", tmp_path / "index", "--json")
    assert json.loads(out)["passages"] == 1
    assert "1 row could not be read and left out: notes.csv:3: 3 fields instead of 2" in err


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


@pytest.fixture(scope="module")
def embedding(tmp_path_factory):
    return save_embedding_model(tmp_path_factory.mktemp("embedding") / "model")


def test_an_index_with_an_embedding_model_ranks_by_meaning_too(finished, use, embedding, tmp_path):
    use("index", finished, "-o", tmp_path / "index", "--embedding", embedding)
    question = records_of(finished)[0].question
    _, out, _ = use("ask", finished, question, "--index", tmp_path / "index", "--json")
    index = load_index(tmp_path / "index", embedder_again)
    cited = [one["id"] for one in json.loads(out)["passages"]]
    assert cited
    assert cited == [one.passage.id for one in index.search(question, 3)][: len(cited)]
    # A question whose words stand in no passage has neighbours all the same.
    assert len(index.search("xylophone", 3)) == 3


def test_another_embedding_model_than_the_indexs_is_refused(finished, use, embedding, tmp_path):
    other = shutil.copytree(embedding, tmp_path / "model")
    use("index", finished, "-o", tmp_path / "index", "--embedding", other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-3}))
    with pytest.raises(DataError, match="another embedding model"):
        use("ask", finished, "itching", "--index", tmp_path / "index")
    shutil.rmtree(other)
    with pytest.raises(ModelError, match="there is no folder"):
        use("ask", finished, "itching", "--index", tmp_path / "index")


@pytest.mark.parametrize("named", ["1-records", "1-records/test.jsonl"])
def test_files_of_a_runs_records_are_no_texts(finished, use, tmp_path, named):
    with pytest.raises(DataError, match="holds records of a run"):
        use("index", finished / named, "-o", tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_a_copy_of_the_test_records_is_refused_where_it_would_be_asked(finished, use, tmp_path):
    shutil.copy(finished / "1-records" / "test.jsonl", tmp_path / "copy.jsonl")
    use("index", tmp_path / "copy.jsonl", "-o", tmp_path / "index")
    with pytest.raises(DataError, match="on which this run is measured"):
        use("ask", finished, "fever", "--index", tmp_path / "index")
