"""Closed sets of answers through the API."""

from __future__ import annotations

import pytest

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


def test_options_are_weighed_under_their_letters(choice_client, choice_run):
    record = records_of(choice_run)[0]
    body = {"model": "tuned", "input": record.question, "options": record.options}
    answer = choice_client.post("/v1/classify", json=body).json()
    assert {one["name"]: one["text"] for one in answer["probabilities"]} == dict(
        zip("ABCDE", record.options, strict=False)
    )


def test_a_model_that_is_not_sure_enough_says_nothing(client, diagnosis_run):
    question = records_of(diagnosis_run)[0].question
    asked = client.post("/v1/classify", json={"model": "baseline", "input": question, "risk": 0.4})
    if asked.status_code == 400:  # too few validation records to vouch for any risk
        assert "validation records" in asked.json()["error"]["message"]
        return
    answer = asked.json()
    assert answer["abstained"] is (answer["confidence"] < answer["threshold"])
    assert (answer["choice"] is None) is answer["abstained"]


def test_open_questions_have_no_closed_set(typed_client, typed_run):
    body = {"model": "tuned", "input": records_of(typed_run)[0].question}
    response = typed_client.post("/v1/classify", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "open"
