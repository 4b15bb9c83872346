"""The page over HTTP: who gets it, and what it may load."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from starlette.testclient import TestClient

from medadapt.core.files import read_jsonl
from medadapt.serving.answering import NOTICE
from medadapt.serving.assistants import load
from medadapt.serving.command_targets import find_target
from medadapt.serving.desk import Desk
from medadapt.serving.page.asking import Service
from medadapt.serving.page.blocks import build_page
from medadapt.serving.page.inputs import offer_of
from medadapt.serving.page.opening import open_target
from medadapt.serving.page.server import page_app


@pytest.fixture(scope="module")
def client(diagnosis_run):
    with page_of(diagnosis_run) as made:
        yield made


@contextmanager
def page_of(run):
    target = find_target(str(run))
    opened = open_target(target, base=None)
    with Desk(load(target, device="cpu")) as desk:
        service = Service(desk=desk, rules=opened.rules, grounding=None)
        app = page_app(build_page(service, opened.offer, opened.about), report=opened.report)
        with TestClient(app, base_url="http://localhost") as made:
            yield made


def test_the_page_carries_the_notice_and_loads_nothing_from_elsewhere(client):
    answer = client.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "http" not in policy
    assert NOTICE in client.get("/config").text


def test_the_report_is_one_click_away(client, diagnosis_run):
    answer = client.get("/report")
    assert answer.text == (diagnosis_run / "6-report" / "index.html").read_text(encoding="utf-8")
    assert 'href=\\"/report\\"' in client.get("/config").text


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_others_do_not_get_it(client, headers):
    assert client.get("/", headers=headers).status_code == 403


def test_no_file_can_be_sent(client):
    assert client.post("/gradio_api/upload", files={"files": b"x"}).status_code == 415
    assert client.post("/gradio_api/upload", json={}).status_code == 404


def test_no_file_of_this_machine_is_given_out(client, diagnosis_run):
    secret = diagnosis_run / "run.json"
    for path in (f"/gradio_api/file={secret}", f"/file={secret}", "/gradio_api/file=/etc/passwd"):
        assert client.get(path).status_code == 404


@contextmanager
def neighbour():
    """Another server on this machine, and the paths that it is asked for."""
    asked = []

    class Listens(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def do_HEAD(self):
            self.do_GET()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listens) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/x", asked
        server.shutdown()


@pytest.mark.parametrize("door", ["file=", "proxy=", "file/"])
def test_no_address_is_fetched_for_whoever_asks(client, door):
    with neighbour() as (address, asked):
        for method in ("GET", "HEAD"):
            answer = client.request(method, f"/gradio_api/{door}{address}", follow_redirects=False)
            assert answer.status_code == 404
            assert "location" not in answer.headers
    assert not asked


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/run-history/buckets"),
        ("GET", "/gradio_api/run-history/records"),
        ("POST", "/gradio_api/run-history/connect"),
        ("POST", "/gradio_api/call/on_ask"),
        ("POST", "/gradio_api/component_server"),
        ("GET", "/gradio_api/info"),
        ("GET", "/monitoring"),
        ("GET", "/gradio_api/queue/join"),
        ("DELETE", "/"),
    ],
)
def test_what_the_page_does_not_need_is_not_there(client, method, path):
    answer = client.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "no_such_path"


def test_what_is_asked_is_kept_in_no_history(client):
    assert client.get("/config").json()["run_history"] is False


def test_symptoms_and_examples_are_those_of_the_training_records(diagnosis_run):
    offer = offer_of(diagnosis_run / "1-records" / "train.jsonl", data_format="symptom_table")
    rows = list(read_jsonl(diagnosis_run / "1-records" / "train.jsonl"))
    named = Counter(one.strip() for row in rows for one in re.split(r"[;,]", row["question"]))
    assert set(offer.symptoms) == set(named) - {""}
    assert [named[one] for one in offer.symptoms] == sorted(named.values(), reverse=True)
    assert {one.id for one in offer.examples} <= {row["id"] for row in rows}
    assert len({one.label for one in offer.examples}) == len(offer.examples) > 1
    assert offer_of(diagnosis_run / "none.jsonl", data_format="symptom_table").symptoms == ()


def test_all_types_of_question_are_offered_and_the_most_frequent_first(typed_run):
    offer = offer_of(typed_run / "1-records" / "train.jsonl", data_format="typed_qa")
    counted = Counter(row["qtype"] for row in read_jsonl(typed_run / "1-records" / "train.jsonl"))
    assert set(offer.types) == set(counted)
    assert [counted[one] for one in offer.types] == sorted(counted.values(), reverse=True)
    assert offer.symptoms == ()


@pytest.mark.parametrize(("run", "told"), [("choice_run", False), ("hidden_run", True)])
def test_options_can_be_given_also_where_the_models_do_not_see_them(request, run, told):
    with page_of(request.getfixturevalue(run)) as page:
        [field] = [
            one["props"]
            for one in page.get("/config").json()["components"]
            if one["props"].get("elem_id") == "options"
        ]
    assert bool(field.get("info")) is told
