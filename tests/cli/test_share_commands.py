import json
import shutil

import pytest
from typer.exceptions import TyperException

from medadapt.core.errors import MedAdaptError


def test_export_knows_merged_alone(finished, tmp_path, use):
    with pytest.raises(TyperException, match="gguf"):
        use("export", finished, "--to", "gguf", "-o", tmp_path / "x")
    code, out, _ = use("export", finished, "--to", "merged", "-o", tmp_path / "x", "--json")
    found = json.loads(out)
    assert code == found["exit_code"] == 0
    assert found["parity"]["agrees"] is True


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
