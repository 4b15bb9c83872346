"""Starting from an existing adapter: taken over exactly, or refused with what does not fit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from peft import LoHaConfig, LoraConfig, PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from medadapt.core.errors import ModelError
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.models.adapter import load_adapter, start_adapter
from medadapt.models.adapter_files import adapter_hashes, find_adapter, read_adapter_config, same_base_name
from medadapt.models.loading import LoadedBase, load_base
from medadapt.models.lora import adapter_tensors
from random_models import logits, saved_adapter, write_random_base

LORA = LoraSection(rank=4, alpha=8, targets=("q_proj", "v_proj"))


@pytest.fixture(scope="module")
def llama(tmp_path_factory) -> Path:
    return write_random_base(tmp_path_factory.mktemp("llama"), "llama")


@pytest.fixture(scope="module")
def ours(llama, tmp_path_factory) -> Path:
    """An adapter that was trained and saved here."""
    return saved_adapter(loaded(llama), LORA, tmp_path_factory.mktemp("ours"))


@pytest.fixture
def theirs(llama, tmp_path):
    """Writes an adapter with plain PEFT: it has no base.json."""

    def write(config=None, **values) -> Path:
        plain = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
        model = get_peft_model(
            AutoModelForCausalLM.from_pretrained(llama), config or LoraConfig(**plain | values)
        )
        torch.manual_seed(3)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=0.05)
        model.save_pretrained(tmp_path / "theirs")
        return tmp_path / "theirs"

    return write


def loaded(folder: Path) -> LoadedBase:
    return load_base(ModelSection(base=str(folder), precision="fp32"), device="cpu")


def changed(folder: Path, **values) -> Path:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | values))
    return folder


def test_training_starts_from_the_adapters_own_weights(llama, ours):
    base = loaded(llama)
    layers = start_adapter(base, LORA, seed=5, adapter=str(ours))
    saved = load_file(ours / "adapter_model.safetensors")
    tensors = adapter_tensors(base.model)
    assert dict.fromkeys(saved, True) == {name: torch.equal(t, saved[name]) for name, t in tensors.items()}
    assert all(tensor.requires_grad for tensor in tensors.values())
    assert layers.peft_targets == ["q_proj", "v_proj"]


def test_dropout_is_the_recipes_since_it_belongs_to_training(llama, ours):
    base = loaded(llama)
    start_adapter(base, LORA.model_copy(update={"dropout": 0.4}), seed=0, adapter=str(ours))
    assert base.model.model.layers[0].self_attn.q_proj.dropout == 0.4


def test_without_an_adapter_a_fresh_one_is_made(llama):
    base = loaded(llama)
    before = logits(base.model)
    start_adapter(base, LORA, seed=0, adapter=None)
    torch.testing.assert_close(logits(base.model), before)


@pytest.mark.parametrize("use", ["train", "predict"])
@pytest.mark.parametrize(
    ("variant", "switch"), [("lora", {}), ("rslora", {"use_rslora": True}), ("dora", {"use_dora": True})]
)
def test_an_adapter_of_another_tool_gives_that_tools_logits(llama, theirs, variant, switch, use):
    folder = theirs(**switch)
    expected = AutoModelForCausalLM.from_pretrained(llama)
    expected.load_adapter(str(folder))
    base = loaded(llama)
    if use == "train":
        lora = LORA.model_copy(update={"variant": variant})
        start_adapter(base, lora, seed=0, adapter=str(folder))
    else:
        load_adapter(base, folder)
    torch.testing.assert_close(logits(base.model.eval()), logits(expected.eval()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rank": 8}, "lora.rank 8, the adapter has 4"),
        ({"alpha": 16}, "lora.alpha 16.0, the adapter has 8.0"),
        ({"variant": "dora"}, "lora.variant dora, the adapter has lora"),
        (
            {"targets": "attention"},
            r"lora.targets meaning 8 layers \(k_proj, o_proj, q_proj, v_proj\), the adapter has 4",
        ),
    ],
)
def test_what_the_recipe_asks_for_must_be_what_the_adapter_is(llama, ours, changes, said):
    with pytest.raises(ModelError, match=said):
        start_adapter(loaded(llama), LORA.model_copy(update=changes), seed=0, adapter=str(ours))


def test_all_differences_are_told_at_once(llama, ours):
    asked = LORA.model_copy(update={"rank": 8, "variant": "rslora"})
    with pytest.raises(ModelError, match=r"lora\.rank 8.*lora\.variant rslora"):
        start_adapter(loaded(llama), asked, seed=0, adapter=str(ours))


def take_up(base: LoadedBase, folder: Path) -> None:
    start_adapter(base, LORA, seed=0, adapter=str(folder))


@pytest.mark.parametrize("begin", [take_up, load_adapter])
def test_an_adapter_of_another_base_is_refused(llama, ours, begin, tmp_path):
    write_random_base(tmp_path, "llama")
    weights = load_file(tmp_path / "model.safetensors")
    next(iter(weights.values())).view(-1)[0] += 1
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    other = loaded(tmp_path)
    with pytest.raises(ModelError, match="belongs to another base"):
        begin(other, ours)


def test_where_the_base_only_moved_on_the_way_back_is_told(llama, ours):
    moved_on = dataclasses.replace(loaded(llama), sha256="0" * 64)
    with pytest.raises(ModelError, match="belongs to another base") as told:
        load_adapter(moved_on, ours)
    assert "--from train --replace" in told.value.remedy


def test_without_a_fingerprint_layers_that_are_not_there_tell_another_base(theirs, tmp_path):
    other = write_random_base(tmp_path / "gpt2", "gpt2")
    with pytest.raises(ModelError, match="another base"):
        load_adapter(loaded(other), theirs())


def test_without_a_fingerprint_other_shapes_tell_another_base(llama, theirs):
    folder = theirs()
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file({n: t[..., :-1].contiguous() for n, t in tensors.items()}, folder / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="does not fit this model"):
        load_adapter(loaded(llama), folder)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("meta-llama/Llama-3.2-1B", "unsloth/llama-3.2-1b-bnb-4bit", True),
        ("meta-llama/Llama-3.2-1B", "meta-llama/Llama-3.2-1B-Instruct", False),
        ("facebook/opt-1.3b", "./models/anything", True),
        ("facebook/opt-1.3b", "gpt2", True),
    ],
)
def test_only_two_hub_names_can_contradict_each_other(one, other, same):
    assert same_base_name(one, other) is same
    assert same_base_name(other, one) is same


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (PrefixTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM"), "PREFIX_TUNING"),
        (LoHaConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM"), "LOHA"),
    ],
)
def test_other_methods_of_peft_are_refused_by_name(theirs, config, named):
    with pytest.raises(ModelError, match=f"describes {named}"):
        read_adapter_config(theirs(config))


@pytest.mark.parametrize(
    "values",
    [
        {"modules_to_save": ["lm_head"]}, {"bias": "all"}, {"rank_pattern": {"q_proj": 2}},
        {"alpha_pattern": {"q_proj": 2}}, {"init_lora_weights": "pissa"}, {"lora_bias": True},
        {"trainable_token_indices": [3]}, {"use_qalora": True}, {"layer_replication": [[0, 2]]},
        {"a_key_of_a_later_version": 3}, {"use_dora": True, "use_rslora": True},
    ],
)  # fmt: skip
def test_settings_that_would_change_the_result_are_refused_by_name(theirs, values):
    with pytest.raises(ModelError, match=next(iter(values))):
        read_adapter_config(changed(theirs(), **values))


def test_settings_that_change_nothing_are_let_be(theirs):
    folder = changed(theirs(), init_lora_weights="gaussian", layers_to_transform=None, a_later_key=None)
    assert read_adapter_config(folder).rank == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"peft_type": "LORA"}', "r is None"),
        ("{}", "describes None"),
    ],
)
def test_a_damaged_configuration_is_named(theirs, content, said):
    folder = theirs()
    (folder / "adapter_config.json").write_text(content)
    with pytest.raises(ModelError, match=said):
        read_adapter_config(folder)


def test_weights_in_a_pickle_are_refused(theirs):
    folder = theirs()
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        read_adapter_config(folder)


def test_a_run_folder_is_answered_with_the_adapter_in_it(ours, tmp_path):
    (tmp_path / "3-adapter").symlink_to(ours)
    with pytest.raises(ModelError, match="holds no adapter") as caught:
        read_adapter_config(tmp_path)
    assert "3-adapter" in caught.value.remedy


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("owner/name", r"hub:owner/name"),
        ("./nowhere", "does not exist"),
        ("hub:some/where", "cannot be reached"),
    ],
)
def test_an_adapter_that_is_not_there_is_named(source, said):
    with pytest.raises(ModelError, match=said) as caught:
        find_adapter(source)
    assert "model.base" not in str(caught.value)


def test_the_hash_of_an_adapter_follows_its_weights(ours, theirs):
    assert adapter_hashes(str(ours)) != adapter_hashes(str(theirs()))
    assert adapter_hashes(None) == {}
