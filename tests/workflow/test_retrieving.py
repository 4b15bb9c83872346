"""`evaluation.retrieval`: both models with passages of the training records, on the same test records."""

from __future__ import annotations

import numpy as np
import pytest

from medadapt.core.files import read_json, read_jsonl
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.records import PASSAGES, Record, write_records
from medadapt.core.run_folder import RunFolder
from medadapt.examples.encoding import Encoder
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.templates import Wording
from medadapt.metrics.with_passages import COMPARED
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.workflow.retrieving import grounding, search_facts
from medadapt.workflow.verifying import verify
from serving_runs import make_base, make_run


@pytest.fixture(scope="module", params=["diagnosis", "qa"])
def grounded(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param)
    data = {"format": "symptom_table", "source": "sample:rows/symptoms"}
    if request.param == "qa":
        data = {"format": "typed_qa", "source": "sample:rows/typed_qa"}
    evaluation = {"bootstrap_samples": 100, "retrieval": True}
    return make_run(place / "run", make_base(place / "base", context=2048), data=data, evaluation=evaluation)


def rows_of(run, name):
    return list(read_jsonl(run / "4-predictions" / name))


def test_passages_are_of_training_records_alone(grounded):
    ids = {row["id"] for row in read_jsonl(grounded / "1-records" / "train.jsonl")}
    rows = rows_of(grounded, "passages.jsonl")
    assert [row["id"] for row in rows] == [
        row["id"] for row in read_jsonl(grounded / "1-records" / "test.jsonl")
    ]
    cited = {passage.partition("#")[0] for row in rows for passage in row["passages"]}
    assert cited
    assert cited <= ids
    assert all(len(row["passages"]) <= 3 for row in rows)


def test_a_long_conversation_makes_room_for_passages(tmp_path):
    run = RunFolder(tmp_path)
    said = [
        {"role": "user", "content": "And then?"},
        {"role": "assistant", "content": "Wait, and drink water."},
    ]
    about = {"source_row": 1, "group": "g", "question": "What is gout?", "answer": "Crystals."}
    write_records(run.records / "train.jsonl", [Record(id="known", **about)])
    run.predictions.mkdir()
    plan = EncodingPlan(
        wording=Wording(template="question", system=None, options=False, answer="text"),
        chat=False, max_length=700, prompt_limit=600, closing="</s>", labels=(),
    )  # fmt: skip
    [shown] = grounding(run)(
        Encoder(byte_tokenizer(), plan), [Record(id="asked", history=said * 30, **about)]
    )
    assert "Crystals." in shown.meta[PASSAGES]


def test_prompts_hold_the_passages_and_the_usual_ones_do_not(grounded):
    for model in ("baseline", "tuned"):
        usual, with_them = (
            rows_of(grounded, f"{model}.jsonl"),
            rows_of(grounded, f"test.{model}.retrieval.jsonl"),
        )
        taken = [bool(row["passages"]) for row in rows_of(grounded, "passages.jsonl")]
        changed = [a["prompt_sha256"] != b["prompt_sha256"] for a, b in zip(usual, with_them, strict=True)]
        assert changed == taken


def test_differences_are_paired_and_of_the_predictions(grounded):
    metrics = read_json(grounded / "5-metrics" / "metrics.json")
    found, primary = metrics["retrieval"], metrics["primary"]
    assert set(found["difference"]) == set(COMPARED)
    value = {
        **{name: metrics[name][primary]["value"] for name in ("baseline", "tuned")},
        **{f"{name}_retrieval": found[name][primary]["value"] for name in ("baseline", "tuned")},
    }
    for told, (first, second) in COMPARED.items():
        assert found["difference"][told]["value"] == pytest.approx(value[second] - value[first], abs=1e-12)
    if primary == "bits_per_byte":
        rows = rows_of(grounded, "test.tuned.retrieval.jsonl")
        bits = sum(row["nll"] for row in rows) / np.log(2) / sum(row["num_bytes"] for row in rows)
        assert value["tuned_retrieval"] == pytest.approx(bits, rel=1e-9)


def test_how_well_passages_were_found_is_told_from_their_ranks(grounded):
    found = read_json(grounded / "5-metrics" / "metrics.json")["retrieval"]["search"]
    ranks = [row["first_helpful"] for row in rows_of(grounded, "passages.jsonl")]
    assert found["n"] == len(ranks)
    assert found["recall"]["3"] == sum(rank is not None and rank <= 3 for rank in ranks) / len(ranks)
    assert found == search_facts(RunFolder(grounded).predictions)


def test_the_report_shows_it_and_verifies(grounded):
    page = (grounded / "6-report" / "index.html").read_text(encoding="utf-8")
    assert "With passages in the prompt" in page
    assert "tuned with passages against base with passages" in page
    assert verify(read_recipe(grounded / "recipe.yaml"), RunFolder(grounded)) == []
