"""A run for Ollama, vLLM and llama.cpp: what is written can be used, and is what the run is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from examples.conftest import CHATML, with_chat
from medadapt.core.errors import ModelError, RunFolderError
from medadapt.core.files import read_json
from medadapt.core.progress import Silent
from medadapt.core.run_folder import RunFolder
from medadapt.examples.message_template import MessageTemplate
from medadapt.serving.command_targets import read_run
from medadapt.serving.export import bare_adapter, gguf, ollama
from medadapt.serving.export.gguf import export_gguf
from medadapt.serving.export.merged import export_merged
from medadapt.serving.export.ollama import export_ollama, export_ollama_adapter, modelfile
from medadapt.serving.export.vllm import export_vllm
from serving_runs import make_base, make_run, recorded, records_of


@pytest.fixture(scope="module")
def for_ollama(diagnosis_run, tmp_path_factory):
    run = read_run(str(diagnosis_run))
    return export_ollama(run, tmp_path_factory.mktemp("ollama") / "out", device="cpu", progress=Silent())


def test_the_merged_models_chat_template_asks_as_the_run_does(for_ollama, diagnosis_run):
    folder = for_ollama.folder / "model"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    for record in records_of(diagnosis_run)[:3]:
        messages = [{"role": "user", "content": record.question}]
        tokens = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        written = model.generate(**tokens, max_new_tokens=8, do_sample=False)
        text = tokenizer.decode(written[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True).strip()
        kept = recorded(diagnosis_run, "tuned")[record.id]["text"]
        assert kept.startswith(text.rstrip("\ufffd"))


def test_the_modelfile_names_the_model_the_prompt_and_its_end(for_ollama):
    text = (for_ollama.folder / "Modelfile").read_text(encoding="utf-8")
    assert "FROM ./model\n" in text
    assert 'Given these symptoms: "' in text
    assert 'PARAMETER stop "</s>"' in text
    assert "PARAMETER temperature 0" in text
    assert "PARAMETER num_ctx 512\n" in text
    assert read_json(for_ollama.folder / "export.json")["imported"] is True
    readme = (for_ollama.folder / "README.md").read_text(encoding="utf-8")
    assert "ollama create out -f Modelfile" in readme
    assert "cuts no white space at the ends of a message" in readme
    assert "Not a medical device" in readme


def test_a_prompt_that_would_end_the_modelfile_is_refused():
    hostile = MessageTemplate(opening='say """ and', again="", asked="", join="", start="")
    # In a quoted string every quote has a backslash before it, so three never stand in a row.
    assert '"""' not in hostile.go()
    with pytest.raises(ModelError, match="three quotes"):
        modelfile(hostile, stops=['"""'], most=8, context=64)


def test_a_base_whose_name_breaks_the_line_adds_nothing_to_a_modelfile():
    plain = MessageTemplate(opening="", again="", asked="", join="", start="")
    with pytest.raises(ModelError, match="line break"):
        modelfile(plain, stops=[], most=8, context=64, base="x\nADAPTER /etc")


@pytest.mark.parametrize(
    ("name", "tag"), [("My Model; rm -rf ~", "my-model--rm--rf"), ("Ärzte", "rzte"), ("...", "medadapt")]
)
def test_ollama_and_a_shell_get_a_plain_name(name, tag):
    assert ollama._tag(name) == tag


def test_ollama_gets_the_adapter_and_its_base(run, diagnosis_run, base_folder, tmp_path):
    folder = export_ollama_adapter(run, tmp_path / "out").folder
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


def test_an_adapter_that_ollama_would_read_otherwise_is_refused(diagnosis_run, tmp_path):
    with pytest.raises(ModelError, match="rslora"):
        export_ollama_adapter(
            adapter_with(diagnosis_run, tmp_path / "run", use_rslora=True), tmp_path / "out"
        )
    assert not (tmp_path / "out").exists()


def test_ollama_is_not_given_an_alpha_that_it_cannot_read(diagnosis_run, tmp_path):
    run = adapter_with(diagnosis_run, tmp_path / "run", lora_alpha=6.5)
    with pytest.raises(ModelError, match=r"this adapter has 6\.5"):
        export_ollama_adapter(run, tmp_path / "out")


def test_ollama_is_given_a_whole_alpha_as_an_integer(diagnosis_run, tmp_path):
    run = adapter_with(diagnosis_run, tmp_path / "run", lora_alpha=32.0)
    folder = export_ollama_adapter(run, tmp_path / "out").folder
    assert '"lora_alpha": 32,' in (folder / "adapter" / "adapter_config.json").read_text(encoding="utf-8")


def base_called(architecture, base_folder, folder):
    """A copy of a base that says it is of another architecture."""
    copied = shutil.copytree(base_folder, folder)
    config = read_json(copied / "config.json") | {"architectures": [architecture]}
    (copied / "config.json").write_text(json.dumps(config))
    return copied


def test_an_adapter_of_gemma_1_is_not_for_ollama(diagnosis_run, base_folder, tmp_path):
    base = base_called("GemmaForCausalLM", base_folder, tmp_path / "base")
    with pytest.raises(ModelError, match="no adapters of GemmaForCausalLM"):
        export_ollama_adapter(run_over(str(base), diagnosis_run, tmp_path / "run"), tmp_path / "out")


def test_vllm_gets_the_adapter_its_template_and_a_command(run, diagnosis_run, tmp_path):
    folder = export_vllm(run, tmp_path / "out").folder
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
    assert told_to_vllm(run, tmp_path / "again") == command[1:]
    with pytest.raises(RunFolderError, match="--replace"):
        export_vllm(run, folder)
    export_vllm(run, folder, replace_folder=True)


@pytest.fixture(scope="module")
def chat_run(tmp_path_factory):
    """A run over a base whose turns end in a token that is not its end of text, and which has a third one."""
    place = tmp_path_factory.mktemp("chat")
    base = make_base(place / "base")
    tokenizer = with_chat(CHATML, ("<|im_start|>", "<|im_end|>"), named=True)
    model = AutoModelForCausalLM.from_pretrained(base)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    # As published bases have it; transformers refuses to save such settings once one of them is changed.
    ends = [1, tokenizer.convert_tokens_to_ids("<|im_start|>")]
    (base / "generation_config.json").write_text(json.dumps({"temperature": 0.6, "eos_token_id": ends}))
    return read_run(str(make_run(place / "run", base, until="train")))


def ends_of(run):
    tokenizer = AutoTokenizer.from_pretrained(run.folder.adapter)
    return tokenizer.convert_tokens_to_ids(["<|im_end|>", "</s>", "<|im_start|>"])


def test_a_merged_model_ends_its_answer_at_the_closing_token_of_the_chat_and_the_bases_own_ends(
    chat_run, tmp_path
):
    folder = export_merged(chat_run, tmp_path / "out", device="cpu", progress=Silent()).folder
    settings = AutoModelForCausalLM.from_pretrained(folder).generation_config
    assert (settings.eos_token_id, settings.temperature) == (ends_of(chat_run), 0.6)


def test_vllm_is_told_the_closing_token_of_the_chat_and_the_bases_own_ends(chat_run, tmp_path):
    folder = export_vllm(chat_run, tmp_path / "out").folder
    assert read_json(folder / "generation_config.json") == {"eos_token_id": ends_of(chat_run)}
    command = read_json(folder / "export.json")["command"]
    assert command[command.index("--generation-config") + 1] == "."


@pytest.mark.parametrize(
    ("max_length", "prompt_limit", "told"), [(320, 300, 300 + 128), (400, 250, 400), (512, 480, 512)]
)
def test_other_programs_have_room_for_an_answer_after_the_longest_prompt(
    max_length, prompt_limit, told, diagnosis_run, tmp_path
):
    copied = shutil.copytree(diagnosis_run, tmp_path / "run")
    path = RunFolder(copied).examples / "examples.json"
    summary = read_json(path)
    summary["plan"] |= {"max_length": max_length, "prompt_limit": prompt_limit}
    path.write_text(json.dumps(summary))
    run = read_run(str(copied))
    command = read_json(export_vllm(run, tmp_path / "out").folder / "export.json")["command"]
    assert command[command.index("--max-model-len") + 1] == str(told)
    for_ollama = export_ollama_adapter(run, tmp_path / "ollama").folder / "Modelfile"
    assert f"PARAMETER num_ctx {told}\n" in for_ollama.read_text(encoding="utf-8")


def adapter_with(run, folder, **changes):
    """A copy of a run, with other facts about its adapter."""
    copied = shutil.copytree(run, folder)
    config = copied / "3-adapter" / "adapter_config.json"
    config.write_text(json.dumps(read_json(config) | changes))
    return read_run(str(copied))


@pytest.mark.parametrize(("rank", "taken"), [(1, 8), (8, 8), (20, 32), (257, 320), (512, 512)])
def test_the_smallest_rank_that_vllm_takes_is_chosen(rank, taken, diagnosis_run, tmp_path):
    folder = export_vllm(adapter_with(diagnosis_run, tmp_path / "run", r=rank), tmp_path / "out").folder
    command = read_json(folder / "export.json")["command"]
    assert command[command.index("--max-lora-rank") + 1] == str(taken)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"r": 513}, "rank 513"),
        ({"use_dora": True}, "dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    ],
)
def test_an_adapter_that_vllm_does_not_load_is_refused(changes, told, diagnosis_run, tmp_path):
    with pytest.raises(ModelError, match=told):
        export_vllm(adapter_with(diagnosis_run, tmp_path / "run", **changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def run_over(base, diagnosis_run, folder, **model):
    """A copy of a run whose recipe names this base."""
    copied = shutil.copytree(diagnosis_run, folder)
    found = read_run(str(copied))
    recipe = found.recipe.model_copy(
        update={"model": found.recipe.model.model_copy(update={"base": base, **model})}
    )
    return replace(found, recipe=recipe)


def told_to_vllm(run, folder):
    """The words that vLLM gets from serve.sh, called from another folder."""
    done = export_vllm(run, folder)
    shown = subprocess.run(
        ["sh", str(done.folder / "serve.sh")], cwd="/",
        env={"PATH": str(_fake(folder.parent, "vllm", 'printf "%s\\n" "$@"'))},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return shown.stdout.splitlines()


@pytest.mark.parametrize("export", [export_vllm, export_ollama_adapter])
def test_a_base_beside_the_caller_is_found_from_everywhere(
    export, diagnosis_run, base_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(base_folder.parent)
    folder = export(run_over(base_folder.name, diagnosis_run, tmp_path / "run"), tmp_path / "out").folder
    text = "".join(
        (folder / name).read_text() for name in ("serve.sh", "Modelfile") if (folder / name).exists()
    )
    assert str(base_folder.resolve()) in text


def test_a_base_whose_folder_has_signs_of_the_shell_is_one_word_of_the_command(
    diagnosis_run, base_folder, tmp_path
):
    base = shutil.copytree(base_folder, tmp_path / "my base's $(vllm) `vllm` & x; y")
    run = run_over(str(base), diagnosis_run, tmp_path / "run")
    assert told_to_vllm(run, tmp_path / "out")[1] == str(base.resolve())


def test_the_bundled_base_is_served_from_its_folder(diagnosis_run, sample_base, tmp_path):
    run = run_over("sample:base", diagnosis_run, tmp_path / "run")
    assert told_to_vllm(run, tmp_path / "out")[1] == str(sample_base.resolve())
    folder = export_ollama_adapter(run, tmp_path / "ollama").folder
    assert f"FROM {sample_base.resolve()}\n" in (folder / "Modelfile").read_text(encoding="utf-8")


def test_a_pinned_revision_is_served(diagnosis_run, base_folder, tmp_path, monkeypatch):
    def cached(name, *, revision=None, **_):
        assert (name, revision) == ("owner/model", "abc123")
        return base_folder

    monkeypatch.setattr(bare_adapter, "find_folder", cached)  # what the hub's cache would give
    run = run_over("owner/model", diagnosis_run, tmp_path / "run", revision="abc123")
    words = told_to_vllm(run, tmp_path / "out")
    assert words[:4] == ["serve", "owner/model", "--revision", "abc123"]
    assert "--trust-remote-code" not in words


def test_a_base_whose_adapters_vllm_does_not_serve_is_refused(diagnosis_run, base_folder, tmp_path):
    base = base_called("BloomForCausalLM", base_folder, tmp_path / "base")
    with pytest.raises(ModelError, match="BloomForCausalLM"):
        export_vllm(run_over(str(base), diagnosis_run, tmp_path / "run"), tmp_path / "out")


@pytest.mark.parametrize("export", [export_vllm, export_ollama_adapter])
def test_a_run_on_a_quantised_base_is_told_to_be_served_on_another(
    export, diagnosis_run, base_folder, tmp_path
):
    run = run_over(str(base_folder), diagnosis_run, tmp_path / "run", quantization="nf4")
    done = export(run, tmp_path / "out")
    [note] = done.notes
    assert "nf4" in note
    assert "another model" in (done.folder / "README.md").read_text(encoding="utf-8")


def test_a_model_that_ollama_does_not_import_is_told(run, tmp_path, monkeypatch):
    monkeypatch.setattr(ollama, "IMPORTED", ("MistralForCausalLM",))
    done = export_ollama(run, tmp_path / "out", device="cpu", progress=Silent())
    [note] = done.notes
    assert "LlamaForCausalLM" in note
    assert note in (done.folder / "README.md").read_text(encoding="utf-8")
    assert read_json(done.folder / "export.json")["imported"] is False


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


@pytest.mark.parametrize("named", ["LLAMA_CPP", "PATH"])
def test_a_converter_that_is_named_from_here_is_found_from_everywhere(named, tmp_path, monkeypatch):
    place = tmp_path / "llama.cpp"
    place.mkdir()
    script = place / "convert_hf_to_gguf.py"
    script.write_text("")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv(named, "llama.cpp")
    assert gguf.converter()[-1] == str(script)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LLAMA_CPP", "~/llama.cpp")
    assert gguf.converter()[-1] == str(script)


def _fake(folder, name, body):
    """A folder with a command of this name, and those of the system."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!/bin/sh\n{body}\n")
    (place / name).chmod(0o755)
    return f"{place}:/usr/bin:/bin"


def test_export_json_is_plain(for_ollama):
    assert json.loads((for_ollama.folder / "export.json").read_text())["to"] == "ollama"
