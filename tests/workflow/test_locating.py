from __future__ import annotations

from pathlib import Path

import pytest

from medadapt.core.errors import MedAdaptError, RecipeError, RunFolderError
from medadapt.core.run_folder import RunFolder
from medadapt.samples import recipe_names
from medadapt.serving.command_targets import read_run
from medadapt.workflow.locating import locate, locate_run
from medadapt.workflow.request import RunRequest, check_device
from medadapt.workflow.smoke import smoke_recipe
from medadapt.workflow.state import RunState, write_state

TEXT = "name: mine\ndata: {format: symptom_table, source: %s}\nmodel: {base: some/base}\n"


@pytest.fixture
def recipe_path(tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("Disease,Symptom_1\nflu,fever\n")
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT % rows)
    return path


def test_recipe_file_gets_the_default_folder(recipe_path):
    found = locate(str(recipe_path), output=None)
    assert found.folder == Path("runs/mine")
    assert found.recipe.model.base == "some/base"


def test_smoke_run_has_a_folder_of_its_own(recipe_path):
    assert locate(str(recipe_path), output=None, smoke=True).folder == Path("runs/mine-smoke")


def test_bundled_name_is_found(tmp_path):
    name = recipe_names()[0]
    assert locate(name, output=tmp_path).folder == tmp_path


@pytest.mark.parametrize("target", ["no/such.yaml", "nothing.yml", "folder/name"])
def test_missing_recipe_file_is_named(target):
    with pytest.raises(RecipeError, match=f"no recipe file {target}"):
        locate(target, output=None)


def test_misspelt_bundled_name_gets_the_nearest():
    with pytest.raises(RecipeError, match=r"did you mean 'symptom-diagnosis-opt-1\.3b'"):
        locate("symptom-diagnosis-opt", output=None)


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="without a run"):
        locate(str(tmp_path), output=None)


@pytest.mark.parametrize("look_up", [locate_run, read_run], ids=["benchmark", "export"])
def test_an_adapter_alone_is_told_how_it_becomes_a_run(look_up, tmp_path):
    adapter = tmp_path / "theirs"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    for target in ("hub:clinic/adapter", str(adapter)):
        with pytest.raises(RunFolderError, match="is no run folder") as refusal:
            look_up(target)
        assert f"model.adapter: {target} and training.epochs: 0" in refusal.value.remedy

    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunFolderError) as refusal:
        look_up(str(adapter))
    assert refusal.value.remedy == f"Name the run that the adapter belongs to: {tmp_path}."


def test_a_path_in_the_home_of_nobody_is_no_run_folder():
    with pytest.raises(RunFolderError, match="is no run folder"):
        locate_run("~nobody-of-this-name/mine")


def test_run_folder_alone_brings_its_recipe_and_stays_a_smoke_run(tmp_path, recipe_path):
    run = RunFolder(tmp_path / "run")
    write_state(run, RunState(name="mine", status="partial", smoke=True, started="2024-01-01T00:00:00Z"))
    run.recipe.write_text(recipe_path.read_text())
    found = locate(str(run.path), output=None, overrides=["evaluation.alpha=0.01"])
    assert (found.folder, found.smoke, found.recipe.evaluation.alpha) == (run.path, True, 0.01)


def test_smoke_recipe_keeps_a_readable_source(recipe_path):
    recipe = locate(str(recipe_path), output=None).recipe
    assert smoke_recipe(recipe) == recipe


def test_smoke_recipe_takes_bundled_rows_where_the_source_is_missing(recipe_path):
    recipe = locate(str(recipe_path), output=None, overrides=["data.source=gone.csv", "lora.rank=3"]).recipe
    smoke = smoke_recipe(recipe)
    assert smoke.data.source == "sample:rows/symptoms"
    assert smoke.lora == recipe.lora
    assert smoke_recipe(smoke) == smoke


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps"])
def test_known_devices_pass(device):
    assert check_device(device) == device


@pytest.mark.parametrize("device", ["gpu", "cuda:", "CPU", "cuda:1; rm"])
def test_unknown_device_is_refused(device):
    with pytest.raises(MedAdaptError, match="--device"):
        check_device(device)


def test_resume_command_is_quoted_for_the_shell(recipe_path):
    recipe = locate(str(recipe_path), output=None).recipe
    request = RunRequest(recipe=recipe, folder=Path("my runs/a"), device="cpu")
    assert request.resume_command == "medadapt run 'my runs/a' --device cpu"


def test_the_command_that_goes_on_asks_for_the_gate_again(recipe_path):
    request = RunRequest(recipe=locate(str(recipe_path), output=None).recipe, folder=Path("a"), gate=True)
    assert request.resume_command == "medadapt run a --gate"
