"""Conversations and completions through the API, against the runs' own predictions."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from medadapt.core.files import read_jsonl
from medadapt.serving.answering import NOTICE
from medadapt.serving.api.questions import EARLIER, SYSTEM
from medadapt.serving.api.writing import events as written
from medadapt.serving.grounding import Grounding
from medadapt.serving.indexing import index_run
from serving.api.conftest import client_for
from serving_runs import recorded, records_of


def said(question, **more):
    return {"model": "tuned", "messages": [{"role": "user", "content": question}], **more}


def events(response):
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize("model", ["baseline", "tuned"])
def test_an_answer_is_that_of_the_runs_own_predictions(model, client, diagnosis_run):
    kept = recorded(diagnosis_run, model)
    for record in records_of(diagnosis_run):
        answer = client.post("/v1/chat/completions", json=said(record.question) | {"model": model}).json()
        assert answer["choices"][0]["message"]["content"] == kept[record.id]["text"]
        assert answer["medadapt"] == {"notice": NOTICE, "warnings": [], "passages": None}


@pytest.mark.parametrize("kind", ["text", "message", None])
def test_the_type_that_some_clients_give_a_message_changes_nothing(kind, client, diagnosis_run):
    """The lm-evaluation-harness sends "text" with each."""
    body = said(records_of(diagnosis_run)[0].question)
    plain = client.post("/v1/chat/completions", json=body).json()
    body["messages"][0]["type"] = kind
    assert client.post("/v1/chat/completions", json=body).json()["choices"] == plain["choices"]


def test_many_at_once_get_the_same_answers(client, diagnosis_run):
    records = records_of(diagnosis_run)
    asked = [(model, record) for model in ("baseline", "tuned") for record in records]

    def answer(pair):
        body = said(pair[1].question) | {"model": pair[0]}
        return client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(answer, asked))
    assert found == [recorded(diagnosis_run, model)[record.id]["text"] for model, record in asked]


def test_a_stream_is_the_whole_answer_in_pieces(client, diagnosis_run):
    record = records_of(diagnosis_run)[0]
    options = {"stream": True, "stream_options": {"include_usage": True}}
    whole = client.post("/v1/chat/completions", json=said(record.question)).json()
    response = client.post("/v1/chat/completions", json=said(record.question, **options))
    assert response.headers["content-type"].startswith("text/event-stream")
    found = events(response)
    assert found[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert found[0]["medadapt"]["notice"] == NOTICE
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in found if event["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert found[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert found[-1]["usage"] == whole["usage"]
    assert len({event["id"] for event in found}) == 1


def test_each_event_is_one_line_to_whatever_splits_lines():
    async def pieces():
        yield "a\u2028b\u2029c\x85d"

    response = written(
        SimpleNamespace(pieces=pieces), first=[], each=lambda piece: {"text": piece}, last=lambda _: []
    )

    async def body():
        return b"".join([part async for part in response.body_iterator]).decode()

    event, end = filter(None, asyncio.run(body()).splitlines())
    assert json.loads(event.removeprefix("data: ")) == {"text": "a\u2028b\u2029c\x85d"}
    assert end == "data: [DONE]"


def test_a_completion_writes_the_text_on_as_it_stands(client, desk, diagnosis_run):
    record = records_of(diagnosis_run)[0]
    prompt = desk.assistant.encoder.prompt(record)
    text = desk.assistant.encoder.tokenizer.decode(prompt.tokens, skip_special_tokens=True)
    assert list(desk.read(text)) == prompt.tokens
    body = {"model": "tuned", "prompt": text, "max_tokens": 64}
    answer = client.post("/v1/completions", json=body).json()
    # The run's own evaluation stops earlier, maybe within a character.
    kept = recorded(diagnosis_run, "tuned")[record.id]["text"].rstrip("\ufffd")
    assert kept
    assert answer["choices"][0]["text"].lstrip().startswith(kept)
    streamed = events(client.post("/v1/completions", json=body | {"stream": True}))
    assert "".join(event["choices"][0]["text"] for event in streamed) == answer["choices"][0]["text"]


def test_the_number_of_tokens_is_kept_and_told(typed_client, typed_run):
    question = records_of(typed_run)[0].question
    answer = typed_client.post("/v1/chat/completions", json=said(question, max_tokens=3)).json()
    assert answer["usage"]["completion_tokens"] == 3
    assert answer["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_the_servers_limit_holds_for_a_client_that_names_none(path, desk, diagnosis_run):
    client = client_for(desk, diagnosis_run, max_new_tokens=2)
    question = records_of(diagnosis_run)[0].question
    body = said(question) if "chat" in path else {"model": "tuned", "prompt": question}
    answer = client.post(path, json=body).json()
    assert answer["usage"]["completion_tokens"] == 2
    assert answer["choices"][0]["finish_reason"] == "length"


def test_an_answer_ends_before_a_stop_word(typed_client, typed_run):
    question = records_of(typed_run)[0].question
    whole = typed_client.post("/v1/chat/completions", json=said(question)).json()
    text = whole["choices"][0]["message"]["content"]
    stop = text[5:8]
    cut = typed_client.post("/v1/chat/completions", json=said(question, stop=[stop])).json()
    assert cut["choices"][0]["message"]["content"] == text[: text.find(stop)]
    assert cut["choices"][0]["finish_reason"] == "stop"


def test_the_same_seed_draws_the_same_answer(typed_client, typed_run):
    question = records_of(typed_run)[0].question

    def drawn(seed):
        body = said(question, temperature=1.5, seed=seed)
        return typed_client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(4)}) > 1


def test_what_the_model_was_not_trained_for_is_left_out_and_said_to_be(client, diagnosis_run):
    record = records_of(diagnosis_run)[0]
    messages = [
        {"role": "system", "content": "Answer like a pirate."},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": [{"type": "text", "text": record.question}]},
    ]
    answer = client.post("/v1/chat/completions", json={"model": "tuned", "messages": messages}).json()
    assert answer["choices"][0]["message"]["content"] == recorded(diagnosis_run, "tuned")[record.id]["text"]
    assert answer["medadapt"]["warnings"] == [SYSTEM, EARLIER]


def test_a_very_long_question_is_shortened_and_said_to_be(client):
    answer = client.post("/v1/chat/completions", json=said("fever, " * 14_000, max_tokens=2)).json()
    assert "too long" in answer["medadapt"]["warnings"][0]


def test_an_answer_that_takes_too_long_ends_with_504(desk, diagnosis_run):
    client = client_for(desk, diagnosis_run, seconds=0.0)
    response = client.post("/v1/chat/completions", json=said("itching"))
    assert response.status_code == 504
    assert response.json()["error"]["code"] == "time"
    streamed = client.post("/v1/chat/completions", json=said("itching", stream=True))
    assert '"code":"time"' in streamed.text
    assert "[DONE]" not in streamed.text


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_failures_of_the_model_tell_nothing_of_the_inside(path, desk, diagnosis_run, monkeypatch):
    client = client_for(desk, diagnosis_run)
    monkeypatch.setattr(desk, "request", lambda *_, **__: (_ for _ in ()).throw(ValueError("/secret/path")))
    response = client.post(
        path, json=said("itching") if "chat" in path else {"model": "tuned", "prompt": "a"}
    )
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal"
    assert "secret" not in response.text


@pytest.fixture(scope="module")
def grounded_client(desk, diagnosis_run, tmp_path_factory):
    index = index_run(str(diagnosis_run), tmp_path_factory.mktemp("index") / "index").index
    return client_for(desk, diagnosis_run, grounding=Grounding(index=index))


def test_passages_stand_in_the_prompt_and_are_named_in_the_answer(grounded_client, desk, diagnosis_run):
    record = records_of(diagnosis_run)[0]
    answer = grounded_client.post("/v1/chat/completions", json=said(record.question)).json()
    cited = answer["medadapt"]["passages"]
    assert [one["number"] for one in cited] == list(range(1, len(cited) + 1)) != []
    sources = {row["id"] for row in read_jsonl(diagnosis_run / "1-records" / "train.jsonl")}
    assert {one["id"] for one in cited} <= sources
    plain = len(desk.pose(record).tokens)
    assert answer["usage"]["prompt_tokens"] >= plain + sum(
        len(one["text"]) for one in cited
    )  # it reads bytes


def test_a_client_can_do_without_passages(grounded_client, diagnosis_run):
    record = records_of(diagnosis_run)[0]
    body = said(record.question, medadapt={"passages": False})
    answer = grounded_client.post("/v1/chat/completions", json=body).json()
    assert answer["medadapt"]["passages"] is None
    assert answer["choices"][0]["message"]["content"] == recorded(diagnosis_run, "tuned")[record.id]["text"]


def test_passages_that_are_not_there_are_refused(client):
    answer = client.post("/v1/chat/completions", json=said("itching", medadapt={"passages": True}))
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "medadapt.passages"
    assert "--index" in answer.json()["error"]["message"]
