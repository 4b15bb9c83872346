"""`medadapt serve` as a process of its own, asked by OpenAI's client over loopback."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from starlette.testclient import TestClient

from abstaining_run import with_validation
from medadapt.cli.serve_command import serve
from serving_runs import make_base, make_run, recorded, records_of

REPOSITORY = Path(__file__).resolve().parents[3]
CURL = re.compile(r"^curl (?:.*\\\n)*.*$", re.MULTILINE)
PATIENCE = 60
LONG = 32_768


class Process:
    """The command, and where it listens."""

    def __init__(self, run, *options: str) -> None:
        command = [sys.executable, "-m", "medadapt", "serve", str(run), "--port", "0", *options]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert " serves tuned and baseline of " in line, self.process.communicate()
        self.url = line.split("/v1", 1)[0]
        self.client = OpenAI(base_url=f"{self.url}/v1", api_key="anything", max_retries=0, timeout=PATIENCE)

    def stop(self, sent: int = signal.SIGTERM) -> int:
        self.process.send_signal(sent)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


@pytest.fixture(scope="module")
def served(typed_run) -> Iterator[Process]:
    made = Process(typed_run)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def patient(tmp_path_factory) -> Iterator[Process]:
    """A model whose answers take many seconds, as no token ends them."""
    place = tmp_path_factory.mktemp("patient")
    run = make_run(
        place / "run",
        make_base(place / "base", context=LONG, endless=True),
        until="predict",
        data={"format": "typed_qa", "source": "sample:rows/typed_qa"},
        examples={"max_length": 256},
        evaluation={"bootstrap_samples": 100, "max_new_tokens": 4},
    )
    made = Process(run, "--max-new-tokens", str(LONG))
    yield made
    made.stop(signal.SIGKILL)


def question(run, place=0):
    return [{"role": "user", "content": records_of(run)[place].question}]


def test_openais_client_gets_answers_streams_and_models(served, typed_run):
    record = records_of(typed_run)[0]
    asked = {
        "model": "tuned",
        "messages": question(typed_run),
        "extra_body": {"medadapt": {"type": record.qtype}},
    }
    answer = served.client.chat.completions.create(**asked)
    assert answer.choices[0].message.content == recorded(typed_run, "tuned")[record.id]["text"]
    stream = served.client.chat.completions.create(**asked, stream=True)
    pieces = [event.choices[0].delta.content or "" for event in stream]
    assert "".join(pieces) == answer.choices[0].message.content
    completion = served.client.completions.create(model="baseline", prompt="### Question:", max_tokens=4)
    assert completion.usage.completion_tokens <= 4
    assert [model.id for model in served.client.models.list()] == ["baseline", "tuned"]


def test_openais_client_goes_on_with_the_message_that_it_got(served, typed_run):
    messages = question(typed_run)
    answer = served.client.chat.completions.create(model="tuned", messages=messages)
    messages += [answer.choices[0].message, *question(typed_run, 1)]
    again = served.client.chat.completions.create(model="tuned", messages=messages)
    assert again.choices[0].finish_reason in {"stop", "length"}


def test_openais_client_raises_its_own_errors(served, typed_run):
    with pytest.raises(NotFoundError):
        served.client.chat.completions.create(model="gpt-4", messages=question(typed_run))
    with pytest.raises(BadRequestError, match="temperature"):
        served.client.chat.completions.create(model="tuned", messages=question(typed_run), temperature=9)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET nowhere at all\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_as_everything_is(served, sent):
    with socket.create_connection(
        ("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=PATIENCE
    ) as line:
        line.sendall(sent)
        answer = b"".join(iter(lambda: line.recv(65536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ")
    assert "application/json" in head
    assert json.loads(body)["error"]["code"] == "http"


def busy(served):
    return httpx.get(f"{served.url}/healthz").json()["answering"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_frees_its_place_within_a_second(patient, stream):
    body = {"model": "baseline", "prompt": "a", "max_tokens": LONG - 100, "stream": stream}
    with httpx.Client() as client:
        if stream:
            with client.stream("POST", f"{patient.url}/v1/completions", json=body) as response:
                lines = response.iter_lines()  # given up, it would close the stream
                next(lines)
                time.sleep(0.5)
                assert busy(patient) == 1
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.post(f"{patient.url}/v1/completions", json=body, timeout=0.5)
    gone = time.monotonic()
    while busy(patient):
        assert time.monotonic() - gone < 1
        time.sleep(0.02)


def test_what_is_being_answered_is_finished_when_ctrl_c_stops_the_server(typed_run):
    served = Process(typed_run)
    found = []

    def ask():
        answer = served.client.completions.create(model="baseline", prompt="a", max_tokens=400)
        found.append(answer.choices[0].finish_reason)

    asking = Thread(target=ask)
    asking.start()
    while not busy(served):
        time.sleep(0.01)
    served.process.send_signal(signal.SIGINT)
    _, problem = served.process.communicate(timeout=PATIENCE)
    asking.join(PATIENCE)
    assert found
    assert served.process.returncode == 130
    assert "Traceback" not in problem


def test_whoever_waits_too_long_for_a_server_that_stops_is_told(patient):
    body = {"model": "baseline", "prompt": "a", "max_tokens": LONG - 100}
    told = []

    def ask(stream):
        response = httpx.post(
            f"{patient.url}/v1/completions", json=body | {"stream": stream}, timeout=PATIENCE
        )
        told.append((response.status_code, json.loads(response.text.rpartition("data: ")[2])))

    asking = [Thread(target=ask, args=[stream]) for stream in (True, False)]
    for one in asking:
        one.start()
    while busy(patient) < 2:
        time.sleep(0.01)
    patient.process.send_signal(signal.SIGTERM)
    _, problem = patient.process.communicate(timeout=PATIENCE)
    for one in asking:
        one.join(PATIENCE)
    assert sorted(status for status, _ in told) == [200, 503]
    assert {answer["error"]["code"] for _, answer in told} == {"stopping"}
    assert "Traceback" not in problem


def test_a_port_in_use_and_a_missing_run_are_mistakes_of_the_user(served, typed_run, tmp_path):
    port = served.url.rpartition(":")[2]
    for arguments, words in (
        ([str(typed_run), "--port", port], "--port"),
        ([str(tmp_path)], "neither a run nor an adapter"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "medadapt", "serve", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert words in done.stderr


def test_a_server_with_another_base_refuses_a_risk(diagnosis_run, base_folder, tmp_path, monkeypatch):
    run = with_validation(diagnosis_run, tmp_path / "run", right_above=0.4)
    body = {"model": "tuned", "input": records_of(run)[0].question, "risk": 0.3}
    answers = []

    def asked(app, *_, **__):
        answers.append(TestClient(app, base_url="http://localhost").post("/v1/classify", json=body).json())

    monkeypatch.setattr("medadapt.serving.api.server.serve", asked)
    serve(str(run), port=0, device="cpu")
    serve(str(run), port=0, device="cpu", base=str(base_folder))
    assert answers[0]["threshold"]
    assert answers[1]["error"]["code"] == "no_rule"


def test_the_key_and_the_names_that_are_given_decide_who_is_answered(diagnosis_run, tmp_path, monkeypatch):
    (tmp_path / "key").write_text("k" * 20)
    key, page = {"Authorization": f"Bearer {'k' * 20}"}, "http://localhost:3000"
    further = [{}, {"Origin": page}, {"Origin": "http://evil.example"}, {"Host": "evil.example"}]
    tried = [{}, *(key | one for one in further)]
    answers = []

    def asked(app, *_, **__):
        client = TestClient(app, base_url="http://gpu.lab")
        answers.extend(client.get("/v1/models", headers=headers).status_code for headers in tried)

    monkeypatch.setattr("medadapt.serving.api.server.serve", asked)
    serve(
        str(diagnosis_run), port=0, device="cpu",
        api_key_file=tmp_path / "key", allow_host=["gpu.lab"], allow_origin=[page],
    )  # fmt: skip
    assert answers == [401, 200, 200, 403, 403]


def test_the_commands_of_the_how_to_page_get_answers(diagnosis_run):
    """With httpx in place of curl, which not every machine has."""
    page = (REPOSITORY / "docs" / "how-to" / "serve-an-api.md").read_text(encoding="utf-8")
    commands = [shlex.split(one.replace("\\\n", " ")) for one in CURL.findall(page)]
    assert len(commands) == 5
    served = Process(diagnosis_run)
    for command in commands:
        url = command[1].replace("http://127.0.0.1:8000", served.url)
        body = command[command.index("-d") + 1] if "-d" in command else None
        answer = httpx.request(
            "POST" if body else "GET", url, content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 200, answer.text
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    shown = subprocess.run(
        [sys.executable, "-c", example.replace("http://127.0.0.1:8000", served.url)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    served.stop()
    assert shown.stdout


def test_a_server_without_an_index_needs_no_library_for_one():
    code = "import sys, medadapt.serving.api.app, medadapt.serving.page.asking\nprint('bm25s' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "False"
