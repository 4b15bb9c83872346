"""Closed sets of answers through the API."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress

import pytest

from abstaining_run import with_validation
from medadapt.serving import answering
from medadapt.serving.abstention import AbstentionRule
from medadapt.serving.api.app import SHORTENED
from serving.api.conftest import client_for
from serving_runs import recorded, records_of


@pytest.mark.parametrize("model", ["baseline", "tuned"])
def test_probabilities_are_those_of_the_runs_own_predictions(model, client, diagnosis_run):
    kept = recorded(diagnosis_run, model)
    for record in records_of(diagnosis_run)[:3]:
        answer = client.post("/v1/classify", json={"model": model, "input": record.question}).json()
        found = {one["name"]: one["probability"] for one in answer["probabilities"]}
        assert found == pytest.approx(kept[record.id]["probabilities"], abs=1e-5)
        assert answer["choice"] == answer["probabilities"][0]["name"] == max(found, key=found.get)
        assert answer["confidence"] == answer["probabilities"][0]["probability"]
        assert answer["abstained"] is False
        assert answer["medadapt"]["warnings"] == []


def test_options_are_weighed_under_their_letters(choice_client, choice_run):
    record = records_of(choice_run)[0]
    body = {"model": "tuned", "input": record.question, "options": record.options}
    answer = choice_client.post("/v1/classify", json=body).json()
    assert {one["name"]: one["text"] for one in answer["probabilities"]} == dict(
        zip("ABCDE", record.options, strict=False)
    )


@pytest.fixture(scope="module")
def careful_run(diagnosis_run, tmp_path_factory):
    return with_validation(diagnosis_run, tmp_path_factory.mktemp("careful") / "run", right_above=0.4)


@pytest.fixture(scope="module")
def careful_client(desk, careful_run):
    return client_for(desk, careful_run)


@pytest.mark.parametrize("risk", [0.05, 0.3])
def test_a_model_answers_only_where_it_is_sure_enough(careful_client, diagnosis_run, risk):
    question = records_of(diagnosis_run)[0].question
    body = {"model": "tuned", "input": question}
    free = careful_client.post("/v1/classify", json=body).json()
    answer = careful_client.post("/v1/classify", json=body | {"risk": risk}).json()
    assert 0 < answer["threshold"] < 1
    assert answer["abstained"] is (answer["confidence"] < answer["threshold"])
    assert answer["choice"] == (None if answer["abstained"] else free["choice"])
    assert bool(answer["probabilities"]) is not answer["abstained"]


@pytest.mark.parametrize("risk", [None, 0.05, 0.3])
def test_a_question_whose_middle_was_left_out_is_said_to_be(careful_client, risk):
    body = {"model": "tuned", "input": "fever, " * 400, "risk": risk}
    answer = careful_client.post("/v1/classify", json=body).json()
    assert answer["medadapt"]["warnings"] == [SHORTENED]


@pytest.mark.parametrize(("boldness", "abstains"), [(1, False), (400, True)])
def test_a_model_says_nothing_where_it_is_not_sure_enough(desk, diagnosis_run, tmp_path, boldness, abstains):
    """Scores that were four hundred times too bold leave less confidence to be sure with."""
    run = with_validation(diagnosis_run, tmp_path / "run", right_above=0.5, n=400, boldness=boldness)
    asked = {"model": "baseline", "input": "nothing that it knows", "risk": 0.1}
    answer = client_for(desk, run).post("/v1/classify", json=asked).json()
    assert answer["abstained"] is abstains
    assert (answer["choice"] is None) is abstains
    assert (answer["probabilities"] == []) is abstains


def test_a_risk_is_refused_where_another_base_answers_than_it_was_measured_with(desk, careful_run):
    body = {"model": "tuned", "input": records_of(careful_run)[0].question}
    client = client_for(desk, careful_run, base="other")
    refused = client.post("/v1/classify", json=body | {"risk": 0.3})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "no_rule"
    assert "another base" in refused.json()["error"]["message"]
    assert client.post("/v1/classify", json=body).status_code == 200


def test_a_question_is_made_ready_outside_of_the_loop_that_serves_all(client, diagnosis_run, monkeypatch):
    loops, pose = [], answering.pose

    def watched(*parts, **more):
        with suppress(RuntimeError):
            loops.append(asyncio.get_running_loop())
        return pose(*parts, **more)

    monkeypatch.setattr(answering, "pose", watched)
    body = {"model": "tuned", "input": records_of(diagnosis_run)[0].question}
    assert client.post("/v1/classify", json=body).status_code == 200
    assert not loops


def test_a_risk_that_the_validation_records_cannot_vouch_for_is_refused_without_a_path(client, diagnosis_run):
    question = records_of(diagnosis_run)[0].question
    asked = client.post("/v1/classify", json={"model": "baseline", "input": question, "risk": 0.01})
    assert asked.status_code == 400
    error = asked.json()["error"]
    assert error["code"] == "no_rule"
    assert error["param"] == "risk"
    assert "/" not in error["message"]
    assert "--" not in error["message"]


def test_why_a_risk_is_refused_is_told_to_whoever_runs_the_server(desk, careful_run, tmp_path, caplog):
    run = shutil.copytree(careful_run, tmp_path / "run")
    (run / "3-adapter" / "adapter_model.safetensors").write_bytes(b"another adapter")
    body = {"model": "tuned", "input": "itching", "risk": 0.3}
    answer = client_for(desk, run).post("/v1/classify", json=body)
    assert answer.json()["error"]["code"] == "no_rule"
    assert "was exchanged since" in caplog.text
    assert "exchanged" not in answer.text


def test_a_risk_is_refused_for_another_number_of_options_than_was_measured(
    choice_client, choice_run, monkeypatch
):
    record = records_of(choice_run)[0]
    rule = AbstentionRule(
        risk=0.1, temperature=1.0, threshold=0.5, num_answers=frozenset({len(record.options)})
    )
    monkeypatch.setattr("medadapt.serving.api.app.abstention_rule", lambda *_, **__: rule)
    body = {"model": "tuned", "input": record.question, "options": record.options, "risk": 0.1}
    assert choice_client.post("/v1/classify", json=body).status_code == 200
    fewer = choice_client.post("/v1/classify", json=body | {"options": record.options[:2]})
    assert fewer.status_code == 400
    assert "and this one has 2" in fewer.json()["error"]["message"]


def test_open_questions_have_no_closed_set(typed_client, typed_run):
    body = {"model": "tuned", "input": records_of(typed_run)[0].question}
    response = typed_client.post("/v1/classify", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "open"
