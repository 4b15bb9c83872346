"""The page over HTTP: who gets it, and what it may load."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from medadapt.core.files import read_jsonl, write_jsonl
from medadapt.core.records import Record, write_records
from medadapt.serving.answering import NOTICE
from medadapt.serving.assistants import load
from medadapt.serving.command_targets import find_target
from medadapt.serving.desk import Desk
from medadapt.serving.page.asking import Service
from medadapt.serving.page.blocks import build_page
from medadapt.serving.page.inputs import offer_of
from medadapt.serving.page.opening import open_target
from medadapt.serving.page.server import page_app
from serving_runs import make_run


@pytest.fixture(scope="module")
def client(diagnosis_run):
    with page_of(diagnosis_run) as made:
        yield made


@contextmanager
def page_of(run):
    target = find_target(str(run))
    opened = open_target(target, base=None)
    with Desk(load(target, device="cpu")) as desk:
        service = Service(desk=desk, rules=opened.rules, unvouched=opened.unvouched, grounding=None)
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


@pytest.mark.parametrize("path", ["queue/join", "run/predict"])
def test_what_the_page_sends_is_let_in(client, path):
    """Without what belongs into it, it is refused as such, and not as a path that is not there."""
    assert client.post(f"/gradio_api/{path}", json={}).status_code not in {403, 404}


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


def test_descriptions_in_sentences_are_no_list_to_pick_from(tmp_path):
    """What stands between their commas are pieces of sentences."""
    told = [
        "I have had a red rash on my arms, legs and back for weeks. It itches, and at night it keeps me awake.",
        "My joints are stiff, swollen and sore, above all in the morning, and I tire quickly.",
        "A cough, a fever. I feel weak.",
    ]
    offer = offer_of(records_in(tmp_path, told * 5), data_format="symptom_table")
    assert offer.symptoms == ()
    assert offer.examples


def test_short_sentences_that_nobody_repeats_are_no_list_either(tmp_path):
    told = [
        f"my {part} hurts, since day {day}" for day, part in enumerate(["arm", "leg", "back", "hand", "knee"])
    ]
    assert offer_of(records_in(tmp_path, told), data_format="symptom_table").symptoms == ()


def test_a_list_may_have_a_few_descriptions_among_it(tmp_path):
    told = ["fever, cough", "cough, rash, fever", "rash"] * 6 + [
        "I feel ill. It came suddenly, in the night."
    ]
    offer = offer_of(records_in(tmp_path, told), data_format="symptom_table")
    assert offer.symptoms[:3] == ("cough", "fever", "rash")
    assert offer.separator == ", "


def test_symptoms_without_spaces_between_them_are_picked_and_asked_as_they_stand(diagnosis_run, tmp_path):
    told = ["fever,cough", "cough; rash,fever", "rash"] * 6
    offer = offer_of(records_in(tmp_path, told), data_format="symptom_table")
    assert offer.separator == ","
    with built_page(diagnosis_run, offer) as (_, page):
        components = page.get_config_file()["components"]
    (picked,) = (one["props"]["samples"] for one in components if one["type"] == "dataset")
    assert [symptoms for symptoms, _ in picked] == [["fever", "cough"], ["cough", "rash", "fever"], ["rash"]]


def records_in(folder, questions):
    rows = [
        Record(id=f"r{n}", source_row=n, group=f"r{n}", question=text, answer="a", label=f"l{n % 3}")
        for n, text in enumerate(questions, start=1)
    ]
    write_records(folder / "train.jsonl", rows)
    return folder / "train.jsonl"


@pytest.fixture(scope="module")
def context_run(tmp_path_factory, base_folder):
    """Questions about a text that stands beside them."""
    place = tmp_path_factory.mktemp("contexts")
    rows = [
        {
            "question": f"How many beds has ward {n}?",
            "context": f"Ward {n} has {n + 2} beds.",
            "answer": f"It has {n + 2}.",
        }
        for n in range(30)
    ]
    write_jsonl(place / "rows.jsonl", rows)
    return make_run(
        place / "run",
        base_folder,
        until="train",
        data={"format": "question_answer", "source": str(place / "rows.jsonl")},
        evaluation={"bootstrap_samples": 100, "max_new_tokens": 8},
    )


def field_named(page, name):
    """The properties of a component, or None where the page has none of that name."""
    components = page.get("/config").json()["components"]
    return next((one["props"] for one in components if one["props"].get("elem_id") == name), None)


def test_a_run_trained_with_texts_beside_its_questions_is_asked_with_one(context_run, typed_run):
    with page_of(context_run) as page:
        assert field_named(page, "context") is not None
        picked = next(
            one["props"]["samples"]
            for one in page.get("/config").json()["components"]
            if one["type"] == "dataset"
        )
    assert all(question.startswith("How many") and text.startswith("Ward") for question, text in picked)
    with page_of(typed_run) as page:
        assert field_named(page, "context") is None


@contextmanager
def built_page(run, offer=None):
    """The desk behind a run's page, and the page whose functions can be called without a browser."""
    target = find_target(str(run))
    opened = open_target(target, base=None)
    with Desk(load(target, device="cpu")) as desk:
        service = Service(desk=desk, rules={}, unvouched={}, grounding=None)
        yield desk, build_page(service, offer or opened.offer, opened.about)


def test_the_text_beside_a_question_reaches_the_models(context_run):
    """The question as it stands in the training records, asked through the page's own function."""
    with built_page(context_run) as (desk, page):
        ask = next(one for one in page.fns.values() if one.name == "on_ask")
        names = [getattr(one, "elem_id", None) for one in ask.inputs]
        values = {
            "question": "How many beds?",
            "context": "Ward 1 has 3 beds.",
            "who": "Tuned model",
            "temperature": 0,
        }
        posed = []
        desk.pose = lambda record, pose=desk.pose: posed.append(record) or pose(record)
        request = SimpleNamespace(session_hash="one")
        list(ask.fn(request, {}, *(values.get(name, "") for name in names[1:])))
    assert {(one.question, one.context) for one in posed} == {("How many beds?", "Ward 1 has 3 beds.")}


def test_what_is_cleared_while_it_is_written_does_not_come_back(diagnosis_run):
    with built_page(diagnosis_run) as (_, page):
        ask, clear = (
            next(one for one in page.fns.values() if one.name == name) for name in ("on_ask", "on_clear")
        )
        names = [getattr(one, "elem_id", None) for one in ask.inputs]
        values = {"question": "fever", "who": "Both models", "temperature": 0}
        request = SimpleNamespace(session_hash="one")
        asking = ask.fn(request, {}, *(values.get(name, "") for name in names[1:]))
        next(asking)
        cleared = clear.fn(request)
        assert list(asking)[-1] == cleared[: len(ask.outputs)]


@pytest.mark.parametrize(("run", "told"), [("choice_run", False), ("hidden_run", True)])
def test_options_can_be_given_also_where_the_models_do_not_see_them(request, run, told):
    with page_of(request.getfixturevalue(run)) as page:
        field = field_named(page, "options")
    assert bool(field.get("info")) is told
