"""Our adapter_config.json against the one that the installed PEFT writes."""

from __future__ import annotations

import json

import pytest
from peft import LoraConfig

from medadapt.models.peft_config import DEFAULTS, lora_config_text


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("variant", ["lora", "rslora", "dora"])
def test_the_file_is_what_peft_writes(variant, transposed, tmp_path):
    targets = ["q_proj", "v_proj", "down_proj"]
    LoraConfig(
        task_type="CAUSAL_LM", r=4, lora_alpha=6.5, lora_dropout=0.05, target_modules=targets,
        use_rslora=variant == "rslora", use_dora=variant == "dora", fan_in_fan_out=transposed, bias="none",
        inference_mode=True, base_model_name_or_path="some/base",
    ).save_pretrained(tmp_path)  # fmt: skip
    theirs = json.loads((tmp_path / "adapter_config.json").read_text())
    theirs["target_modules"].sort()  # PEFT keeps them as a set, in no order
    ours = lora_config_text(
        rank=4,
        alpha=6.5,
        dropout=0.05,
        variant=variant,
        targets=targets,
        base="some/base",
        revision=None,
        transposed=transposed,
    )
    assert ours == json.dumps(theirs, indent=2, sort_keys=True)


def test_peft_reads_it_as_its_own(tmp_path):
    text = lora_config_text(
        rank=4,
        alpha=8,
        dropout=0.1,
        variant="lora",
        targets=["q_proj"],
        base="some/base",
        revision="v1",
        transposed=False,
    )
    (tmp_path / "adapter_config.json").write_text(text)
    read = LoraConfig.from_pretrained(tmp_path)
    assert (read.r, read.lora_alpha, read.lora_dropout, read.target_modules) == (4, 8, 0.1, {"q_proj"})
    assert (read.base_model_name_or_path, read.revision) == ("some/base", "v1")


@pytest.mark.parametrize(("alpha", "written"), [(32.0, "32"), (6.5, "6.5")])
def test_a_whole_alpha_is_written_without_a_point(alpha, written):
    text = lora_config_text(
        rank=4,
        alpha=alpha,
        dropout=0.1,
        variant="lora",
        targets=["q_proj"],
        base="some/base",
        revision=None,
        transposed=False,
    )
    assert f'"lora_alpha": {written},' in text


def test_the_defaults_are_those_of_the_installed_peft():
    assert {key: value for key, value in LoraConfig().to_dict().items() if key != "peft_version"} == DEFAULTS
