"""A run over a base of the hub keeps to the revision that its recipe names."""

from __future__ import annotations

from huggingface_hub import constants

from hub_stand_in import Repository, hub
from medadapt.core.files import read_json
from serving_runs import make_base, make_run


def test_every_stage_takes_the_revision_of_the_recipe(tmp_path, monkeypatch):
    files = {path.name: path.read_bytes() for path in make_base(tmp_path / "base").iterdir()}
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with hub(tmp_path / "cache", monkeypatch) as running:
        # A repository whose main branch is not there at all.
        running.repositories["models/jane/tiny"] = Repository(files=files, revisions=("v1",))
        model = {"base": "jane/tiny", "revision": "v1", "precision": "fp32"}
        made = make_run(tmp_path / "run", tmp_path / "base", until="predict", model=model)
    assert read_json(made / "run.json")["stages"]["predict"]["status"] == "done"
    config = read_json(made / "3-adapter" / "adapter_config.json")
    assert (config["base_model_name_or_path"], config["revision"]) == ("jane/tiny", "v1")
