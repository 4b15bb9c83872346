import dataclasses
import json
import os
import shutil
import signal

import pytest
from typer.exceptions import TyperException

from medadapt.core.errors import DiskError, MedAdaptError, RunFolderError, StoppedError
from medadapt.serving import command_targets, hub
from medadapt.serving.export import merged, ollama
from small_disk import files_up_to


def test_export_writes_a_merged_model_and_knows_no_other_words(finished, tmp_path, use):
    with pytest.raises(TyperException, match="onnx"):
        use("export", finished, "--to", "onnx", "-o", tmp_path / "x")
    code, out, _ = use("export", finished, "--to", "merged", "-o", tmp_path / "x", "--json")
    found = json.loads(out)
    assert code == found["exit_code"] == 0
    assert found["parity"]["agrees"] is True


def test_export_for_vllm_needs_no_base(finished, tmp_path, use):
    code, out, _ = use("export", finished, "--to", "vllm", "-o", tmp_path / "x", "--json")
    assert (code, json.loads(out)["exit_code"]) == (0, 0)
    assert (tmp_path / "x" / "serve.sh").is_file()


def test_export_for_llama_cpp_says_how_to_make_the_file_where_its_converter_is_missing(
    finished, tmp_path, use, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    code, out, err = use("export", finished, "--to", "gguf", "-o", tmp_path / "x")
    assert code == 0
    assert "converter was not found" in err
    assert "convert_hf_to_gguf.py model" in out


CONVERTER = """
import sys
from gguf import GGUFWriter
writer = GGUFWriter(sys.argv[sys.argv.index("--outfile") + 1], "llama")
writer.add_eos_token_id(77)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
"""


@pytest.mark.parametrize("as_json", [False, True])
def test_what_a_file_for_llama_cpp_has_otherwise_is_told(as_json, finished, tmp_path, use, monkeypatch):
    (tmp_path / "convert_hf_to_gguf.py").write_text(CONVERTER)
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    words = ["--json"] if as_json else []
    code, out, err = use("export", finished, "--to", "gguf", "-o", tmp_path / "x", *words)
    assert code == 3
    kept = json.loads((tmp_path / "x" / "export.json").read_text())
    assert kept["verified"] is False
    assert any("eos_token_id: 77" in difference for difference in kept["differences"])
    shown = json.loads(out)["gguf"]["differences"] if as_json else err
    assert all(difference in shown for difference in kept["differences"])


def test_a_model_that_ollama_does_not_import_is_told_on_the_screen(finished, tmp_path, use, monkeypatch):
    monkeypatch.setattr(ollama, "IMPORTED", ("MistralForCausalLM",))
    code, _, err = use("export", finished, "--to", "ollama", "-o", tmp_path / "x")
    assert code == 0
    assert "do not list LlamaForCausalLM" in err


@pytest.mark.parametrize("form", ["vllm", "ollama-adapter"])
@pytest.mark.parametrize("option", [("--precision", "fp32"), ("--device", "cpu")])
def test_an_option_that_a_form_has_no_use_for_is_refused(form, option, finished, tmp_path, use):
    with pytest.raises(MedAdaptError, match=f"{option[0]} does nothing") as told:
        use("export", finished, "--to", form, "-o", tmp_path / "x", *option)
    assert told.value.exit_code == 2
    assert not (tmp_path / "x").exists()


def test_export_never_replaces_a_part_of_its_run(finished, use):
    place = finished / "5-metrics"
    before = sorted(path.name for path in place.iterdir())
    with pytest.raises(RunFolderError, match="the run") as told:
        use("export", finished, "--to", "vllm", "-o", place, "--replace")
    assert told.value.exit_code == 2
    assert sorted(path.name for path in place.iterdir()) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_export_that_is_stopped_leaves_nothing(number, finished, tmp_path, use, monkeypatch):
    def stopped(_):
        assert any(tmp_path.iterdir())
        os.kill(os.getpid(), number)

    monkeypatch.setattr(merged, "merge_adapter", stopped)
    with pytest.raises(StoppedError) as told:
        use("export", finished, "--to", "merged", "-o", tmp_path / "x", "--device", "cpu")
    assert told.value.signal_exit_code == 128 + number
    assert not any(tmp_path.iterdir())


def test_an_export_that_fills_the_disk_is_told_as_such_and_leaves_nothing(finished, tmp_path, use):
    """The weights are written by a library whose error is none of the system's."""
    with files_up_to(20_000), pytest.raises(DiskError, match=r"os error") as refused:
        use("export", finished, "--to", "merged", "-o", tmp_path / "x", "--device", "cpu")
    assert "leaves nothing" in refused.value.remedy
    assert "continues" not in refused.value.remedy
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("inside", [False, True])
def test_an_export_without_a_folder_lies_beside_its_run(inside, finished, tmp_path, use, monkeypatch):
    run = shutil.copytree(finished, tmp_path / "mine", ignore=shutil.ignore_patterns("checkpoints"))
    monkeypatch.chdir(run if inside else tmp_path)
    code, _, _ = use("export", "." if inside else "mine", "--to", "merged", "--device", "cpu")
    assert code == 0
    assert (tmp_path / "mine-merged" / "parity.json").is_file()


def test_a_dry_run_lists_files_and_sizes_without_a_network(finished, use, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    _, out, _ = use("push", finished, "--to", "jane/tiny", "--dry-run", "--json")
    found = json.loads(out)
    weights = (finished / "3-adapter" / "adapter_model.safetensors").stat().st_size
    assert found["files"]["adapter_model.safetensors"] == weights
    assert {"adapter_config.json", "base.json", "medadapt.json", "README.md", "tokenizer.json"} <= set(
        found["files"]
    )
    assert (found["sent"], found["private"], found["exit_code"]) == (False, True, 0)


def test_push_refuses_a_name_without_a_user(finished, use):
    with pytest.raises(MedAdaptError, match="names no repository"):
        use("push", finished, "--to", "tiny", "--dry-run")


@pytest.mark.parametrize(("data_format", "options"), [("symptom_table", ""), ("multiple_choice", "options")])
def test_push_ends_with_a_command_that_asks_what_was_pushed(data_format, options, finished, use, monkeypatch):
    run = command_targets.read_run(str(finished))
    recipe = run.recipe.model_copy(
        update={"data": run.recipe.data.model_copy(update={"format": data_format})}
    )
    monkeypatch.setattr(command_targets, "read_run", lambda _: dataclasses.replace(run, recipe=recipe))
    done = hub.Pushed(url="u", commit="c", created=True, private=True)
    monkeypatch.setattr(hub, "push", lambda *_, **__: done)
    _, out, _ = use("push", finished, "--to", "jane/tiny", "--revision", "trial")
    words = ['medadapt ask hub:jane/tiny@trial "your question"']
    words += ['--options "first;second;third"'] if options else []
    assert out.splitlines()[-1] == " ".join([*words, "--base path/to/the/base"])


@pytest.mark.parametrize(("words", "public"), [([], False), (["--public"], True)])
def test_an_adapter_is_sent_where_and_as_private_as_was_asked(words, public, finished, use, monkeypatch):
    asked = {}

    def sent(files, repository, **how):
        asked.update(how, repository=repository, names={file.name for file in files})
        return hub.Pushed(url="u", commit="c", created=True, private=not how["public"])

    monkeypatch.setattr(hub, "push", sent)
    use("push", finished, "--to", "jane/tiny", "--revision", "trial", *words)
    assert (asked["repository"], asked["revision"], asked["public"]) == ("jane/tiny", "trial", public)
    assert {"adapter_model.safetensors", "README.md"} <= asked["names"]


def test_push_names_no_command_for_a_base_whose_own_code_only_a_recipe_allows(finished, use, monkeypatch):
    run = command_targets.read_run(str(finished))
    model = run.recipe.model.model_copy(update={"trust_remote_code": True, "revision": "read"})
    recipe = run.recipe.model_copy(update={"model": model})
    monkeypatch.setattr(command_targets, "read_run", lambda _: dataclasses.replace(run, recipe=recipe))
    done = hub.Pushed(url="u", commit="c", created=True, private=True)
    monkeypatch.setattr(hub, "push", lambda *_, **__: done)
    _, out, err = use("push", finished, "--to", "jane/tiny")
    assert "medadapt ask" not in out
    assert "runs only where a recipe allows it" in " ".join(err.split())
