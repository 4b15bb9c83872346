import json
import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from medadapt.core.errors import DataError, MedAdaptError, ModelError, RunFolderError
from medadapt.core.files import read_json, write_json
from medadapt.core.recipe import ModelSection
from medadapt.models import loading
from medadapt.serving.answering import reply
from medadapt.serving.asking import asking_values, read_asking
from medadapt.serving.assistants import load
from medadapt.serving.command_targets import NO_PLAN, find_target
from serving_runs import make_base, recorded, records_of
from tiny import save_base


def said(assistant, record, **options):
    given = reply(assistant, record, **options)
    list(given.pieces)
    return given.text


def test_an_adapter_folder_alone_is_asked_as_in_its_run(diagnosis_run, tmp_path):
    folder = shutil.copytree(diagnosis_run / "3-adapter", tmp_path / "adapter")
    assistant = load(find_target(str(folder)), device="cpu")
    kept = recorded(diagnosis_run, "tuned")
    for record in records_of(diagnosis_run)[:2]:
        assert said(assistant, record) == kept[record.id]["text"]


def of_other_software(base, folder):
    model = AutoModelForCausalLM.from_pretrained(base)
    get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=2)).save_pretrained(folder)
    return folder


def test_an_adapter_of_other_software_is_asked_in_a_general_way_and_that_is_said(base_folder, tmp_path):
    target = find_target(str(of_other_software(base_folder, tmp_path)), base=str(base_folder))
    assert target.notes == (NO_PLAN,)
    assistant = load(target, device="cpu")
    assert assistant.asking.data_format == "unknown"
    assert "### Question:" in assistant.encoder.prompt_text(records_of_one("Why?"))


@pytest.mark.parametrize(("given", "revision"), [(None, "v1"), ("other/base", None)])
def test_an_adapter_of_other_software_is_asked_over_the_revision_that_it_names(given, revision, tmp_path):
    LoraConfig(task_type="CAUSAL_LM", base_model_name_or_path="some/base", revision="v1").save_pretrained(
        tmp_path
    )
    (tmp_path / "adapter_model.safetensors").touch()
    assert find_target(str(tmp_path), base=given).model.revision == revision


@pytest.mark.parametrize("packing", ["nf4", "int8"])
def test_the_base_of_an_adapter_of_other_software_is_packed_as_asked_or_as_it_was_published(
    packing, base_folder, tmp_path
):
    adapter = of_other_software(base_folder, tmp_path / "adapter")
    packed = loading.load_base(ModelSection(base=str(base_folder), quantization=packing), device="cpu")
    published = save_base(tmp_path / "published", packed.model)
    as_published = load(find_target(str(adapter), base=str(published)), device="cpu")
    as_asked = load(find_target(str(adapter), base=str(base_folder), quantization=packing), device="cpu")
    for assistant in (as_published, as_asked):
        assert assistant.base.facts["quantization"]["got"] == packing
    answers = [said(one, records_of_one("Why?"), max_new_tokens=8) for one in (as_published, as_asked)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("part", ["", "3-adapter"])
def test_a_base_of_which_is_known_how_it_is_packed_is_packed_no_other_way(part, diagnosis_run):
    with pytest.raises(DataError, match=r"says itself .* \(model\.quantization: none\)") as told:
        find_target(str(diagnosis_run / part), quantization="nf4")
    assert told.value.remedy == "Leave out --quantization."


@pytest.fixture
def full_memory(monkeypatch):
    """Called, no weights can be loaded any more."""

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 14.00 GiB.")

    return lambda: monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", full)


@pytest.mark.parametrize(("quantization", "helps"), [(None, True), ("nf4", False)])
def test_where_memory_runs_out_the_remedy_is_an_option_that_is_there(
    quantization, helps, full_memory, base_folder, tmp_path
):
    adapter = of_other_software(base_folder, tmp_path)
    target = find_target(str(adapter), base=str(base_folder), quantization=quantization)
    full_memory()
    with pytest.raises(ModelError, match="Memory ran out") as told:
        load(target, device="cpu")
    assert ("--quantization nf4" in told.value.remedy) is helps
    assert "model." not in told.value.remedy


def test_where_memory_runs_out_a_run_is_not_packed_otherwise(full_memory, diagnosis_run):
    full_memory()
    with pytest.raises(ModelError, match="Memory ran out") as told:
        load(find_target(str(diagnosis_run)), device="cpu")
    assert told.value.remedy.startswith("Use a machine with more memory.")


def records_of_one(question):
    from medadapt.core.records import Record

    return Record(id="1", source_row=1, group="1", question=question, answer="")


def test_an_adapter_of_another_base_is_refused(diagnosis_run, tmp_path):
    other = make_base(tmp_path / "other", seed=1)
    target = find_target(str(diagnosis_run / "3-adapter"), base=str(other))
    with pytest.raises(ModelError, match="another base"):
        load(target, device="cpu")


def test_a_base_that_is_not_found_names_the_option(diagnosis_run, tmp_path):
    folder = shutil.copytree(diagnosis_run / "3-adapter", tmp_path / "adapter")
    stored = read_json(folder / "medadapt.json")
    write_json(folder / "medadapt.json", stored | {"model": stored["model"] | {"base": "./gone"}})
    with pytest.raises(ModelError) as told:
        load(find_target(str(folder)), device="cpu")
    assert "--base" in told.value.remedy


def test_a_missing_device_is_not_mended_by_another_base(diagnosis_run):
    with pytest.raises(ModelError, match="cuda:99") as told:
        load(find_target(str(diagnosis_run / "3-adapter")), device="cuda:99")
    assert "--base" not in told.value.remedy


def test_a_run_without_an_adapter_says_what_to_do(diagnosis_run, tmp_path):
    run = shutil.copytree(diagnosis_run, tmp_path / "run")
    shutil.rmtree(run / "3-adapter")
    with pytest.raises(RunFolderError, match="no adapter yet"):
        find_target(str(run))


def test_the_folder_of_a_search_names_its_winner(diagnosis_run, tmp_path):
    run = shutil.copytree(diagnosis_run, tmp_path / "run")
    shutil.rmtree(run / "3-adapter")
    winner = shutil.copytree(diagnosis_run, run / "search" / "winner")

    with pytest.raises(RunFolderError, match="no adapter yet") as told:
        find_target(str(run))

    assert str(winner) in told.value.remedy


def test_a_folder_that_is_neither_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="neither a run nor an adapter"):
        find_target(str(tmp_path))


def test_settings_of_a_stranger_never_allow_foreign_code(diagnosis_run, tmp_path):
    folder = shutil.copytree(diagnosis_run / "3-adapter", tmp_path / "adapter")
    stored = read_json(folder / "medadapt.json")
    stored["model"] |= {"trust_remote_code": True, "revision": "main"}
    write_json(folder / "medadapt.json", stored)
    assert find_target(str(folder)).model.trust_remote_code is False


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2}, {"task": "surgery"}, {"format": "pdf"}, {"plan": {}}, {"plan": None}, {"model": {}},
        {"model": "x"}, {"model": {"base": "x", "colour": 1}}, {"max_new_tokens": "many"}, {"max_new_tokens": 0},
    ],
)  # fmt: skip
def test_damaged_settings_are_refused_with_their_file(change, diagnosis_run, tmp_path):
    stored = read_json(diagnosis_run / "3-adapter" / "medadapt.json")
    (tmp_path / "medadapt.json").write_text(json.dumps(stored | change))
    with pytest.raises(MedAdaptError, match=r"medadapt\.json"):
        read_asking(tmp_path)


def test_settings_that_are_no_object_are_refused(tmp_path):
    (tmp_path / "medadapt.json").write_text("[]")
    with pytest.raises(DataError):
        read_asking(tmp_path)


def test_the_settings_beside_an_adapter_hold_no_text_of_the_data(typed_run):
    text = (typed_run / "3-adapter" / "medadapt.json").read_text()
    for record in records_of(typed_run):
        assert record.question not in text
        assert record.answer not in text


def test_the_settings_beside_an_adapter_hold_nothing_of_the_evaluation(typed_run):
    """Evaluation may change without a new training; the length goes with a run and a shared adapter."""
    assert read_json(typed_run / "3-adapter" / "medadapt.json")["max_new_tokens"] is None
    asking = find_target(str(typed_run)).asking
    assert asking.max_new_tokens == asking_values(asking)["max_new_tokens"] == 24
