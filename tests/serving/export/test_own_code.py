"""A base with code of its own, which the recipe allows, leaves as others do: nobody is asked at the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from transformers import AutoTokenizer, dynamic_module_utils

from medadapt.core.files import read_json
from medadapt.core.progress import Silent
from medadapt.serving.command_targets import read_run
from medadapt.serving.export.merged import export_merged
from medadapt.serving.export.ollama import export_ollama
from medadapt.serving.upload import uploads
from serving_runs import make_base, make_run

CODE = """
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


class OwnConfig(LlamaConfig):
    model_type = "own_llama"


class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig


class OwnTokenizerFast(PreTrainedTokenizerFast):
    pass
"""
NAMED = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnForCausalLM"}


@pytest.fixture
def own_base(tmp_path, monkeypatch):
    """A base whose configuration, model and tokenizer are classes of its own."""
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    base = make_base(tmp_path / "base")
    (base / "own.py").write_text(CODE)
    own_names = {
        "config.json": {"auto_map": NAMED, "model_type": "own_llama", "architectures": ["OwnForCausalLM"]},
        "tokenizer_config.json": {
            "auto_map": {"AutoTokenizer": [None, "own.OwnTokenizerFast"]},
            "tokenizer_class": "OwnTokenizerFast",
        },
    }
    for name, own in own_names.items():
        (base / name).write_text(json.dumps(read_json(base / name) | own))
    return base


def made_until(stage, own_base, tmp_path):
    model = {"base": str(own_base), "precision": "fp32", "trust_remote_code": True, "revision": "read"}
    return read_run(str(make_run(tmp_path / "run", own_base, until=stage, model=model)))


@pytest.fixture
def run(own_base, tmp_path):
    return made_until("train", own_base, tmp_path)


def test_a_base_with_code_of_its_own_is_exported(run, tmp_path):
    done = export_ollama(run, tmp_path / "out", device="cpu", progress=Silent())
    assert done.parity.agrees
    assert (done.folder / "model" / "own.py").is_file()
    tokenizer = AutoTokenizer.from_pretrained(done.folder / "model", trust_remote_code=True)
    assert type(tokenizer).__name__ == "OwnTokenizerFast"


def test_the_page_of_a_model_with_code_of_its_own_allows_it(run, tmp_path):
    done = export_merged(run, tmp_path / "out", device="cpu", progress=Silent())
    page = (done.folder / "README.md").read_text()
    assert "AutoTokenizer.from_pretrained(folder, trust_remote_code=True)" in page
    assert 'from_pretrained(folder, dtype="auto", trust_remote_code=True)' in page


def test_the_model_card_loads_what_was_uploaded_of_an_adapter_for_such_a_base(own_base, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    for file in uploads(made_until("report", own_base, tmp_path), str(shared)):
        kept = file.content.read_bytes() if isinstance(file.content, Path) else file.content
        (shared / file.name).write_bytes(kept)
    card = (shared / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    seen = {}
    exec(code.replace("path/to/the/base", str(own_base)), seen)  # the code is our own
    assert type(seen["base"]).__name__ == "OwnForCausalLM"
    assert type(seen["tokenizer"]).__name__ == "OwnTokenizerFast"
    assert f"medadapt ask {shared}" not in card
