"""The whole path on bundled rows and a tiny base, as a user runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from medadapt.models.smoke_base import byte_tokenizer
from tiny import save_base

FOLDERS = ("1-records", "2-examples", "3-adapter", "4-predictions", "5-metrics", "6-report")


def medadapt(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medadapt", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished fp32 run on the bundled symptom rows."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = LlamaConfig(
        vocab_size=len(byte_tokenizer()), num_hidden_layers=2, initializer_range=0.3, **shape
    )
    save_base(folder / "base", LlamaForCausalLM(config))
    recipe = {
        "name": "tiny",
        "data": {"format": "symptom_table", "source": "sample:rows/symptoms"},
        "model": {"base": "base", "precision": "fp32"},
        "training": {"epochs": 4, "learning_rate": 1e-2},
        "evaluation": {"bootstrap_samples": 500, "method": "generate"},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(recipe))
    done = medadapt("run", "tiny.yaml", cwd=folder)
    assert done.returncode in (0, 3), done.stderr
    return folder


def files_and_times(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def test_a_run_fills_every_folder_of_the_path(finished):
    run = finished / "runs" / "tiny"
    assert all(any((run / folder).iterdir()) for folder in FOLDERS)
    records = [json.loads(line) for name in ("train", "validation", "test", "dropped")
               for line in (run / "1-records" / f"{name}.jsonl").read_text().splitlines()]  # fmt: skip
    assert len(records) == 32
    metrics = json.loads((run / "5-metrics" / "metrics.json").read_text())
    assert {"accuracy", "macro_f1", "loss", "accuracy_generated"} <= set(metrics["difference"])
    assert metrics["difference"]["loss"]["value"] < 0
    assert "Content-Security-Policy" in (run / "6-report" / "index.html").read_text()


def test_no_file_of_a_run_could_hold_a_pickle(finished):
    suffixes = {path.suffix for path in (finished / "runs" / "tiny").rglob("*") if path.is_file()}
    assert not suffixes & {".bin", ".pt", ".pth", ".pkl", ".pickle", ".npy"}


def test_a_second_run_does_nothing_and_says_so(finished):
    before = files_and_times(finished / "runs" / "tiny")
    done = medadapt("run", "tiny.yaml", cwd=finished)
    assert "nothing to do" in (done.stdout + done.stderr).lower()
    assert files_and_times(finished / "runs" / "tiny") == before


def test_the_report_can_be_verified(finished):
    assert medadapt("report", "runs/tiny", "--verify", cwd=finished).returncode == 0
    target = finished / "runs" / "tiny" / "5-metrics" / "metrics.json"
    honest = target.read_text()
    try:
        metrics = json.loads(honest)
        metrics["tuned"]["accuracy"]["value"] = 0.123
        target.write_text(json.dumps(metrics))
        done = medadapt("report", "runs/tiny", "--verify", cwd=finished)
        assert done.returncode == 3
        assert "tuned.accuracy" in done.stdout + done.stderr
    finally:
        target.write_text(honest)


RELOAD = """
import json, sys
import torch
from datasets import load_from_disk
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
base, run = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(run + "/3-adapter")
loaded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
model = PeftModel.from_pretrained(loaded, run + "/3-adapter").eval()
found = {}
for row in load_from_disk(run + "/2-examples/test"):
    prompt = tokenizer(row["prompt"])["input_ids"]
    tokens = torch.tensor([row["input_ids"]])
    with torch.no_grad():
        logprobs = model(input_ids=tokens).logits[0, :-1].log_softmax(-1)
    learned = [(i, token) for i, token in enumerate(row["input_ids"][1:]) if row["labels"][i + 1] != -100]
    assert row["input_ids"][: len(prompt)] == prompt
    found[row["id"]] = -sum(float(logprobs[i, token]) for i, token in learned)
print(json.dumps(found))
"""


def test_plain_peft_in_a_fresh_process_reproduces_the_recorded_likelihoods(finished):
    run = finished / "runs" / "tiny"
    command = [sys.executable, "-c", RELOAD, str(finished / "base"), str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    recorded = [json.loads(line) for line in (run / "4-predictions" / "tuned.jsonl").read_text().splitlines()]
    assert len(recorded) == len(found) > 0
    for prediction in recorded:
        assert prediction["nll"] == pytest.approx(found[prediction["id"]], abs=1e-4)
        label = next(r["label"] for r in map(json.loads, (run / "1-records" / "test.jsonl").read_text().splitlines())
                     if r["id"] == prediction["id"])  # fmt: skip
        assert prediction["scores"][label] == pytest.approx(-found[prediction["id"]], abs=1e-4)


def test_an_adapter_that_changes_nothing_ends_with_exit_code_3(finished, tmp_path):
    """B = 0: the difference is 0, p is 1, the verdict `not shown`, and the run says that nothing was learned."""
    place = tmp_path / "copy"
    shutil.copytree(finished, place)
    run = place / "runs" / "tiny"
    weights = run / "3-adapter" / "adapter_model.safetensors"
    tensors = {name: t * 0 if "lora_B" in name else t for name, t in load_file(weights).items()}
    save_file(tensors, weights, metadata={"format": "pt"})
    assert medadapt("predict", "runs/tiny", "--replace", cwd=place).returncode == 0
    done = medadapt("score", "runs/tiny", cwd=place)
    assert done.returncode == 3, done.stdout + done.stderr
    metrics = json.loads((run / "5-metrics" / "metrics.json").read_text())
    for name in ("accuracy", "loss", "bits_per_byte"):
        entry = metrics["difference"][name]
        assert (entry["value"], entry["p"], entry["verdict"]) == (0, 1, "not shown")
    assert "no_effect" in {finding["kind"] for finding in metrics["findings"]}
    assert medadapt("report", "runs/tiny", cwd=place).returncode == 3


def test_the_same_run_twice_gives_the_same_adapter_and_metrics(finished, tmp_path):
    again = medadapt("run", "tiny.yaml", "-o", str(tmp_path / "again"), cwd=finished)
    assert again.returncode in (0, 3), again.stderr
    ours, theirs = finished / "runs" / "tiny", tmp_path / "again"
    name = "3-adapter/adapter_model.safetensors"
    assert (ours / name).read_bytes() == (theirs / name).read_bytes()
    for name in ("5-metrics/metrics.json", "1-records/data.json", "4-predictions/tuned.jsonl"):
        assert (ours / name).read_text() == (theirs / name).read_text()
