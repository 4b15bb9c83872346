import json
import re
import weakref
from types import SimpleNamespace

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from medadapt.core.errors import DiskError, RunFolderError
from medadapt.core.files import read_json, read_jsonl
from medadapt.core.progress import Silent
from medadapt.models.loading import load_base
from medadapt.models.lora import lora_layers, replace_layer
from medadapt.serving.command_targets import read_run
from medadapt.serving.export import merged
from medadapt.serving.export.merged import export_merged
from serving_runs import make_run, recorded, records_of


@pytest.fixture(scope="module")
def exported(diagnosis_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "model"
    return export_merged(read_run(str(diagnosis_run)), folder, device="cpu", progress=Silent())


def test_the_merged_model_alone_gives_what_peft_gives(exported, diagnosis_run, base_folder):
    alone = AutoModelForCausalLM.from_pretrained(exported.folder)
    base = AutoModelForCausalLM.from_pretrained(base_folder)
    tuned = PeftModel.from_pretrained(base, str(diagnosis_run / "3-adapter")).eval()
    tokens = torch.randint(2, 250, (2, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(alone(tokens).logits, tuned(tokens).logits, atol=1e-3, rtol=1e-3)
    assert {type(m).__name__ for m in alone.modules() if "Lora" in type(m).__name__} == set()


def test_parity_is_measured_and_written(exported, diagnosis_run):
    parity = exported.parity
    n = len(records_of(diagnosis_run))
    assert parity.agrees
    assert (parity.adapter.n, parity.adapter.same_choices) == (n, n)
    assert parity.adapter.largest_difference < 1e-4 < parity.effect.largest_difference
    assert parity.measured.largest_difference < 1e-4
    written = read_json(exported.folder / "parity.json")
    assert written["agrees"] is True
    assert written["adapter"]["largest_difference"] == parity.adapter.largest_difference
    assert not list(exported.folder.parent.glob(".*"))


def test_whoever_may_read_the_folder_may_read_the_weights(exported, diagnosis_run):
    modes = {
        path.stat().st_mode
        for folder in (exported.folder, diagnosis_run / "3-adapter")
        for path in folder.glob("*.safetensors")
    }
    assert modes == {(exported.folder / "parity.json").stat().st_mode}


def test_the_configuration_is_the_bases_own(exported, base_folder):
    ours, theirs = (read_json(folder / "config.json") for folder in (exported.folder, base_folder))
    assert {k: v for k, v in ours.items() if "dropout" in k} == {
        k: v for k, v in theirs.items() if "dropout" in k
    }
    assert ours["dtype"] == "float32"


def test_the_card_says_of_a_base_in_a_folder_that_it_is_one(exported, base_folder):
    card = (exported.folder / "README.md").read_text()
    assert f"merged into a local base model named {base_folder.name}." in card
    assert "base_model" not in card


def test_the_card_shows_how_to_use_it_and_its_code_runs(exported, diagnosis_run, capsys):
    card = (exported.folder / "README.md").read_text()
    assert "Given these symptoms: {question}" in card
    record = records_of(diagnosis_run)[0]
    assert record.question not in card
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    code = code.replace("path/to/this/folder", str(exported.folder))
    assert '"Given these symptoms: {question}\\n\\nThe disease is:"' in code
    code = code.replace("{question}", json.dumps(record.question)[1:-1])
    exec(code, {})
    # The recorded text may end within a character, which the card's longer one completes.
    kept = recorded(diagnosis_run, "tuned")[record.id]["text"].rstrip("\ufffd")
    assert kept
    assert capsys.readouterr().out.strip().startswith(kept)


def test_a_folder_in_use_is_left_alone(exported, run, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    for replace in (False, True):
        with pytest.raises(RunFolderError, match="no export"):
            export_merged(run, tmp_path, device="cpu", replace_folder=replace, progress=Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    with pytest.raises(RunFolderError, match="--replace"):
        export_merged(run, exported.folder, device="cpu", progress=Silent())


def test_an_earlier_export_is_replaced_on_request(run, tmp_path):
    folder = tmp_path / "out"
    export_merged(run, folder, device="cpu", progress=Silent())
    (folder / "old.txt").write_text("old")
    export_merged(run, folder, device="cpu", replace_folder=True, progress=Silent())
    assert not (folder / "old.txt").exists()
    assert (folder / "model.safetensors").is_file()


def test_memory_never_holds_the_model_twice(run, tmp_path, monkeypatch):
    seen = []

    def load(*words, **more):
        base = load_base(*words, **more)
        seen.append(weakref.ref(base.model))
        return base

    def load_again(*words, **more):
        seen.append(seen[0]())
        return loaded_again(*words, **more)

    loaded_again = AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(merged, "load_base", load)
    monkeypatch.setattr(merged, "AutoModelForCausalLM", SimpleNamespace(from_pretrained=load_again))
    export_merged(run, tmp_path / "out", device="cpu", progress=Silent())
    assert seen[1:] == [None]


def test_a_model_that_was_spread_over_devices_is_spread_again(run, tmp_path, monkeypatch):
    spread = {
        "model.embed_tokens": 0,
        "model.layers": 1,
        "model.norm": 1,
        "model.rotary_emb": 1,
        "lm_head": 1,
    }
    asked = []

    def load(*words, **more):
        base = load_base(*words, **more)
        base.model.hf_device_map = spread
        return base

    def load_again(folder, *, device_map, **more):
        asked.append(device_map)
        return loaded_again(folder, **more)

    loaded_again = AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(merged, "load_base", load)
    monkeypatch.setattr(merged, "AutoModelForCausalLM", SimpleNamespace(from_pretrained=load_again))
    assert export_merged(run, tmp_path / "out", device="cpu", progress=Silent()).parity.agrees
    assert asked == [spread]


def test_large_models_are_cut_into_several_files(run, tmp_path, monkeypatch):
    monkeypatch.setattr(merged, "SHARD", "40KB")
    export_merged(run, tmp_path / "out", device="cpu", progress=Silent())
    assert len(list((tmp_path / "out").glob("model-*-of-*.safetensors"))) > 1
    assert AutoTokenizer.from_pretrained(tmp_path / "out").eos_token == "</s>"


def test_a_model_that_does_not_agree_is_told(run, tmp_path, monkeypatch):
    """The merge forgets the adapter."""

    def forget(base):
        for place, layer in list(lora_layers(base.model)):
            replace_layer(base.model, place, layer.base)

    monkeypatch.setattr(merged, "merge_adapter", forget)
    done = export_merged(run, tmp_path / "out", device="cpu", progress=Silent())
    assert not done.parity.agrees
    assert "not base + adapter" in done.parity.notes[0]
    assert read_json(tmp_path / "out" / "parity.json")["agrees"] is False


def test_a_failure_on_the_way_leaves_nothing(run, tmp_path, monkeypatch):
    monkeypatch.setattr(merged, "merge_adapter", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_merged(run, tmp_path / "out", device="cpu", progress=Silent())
    assert not any(tmp_path.iterdir())


def test_too_little_room_is_told_before_writing(run, tmp_path, monkeypatch):
    monkeypatch.setattr(merged.shutil, "disk_usage", lambda _: type("", (), {"free": 1000}))
    with pytest.raises(DiskError, match="needs"):
        export_merged(run, tmp_path / "out", device="cpu", progress=Silent())
    assert not any(tmp_path.iterdir())


def test_a_run_on_a_quantised_base_is_told_to_be_another_model(base_folder, tmp_path):
    model = {"base": str(base_folder), "precision": "fp32", "quantization": "nf4"}
    folder = make_run(tmp_path / "nf4", base_folder, until="predict", model=model)
    done = export_merged(read_run(str(folder)), tmp_path / "out", device="cpu", progress=Silent())
    assert done.parity.agrees
    assert done.parity.measured.largest_difference > done.parity.adapter.largest_difference
    assert any("nf4" in note and "differ from the measured ones" in note for note in done.parity.notes)
    kept = {row["id"]: row for row in read_jsonl(folder / "4-predictions" / "tuned.jsonl")}
    assert done.parity.measured.n == len(kept)
    assert json.loads((tmp_path / "out" / "parity.json").read_text())["quantization"] == "nf4"


def test_half_precision_is_within_its_rounding(run, tmp_path):
    done = export_merged(run, tmp_path / "out", precision="bf16", device="cpu", progress=Silent())
    assert done.parity.agrees, done.parity
    assert done.parity.precision == "bf16"
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto").dtype == torch.bfloat16
