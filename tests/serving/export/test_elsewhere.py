"""A run for Ollama, vLLM and llama.cpp: what is written can be used, and is what the run is."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from medadapt.core.errors import ModelError, RunFolderError
from medadapt.core.files import read_json
from medadapt.core.progress import Silent
from medadapt.examples.message_template import MessageTemplate
from medadapt.serving.command_targets import read_run
from medadapt.serving.export import gguf
from medadapt.serving.export.gguf import export_gguf
from medadapt.serving.export.ollama import export_ollama, export_ollama_adapter, modelfile
from medadapt.serving.export.vllm import export_vllm, serve_command
from serving_runs import recorded, records_of


@pytest.fixture(scope="module")
def for_ollama(diagnosis_run, tmp_path_factory):
    run = read_run(str(diagnosis_run))
    return export_ollama(run, tmp_path_factory.mktemp("ollama") / "out", device="cpu", progress=Silent())


def test_the_merged_models_chat_template_asks_as_the_run_does(for_ollama, diagnosis_run):
    folder = for_ollama.folder / "model"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    for record in records_of(diagnosis_run)[:3]:
        messages = [{"role": "user", "content": record.question}]
        tokens = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        written = model.generate(
            **tokens, max_new_tokens=8, do_sample=False, eos_token_id=tokenizer.eos_token_id
        )
        text = tokenizer.decode(written[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True).strip()
        kept = recorded(diagnosis_run, "tuned")[record.id]["text"]
        assert kept.startswith(text.rstrip("\ufffd"))


def test_the_modelfile_names_the_model_the_prompt_and_its_end(for_ollama):
    text = (for_ollama.folder / "Modelfile").read_text(encoding="utf-8")
    assert "FROM ./model\n" in text
    assert 'Given these symptoms: "' in text
    assert 'PARAMETER stop "</s>"' in text
    assert "PARAMETER temperature 0" in text
    assert read_json(for_ollama.folder / "export.json")["imported"] is True
    readme = (for_ollama.folder / "README.md").read_text(encoding="utf-8")
    assert "ollama create out -f Modelfile" in readme
    assert "Not a medical device" in readme


def test_a_prompt_that_would_end_the_modelfile_is_refused():
    hostile = MessageTemplate(opening='say """ and', again="", asked="", join="", start="")
    # In a quoted string every quote has a backslash before it, so three never stand in a row.
    assert '"""' not in hostile.go()
    with pytest.raises(ModelError, match="three quotes"):
        modelfile(hostile, stops=['"""'], most=8)


def test_ollama_gets_the_adapter_and_its_base(run, diagnosis_run, base_folder, tmp_path):
    folder = export_ollama_adapter(run, tmp_path / "out")
    own, theirs = (
        load_file(one / "adapter_model.safetensors")
        for one in (diagnosis_run / "3-adapter", folder / "adapter")
    )
    assert all(torch.equal(own[name], theirs[name]) for name in own | theirs)
    lines = (folder / "Modelfile").read_text(encoding="utf-8").splitlines()
    assert f"FROM {base_folder.resolve()}" in lines
    assert "ADAPTER ./adapter" in lines
    assert "PARAMETER temperature 0" in lines
    assert "over another base" in (folder / "README.md").read_text(encoding="utf-8")


def test_an_adapter_that_ollama_would_read_otherwise_is_refused(run, diagnosis_run, tmp_path):
    copied = shutil.copytree(diagnosis_run, tmp_path / "run")
    config = copied / "3-adapter" / "adapter_config.json"
    config.write_text(json.dumps(read_json(config) | {"use_rslora": True}))
    with pytest.raises(ModelError, match="rslora"):
        export_ollama_adapter(read_run(str(copied)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_vllm_gets_the_adapter_its_template_and_a_command(run, diagnosis_run, tmp_path):
    folder = export_vllm(run, tmp_path / "out")
    own, theirs = (
        load_file(one / "adapter_model.safetensors")
        for one in (diagnosis_run / "3-adapter", folder / "adapter")
    )
    assert own.keys() == theirs.keys()
    command = read_json(folder / "export.json")["command"]
    assert command[:2] == ["vllm", "serve"]
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert (
        int(command[command.index("--max-lora-rank") + 1])
        >= read_json(folder / "adapter" / "adapter_config.json")["r"]
    )
    tokenizer = AutoTokenizer.from_pretrained(diagnosis_run / "3-adapter")
    template = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    messages = [{"role": "user", "content": "itching"}]
    text = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False)
    assert text.endswith("Given these symptoms: itching\n\nThe disease is:")
    shown = subprocess.run(
        ["sh", str(folder / "serve.sh")], env={"PATH": str(_fake(tmp_path, "vllm", 'printf "%s\\n" "$@"'))},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.splitlines() == command[1:]
    with pytest.raises(RunFolderError, match="--replace"):
        export_vllm(run, folder)
    export_vllm(run, folder, replace_folder=True)


def test_the_smallest_rank_that_vllm_takes_is_chosen():
    words = serve_command("a base", rank=16, max_length=512)
    assert shlex.split(shlex.join(words)) == words
    assert words[2] == "a base"


def test_without_a_converter_the_exact_commands_are_given(run, tmp_path, monkeypatch):
    monkeypatch.setattr(gguf, "converter", lambda: None)
    done = export_gguf(run, tmp_path / "out", device="cpu", progress=Silent())
    done = done.gguf
    assert (done.path, done.verified) == (None, None)
    assert "convert_hf_to_gguf.py model --outfile model.gguf --outtype f32" in done.steps[-1]
    assert done.steps[-1] in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()


def test_a_converter_that_refuses_is_told_and_leaves_nothing(run, tmp_path, monkeypatch):
    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text("import sys; sys.exit('unknown architecture')")
    monkeypatch.setattr(gguf, "converter", lambda: [sys.executable, str(script)])
    with pytest.raises(ModelError, match="unknown architecture"):
        export_gguf(run, tmp_path / "out", device="cpu", progress=Silent())
    assert not (tmp_path / "out").exists()


def test_the_converter_is_found_where_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    assert gguf.converter() is None
    (tmp_path / "convert_hf_to_gguf.py").write_text("")
    assert gguf.converter() == [sys.executable, str(tmp_path / "convert_hf_to_gguf.py")]


def _fake(folder, name, body):
    """A folder with a command of this name, and those of the system."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!/bin/sh\n{body}\n")
    (place / name).chmod(0o755)
    return f"{place}:/usr/bin:/bin"


def test_export_json_is_plain(for_ollama):
    assert json.loads((for_ollama.folder / "export.json").read_text())["to"] == "ollama"


TEMPLATE = "{{ messages[0]['content'] }}"


@pytest.fixture
def model_and_file(tmp_path):
    """A model in its folder, and what is written into a GGUF file of it."""

    def made(*, rows=4, closing=2, template=TEMPLATE, scores=(-1.0, -2.0)):
        model, file = tmp_path / "model", tmp_path / "model.gguf"
        model.mkdir()
        save_file({"weight": torch.ones(4, 3), "norm": torch.ones(3)}, model / "model.safetensors")
        (model / "config.json").write_text(json.dumps({"eos_token_id": 2}))
        (model / "chat_template.jinja").write_text(TEMPLATE)
        writer = GGUFWriter(file, "llama")
        writer.add_eos_token_id(closing)
        writer.add_tokenizer_model("llama")
        writer.add_token_scores(list(scores))
        if template is not None:
            writer.add_chat_template(template)
        writer.add_tensor("weight", np.ones((rows, 3), np.float32))
        writer.add_tensor("norm", np.ones(3, np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return file, model

    return made


def test_a_gguf_file_that_holds_what_the_model_has_passes(model_and_file):
    assert gguf.differences(*model_and_file()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rows": 5}, "18 weights instead of 15"),
        ({"closing": 3}, "eos_token_id: 3 instead of 2"),
        ({"template": "{{ 'other' }}"}, "tokenizer.chat_template"),
        ({"template": None}, "tokenizer.chat_template: None"),
        ({"scores": (-1000.0, -1000.0)}, "splits text otherwise"),
    ],
)
def test_a_gguf_file_that_holds_something_else_is_told(model_and_file, change, told):
    [difference] = gguf.differences(*model_and_file(**change))
    assert told in difference
