"""What the API refuses: with a status below 500 where the client can mend it, and a body that says what to do."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medadapt.core.errors import MedAdaptError, ModelError
from medadapt.predictions.batching import TokenBudget, in_batches
from medadapt.serving.api.guards import Limits, is_loopback
from medadapt.serving.api.problems import response_to
from medadapt.serving.api.server import limits_for, listen
from medadapt.serving.desk import Desk
from serving.api.conftest import client_for

CHAT = "/v1/chat/completions"
GOOD = {"model": "tuned", "messages": [{"role": "user", "content": "itching"}], "max_tokens": 1}


def refused(response, status, code=None):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    if code is not None:
        assert error["code"] == code
    return error


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"temperature": -1}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 10_000}, "max_tokens"),
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"logprobs": True}, "logprobs"),
        ({"presence_penalty": 1.0}, "presence_penalty"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "hello"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}, None),
        ({"messages": [{"role": "user", "content": "a", "type": "image"}]}, None),
        ({"response_format": {"type": "json_object"}}, None),
        ({"max_tokens": None, "max_completion_tokens": 10_000}, "max_completion_tokens"),
        ({"max_completion_tokens": 2}, "max_tokens"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"modalities": ["text", "audio"]}, None),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
    ],
)
def test_settings_that_this_server_does_not_have_are_refused(client, change, param):
    error = refused(client.post(CHAT, json=GOOD | change), 400)
    assert param is None or error["param"] == param


@pytest.mark.parametrize(
    "change",
    [
        {"tool_choice": "none"}, {"parallel_tool_calls": True}, {"functions": []}, {"functions": None},
        {"function_call": "none"}, {"modalities": ["text"]}, {"top_logprobs": 0}, {"service_tier": "auto"},
        {"reasoning_effort": None}, {"max_completion_tokens": 1},
    ],
)  # fmt: skip
def test_settings_that_this_server_does_not_have_are_taken_where_they_change_nothing(client, change):
    assert client.post(CHAT, json=GOOD | change).status_code == 200


@pytest.mark.parametrize("question", ["", "   ", "\n\t"])
def test_an_empty_question_is_refused(client, question):
    body = GOOD | {"messages": [{"role": "user", "content": question}]}
    assert "empty" in refused(client.post(CHAT, json=body), 400)["message"]


def test_parts_that_the_prompt_has_no_place_for_are_refused(client):
    error = refused(client.post(CHAT, json=GOOD | {"medadapt": {"context": "a text"}}), 400)
    assert "medadapt.context has no place" in error["message"]


def test_missing_options_are_asked_for_in_the_words_of_the_api(choice_client):
    error = refused(choice_client.post(CHAT, json=GOOD), 400)
    assert "medadapt.options" in error["message"]
    assert "--option" not in error["message"]


def test_other_models_are_not_there(client):
    refused(client.post(CHAT, json=GOOD | {"model": "gpt-4"}), 404, "model_not_found")
    refused(client.get("/v1/models/gpt-4"), 404, "model_not_found")
    assert [one["id"] for one in client.get("/v1/models").json()["data"]] == ["baseline", "tuned"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"model": "tuned"}', b'{"a":' * 5000]
)
def test_a_body_that_is_no_request_is_refused(client, body):
    refused(client.post(CHAT, content=body, headers={"Content-Type": "application/json"}), 400)


def test_a_body_that_is_not_json_is_refused(client):
    refused(client.post(CHAT, data={"model": "tuned"}), 415, "content_type")
    refused(client.post(CHAT, content=b"{}", headers={"Content-Type": "text/plain"}), 415, "content_type")


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused(desk, diagnosis_run, announced):
    client = client_for(desk, diagnosis_run, limits=Limits(body_bytes=1000))
    content = b" " * 1500
    body = content if announced else iter([content[:750], content[750:]])
    refused(client.post(CHAT, content=body, headers={"Content-Type": "application/json"}), 413, "body")
    assert client.post(CHAT, json=GOOD).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost.evil.example:8000"}, 403),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "127.0.0.1:8000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Authorization": "Bearer anything"}, 200),
    ],
)
def test_host_and_origin_are_checked(client, headers, status):
    assert client.post(CHAT, json=GOOD, headers=headers).status_code == status


PAGE = "http://localhost:3000"


def test_the_page_of_an_origin_that_is_let_in_may_read_answers_and_refusals(desk, diagnosis_run):
    client = client_for(desk, diagnosis_run, limits=Limits(origins=frozenset({PAGE})))
    for body, status in ((GOOD, 200), ({}, 400)):
        answer = client.post(CHAT, json=body, headers={"Origin": PAGE})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-origin" not in client.post(CHAT, json=GOOD).headers


@pytest.mark.parametrize(("origin", "status"), [(PAGE, 200), ("http://localhost:4000", 403), ("null", 403)])
def test_a_browser_is_told_which_page_may_ask_before_it_sends_the_key(desk, diagnosis_run, origin, status):
    limits = Limits(origins=frozenset({PAGE}), key="k" * 20)
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
    }
    answer = client_for(desk, diagnosis_run, limits=limits).options(CHAT, headers=asked)
    assert answer.status_code == status
    assert answer.headers.get("access-control-allow-origin") == (PAGE if status == 200 else None)
    if status == 200:
        assert "x-stainless-os" in answer.headers["access-control-allow-headers"]


def test_an_error_of_the_server_is_logged_counted_and_told_without_its_text(
    desk, diagnosis_run, monkeypatch, caplog
):
    def broken(*_, **__):
        raise ValueError("a secret path")

    client = client_for(desk, diagnosis_run)
    monkeypatch.setattr(desk, "pose", broken)
    answer = client.post(CHAT, json=GOOD)
    refused(answer, 500, "internal")
    assert "secret" not in answer.text
    assert "a secret path" in caplog.text
    assert (
        'medadapt_requests_total{path="/v1/chat/completions",status="500"} 1.0' in client.get("/metrics").text
    )


def too_large_for_memory():
    """What is raised where not even one text fits."""

    def work(_):
        raise MemoryError

    try:
        in_batches([5], TokenBudget(5), work, print)
    except ModelError as problem:
        return problem


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (MemoryError(), 503),
        (MemoryError("Unable to allocate 8.00 EiB for an array"), 503),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), 503),
        (too_large_for_memory(), 503),
        (ModelError("The adapter does not fit."), 400),
    ],
)
def test_memory_that_runs_out_is_no_fault_of_the_client(problem, status):
    answer = response_to(problem)
    assert answer.status_code == status
    assert (json.loads(answer.body)["error"]["code"] == "memory") is (status == 503)


@pytest.mark.parametrize("path", ["/v1/classify", CHAT])
def test_a_model_that_overflows_is_the_servers_fault_and_is_logged(path, overflowing, diagnosis_run, caplog):
    body = {"input": "~"} if path != CHAT else {"messages": [{"role": "user", "content": "~"}]}
    with Desk(overflowing) as desk:
        answer = client_for(desk, diagnosis_run).post(path, json={"model": "tuned", **body})
    refused(answer, 500, "overflowed")
    assert "The model overflowed." in caplog.text


def test_an_address_of_loopback_is_asked_under_itself(monkeypatch):
    monkeypatch.delenv("MEDADAPT_API_KEY", raising=False)
    assert {"127.0.0.2", "localhost"} <= limits_for("127.0.0.2", key_file=None).hosts


@pytest.mark.parametrize("given_key", [None, "Bearer wrong", "Basic " + "k" * 20, "Bearer", "k" * 20])
def test_a_key_is_needed_where_there_is_one(desk, diagnosis_run, given_key):
    client = client_for(desk, diagnosis_run, limits=Limits(key="k" * 20))
    headers = {} if given_key is None else {"Authorization": given_key}
    refused(client.post(CHAT, json=GOOD, headers=headers), 401, "key")
    refused(client.get("/metrics", headers=headers), 401, "key")
    assert client.get("/healthz", headers=headers).status_code == 200
    assert client.post(CHAT, json=GOOD, headers={"Authorization": "Bearer " + "k" * 20}).status_code == 200


def test_no_path_and_no_method_of_others_is_there(client):
    refused(client.get("/docs"), 404)
    refused(client.get(CHAT), 405)


def test_beyond_loopback_a_key_is_needed(tmp_path, monkeypatch):
    monkeypatch.delenv("MEDADAPT_API_KEY", raising=False)
    assert limits_for("127.0.0.1", key_file=None).key is None
    with pytest.raises(MedAdaptError, match="there is no API key"):
        limits_for("0.0.0.0", key_file=None)
    file = tmp_path / "key"
    file.write_text("short\n")
    with pytest.raises(MedAdaptError, match="too short"):
        limits_for("0.0.0.0", key_file=file)
    file.write_text("k" * 20 + "\n")
    assert limits_for("0.0.0.0", key_file=file).key == "k" * 20
    monkeypatch.setenv("MEDADAPT_API_KEY", "e" * 20)
    assert limits_for("0.0.0.0", key_file=None).key == "e" * 20


def test_a_name_that_is_let_in_does_not_shut_out_the_machine_itself(monkeypatch):
    monkeypatch.setenv("MEDADAPT_API_KEY", "e" * 20)

    def hosts(*names):
        return limits_for("0.0.0.0", key_file=None, hosts=names).hosts

    assert hosts() == set()
    assert {"gpu.lab", "fd00::1", "127.0.0.1", "localhost"} <= hosts("GPU.lab", "[fd00::1]")


@pytest.mark.parametrize("name", ["gpu.lab:8000", "http://gpu.lab", "*", "gpu.lab/", "127.0.0.1:80", ""])
def test_a_host_that_no_request_can_have_is_refused(name):
    with pytest.raises(MedAdaptError, match="--allow-host"):
        limits_for("127.0.0.1", key_file=None, hosts=(name,))


@pytest.mark.parametrize("origin", ["http://localhost:3000/", "*", "localhost:3000", "https://*.lab", ""])
def test_an_origin_that_no_page_can_have_is_refused(origin):
    with pytest.raises(MedAdaptError, match="--allow-origin"):
        limits_for("127.0.0.1", key_file=None, origins=(origin,))


@pytest.mark.parametrize(
    "origin", ["HTTP://LOCALHOST:3000", "app://obsidian.md", "http://[::1]:3000", "null"]
)
def test_an_origin_is_let_in_as_browsers_write_it(origin):
    assert limits_for("127.0.0.1", key_file=None, origins=(origin,)).origins == {origin.lower()}


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.2", False), ("example.org", False)],
)  # fmt: skip
def test_loopback_is_told_from_the_rest(host, loopback):
    assert is_loopback(host) is loopback


def test_a_port_in_use_is_told():
    with listen("127.0.0.1", 0) as taken, pytest.raises(MedAdaptError, match="--port"):
        listen("127.0.0.1", taken.getsockname()[1])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [*GOOD, "temperature", "stop", "seed", "stream", "medadapt", "top_p", "input", "options", "prompt"]
)


@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/v1/classify"])
@given(change=st.dictionaries(FIELDS, JSON, max_size=3), gone=st.sets(FIELDS, max_size=2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_makes_the_server_fail(client, path, change, gone):
    usual = {CHAT: GOOD, "/v1/completions": {"model": "tuned", "prompt": "a", "max_tokens": 1}}
    body = usual.get(path, {"model": "tuned", "input": "itching"}) | change
    content = json.dumps({key: value for key, value in body.items() if key not in gone})
    response = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        refused(response, response.status_code)
