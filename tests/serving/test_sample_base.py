"""An adapter of the bundled base names it, and works wherever MedAdapt is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from medadapt.core.errors import RunFolderError
from medadapt.core.progress import Silent
from medadapt.models.adapter import load_adapter
from medadapt.models.loading import load_base
from medadapt.samples import bundled_base
from medadapt.serving.answering import reply
from medadapt.serving.assistants import load
from medadapt.serving.command_targets import find_target, read_run
from medadapt.serving.export.merged import export_merged
from medadapt.serving.upload import has_local_base, uploads
from serving_runs import make_base, make_run, recorded, records_of


@pytest.fixture
def run(sample_base, tmp_path_factory) -> Path:
    """A finished run on the bundled base, made once."""
    folder = tmp_path_factory.getbasetemp() / "on-sample-base"
    return folder if folder.exists() else make_run(folder, sample_base, **SECTIONS)


SECTIONS = {
    "data": {"format": "symptom_table", "source": "sample:rows/symptoms"},
    "model": {"base": "sample:base", "precision": "fp32"},
}


def test_every_file_that_leaves_the_run_names_the_bundled_base(run, sample_base, tmp_path):
    files = {file.name: file.content for file in uploads(read_run(str(run)), "me/it")}
    config, base, asking = (
        files[name].decode() for name in ("adapter_config.json", "base.json", "medadapt.json")
    )
    for text in (config, base, asking):
        assert '"sample:base"' in text
    card = files["README.md"].decode()
    assert "sample:base (the small demonstration model that comes with MedAdapt)" in card
    assert "base_model:" not in card  # the Hub has no such model
    assert not has_local_base(read_run(str(run)))
    merged = export_merged(read_run(str(run)), tmp_path / "merged", device="cpu", progress=Silent())
    assert merged.parity.agrees
    assert "demonstration model" in (tmp_path / "merged/README.md").read_text(encoding="utf-8")
    assert (
        str(sample_base)
        not in "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "merged").glob("*.json"))
        + card
        + config
        + base
        + asking
    )


def test_its_adapter_alone_is_asked_as_the_run_was(run):
    assistant = load(find_target(str(run / "3-adapter")), device="cpu")
    record = records_of(run)[0]
    given = reply(assistant, record)
    assert "".join(given.pieces) == recorded(run, "tuned")[record.id]["text"]


def test_code_of_the_model_card_loads_base_and_adapter_with_plain_peft(run, sample_base):
    card = (run / "6-report/README.md").read_text(encoding="utf-8")
    code = next(
        block for block in re.findall(r"```python\n(.*?)```", card, re.DOTALL) if "PeftModel" in block
    )
    names: dict = {}
    loading = code.split("\n\nprompt")[0].replace('"path/to/this/adapter"', repr(str(run / "3-adapter")))
    exec(loading.split("tokenizer =")[0], names)  # the code is our own

    ours = load_adapter(load_base(read_run(str(run)).recipe.model, device="cpu"), run / "3-adapter")
    tokens = ours.tokenizer("itching", return_tensors="pt").input_ids
    assert (names["model"](tokens).logits - ours.model(tokens).logits).abs().max() < 1e-4


def test_another_bundled_base_asks_before_the_training_is_lost(run, sample_base, tmp_path, monkeypatch):
    monkeypatch.setattr(bundled_base, "BASE", make_base(tmp_path / "newer", seed=1))
    with pytest.raises(RunFolderError, match="source base"):
        make_run(run, sample_base, **SECTIONS)
