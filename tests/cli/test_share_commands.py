import json
import shutil

import pytest
from typer.exceptions import TyperException

from medadapt.core.errors import MedAdaptError


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
    assert (found["sent"], found["private"]) == (False, True)


def test_push_refuses_a_name_without_a_user(finished, use):
    with pytest.raises(MedAdaptError, match="names no repository"):
        use("push", finished, "--to", "tiny", "--dry-run")
