"""The page over HTTP: who gets it, and what it may load."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager

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
        service = Service(desk=desk, rule=opened.rule, grounding=None)
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


def test_no_file_can_be_sent_or_fetched(client, diagnosis_run):
    assert client.post("/gradio_api/upload", files={"files": b"x"}).status_code == 415
    secret = diagnosis_run / "run.json"
    for path in (f"/gradio_api/file={secret}", f"/file={secret}", "/gradio_api/file=/etc/passwd"):
        assert client.get(path).status_code in {403, 404}


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
