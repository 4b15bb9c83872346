"""What the name of a base means, and what is said of the bundled one wherever an adapter goes."""

from __future__ import annotations

import pytest
import torch

from medadapt.core.errors import RecipeError
from medadapt.core.recipe import ModelSection
from medadapt.models.base_files import check_weights, find_files
from medadapt.models.loading import check_base, load_base
from medadapt.models.local_base import local_folder


def test_sample_base_is_the_bundled_folder_and_a_hub_id_is_none(sample_base, tmp_path):
    assert local_folder("sample:base") == sample_base
    assert local_folder(str(tmp_path)) == tmp_path
    assert local_folder("facebook/opt-1.3b") is None


def test_unknown_bundled_base_is_refused_with_the_one_there_is():
    with pytest.raises(RecipeError) as refusal:
        find_files("sample:bse")
    assert "'sample:bse'" in refusal.value.problem
    assert "sample:base" in refusal.value.problem + refusal.value.expected


def test_sample_base_loads_under_its_name_with_the_fingerprint_of_its_folder(sample_base):
    check_base(ModelSection(base="sample:base"), "all-linear")
    assert check_weights("sample:base") == [sample_base / "model.safetensors"]

    named = load_base(ModelSection(base="sample:base", precision="fp32"), device="cpu")
    placed = load_base(ModelSection(base=str(sample_base), precision="fp32"), device="cpu")

    assert named.name == "sample:base"
    assert named.sha256 == placed.sha256
    for one, other in zip(named.model.parameters(), placed.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_revision_of_the_bundled_base_is_refused():
    with pytest.raises(ValueError, match="remove revision"):
        ModelSection(base="sample:base", revision="main")
