"""Options of single stages."""

from __future__ import annotations

import json
import shutil

import pytest

from medadapt.core.errors import MedAdaptError, RunFolderError
from medadapt.core.progress import Silent
from medadapt.core.recipe_reading import read_recipe
from medadapt.workflow.outcome import run
from medadapt.workflow.request import RunRequest
from tiny import save_base, tiny_llama


def test_encode_writes_prompt_and_completion_as_json_lines_on_request(medadapt, recipe_file, tmp_path):
    save_base(tmp_path / "base", tiny_llama())
    recipe = read_recipe(recipe_file, [f"model.base={tmp_path / 'base'}"])
    run(RunRequest(recipe=recipe, folder=tmp_path / "r", last="encode"), Silent())
    assert not list((tmp_path / "r" / "2-examples").glob("train.jsonl"))

    said = medadapt("encode", "r", "--jsonl", "--json")

    assert said.code == 0, said.err
    assert json.loads(said.out)["skipped"] == ["encode"]  # what is up to date is read back, not made again
    lines = (tmp_path / "r" / "2-examples" / "train.jsonl").read_text().splitlines()
    records = (tmp_path / "r" / "1-records" / "train.jsonl").read_text().splitlines()
    assert len(lines) == len(records) > 0
    assert f"train.jsonl: {len(lines)} lines" in said.err
    for line, record in zip(map(json.loads, lines), map(json.loads, records), strict=True):
        assert line == {
            "id": record["id"],
            "prompt": f"Given these symptoms: {record['question']}\n\nThe disease is:",
            "completion": f" {record['label']}",
        }


def test_verify_tells_what_a_newer_version_adds_and_still_agrees(medadapt, finished, tmp_path):
    run_folder = shutil.copytree(finished, tmp_path / "older")
    path = run_folder / "5-metrics" / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["forgetting"]
    path.write_text(json.dumps(metrics))

    said = medadapt("report", "older", "--verify")

    assert said.code == 0, said.err
    assert "identical" in said.out
    assert "measures more (forgetting); `medadapt score" in said.err
    told = json.loads(medadapt("report", "older", "--verify", "--json").out)
    assert (told["identical"], told["differing"], told["added"]) == (True, [], ["forgetting"])


def better(metrics):
    metrics["tuned"]["accuracy"]["value"] = 0.99
    return metrics


@pytest.mark.parametrize(
    "edit",
    [better, lambda _: [], lambda _: {}, lambda found: found | {"tuned": "all right"}],
    ids=["another value", "a list", "nothing", "a text as a leaf"],
)
def test_metrics_that_score_did_not_write_are_never_reported(finished, tmp_path, use, edit):
    run_folder = shutil.copytree(finished, tmp_path / "edited")
    path, page = run_folder / "5-metrics" / "metrics.json", run_folder / "6-report" / "index.html"
    honest, shown = path.read_text(), page.read_text()
    path.write_text(json.dumps(edit(json.loads(honest))))

    with pytest.raises(RunFolderError, match=r"5-metrics/metrics\.json .* as score left it") as refused:
        use("report", run_folder)

    assert refused.value.exit_code == 2
    assert f"`medadapt score {run_folder}`" in refused.value.remedy
    assert page.read_text() == shown
    assert use("score", run_folder)[0] == 0
    assert path.read_text() == honest
    assert use("report", run_folder)[0] == 0


@pytest.mark.parametrize(
    "words",
    [("--set", "evaluation.alpha=0.01"), ("--replace",), ("--set", "evaluation.alpha=0.01", "--replace")],
)
def test_options_that_verify_would_ignore_are_refused(use, finished, words):
    with pytest.raises(MedAdaptError, match="would have no effect") as refused:
        use("report", finished, "--verify", *words)

    assert refused.value.exit_code == 2
    assert all(word in refused.value.remedy for word in words if word.startswith("--"))
