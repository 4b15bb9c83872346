"""What is read of an embedding model's folder, and which folders are refused."""

from __future__ import annotations

import json

import pytest
from embedding_folder import save_embedding_model

from medadapt.core.errors import ModelError
from medadapt.core.recipe import Recipe
from medadapt.predictions.embedding_layout import check_embedding_model, embedding_hashes, read_layout

OLD_STYLE = {
    "word_embedding_dimension": 32,
    "pooling_mode_cls_token": False,
    "pooling_mode_mean_tokens": True,
    "pooling_mode_max_tokens": False,
    "include_prompt": True,
}


def recipe(folder, **evaluation) -> Recipe:
    return Recipe.model_validate(
        {
            "data": {"format": "question_answer", "source": "x.csv"},
            "model": {"base": "x"},
            "evaluation": {"embedding_model": folder and str(folder), **evaluation},
        }
    )


@pytest.mark.parametrize(
    ("pooling", "wanted"),
    [
        (None, "mean"),
        (OLD_STYLE, "mean"),
        ({**OLD_STYLE, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"embedding_dimension": 32, "pooling_mode": "cls", "include_prompt": True}, "cls"),
    ],
)
def test_pooling_is_what_the_model_was_made_with(tmp_path, pooling, wanted):
    assert read_layout(save_embedding_model(tmp_path, pooling=pooling)).pooling == wanted


@pytest.mark.parametrize(
    "pooling", [{}, {"pooling_mode": "lasttoken"}, {**OLD_STYLE, "pooling_mode_max_tokens": True}]
)
def test_another_pooling_is_refused(tmp_path, pooling):
    with pytest.raises(ModelError, match="pooling"):
        read_layout(save_embedding_model(tmp_path, pooling=pooling))


def test_modules_that_are_not_computed_here_are_refused(tmp_path):
    folder = save_embedding_model(tmp_path, pooling=OLD_STYLE)
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"type": "sentence_transformers.models.Dense", "path": "2_Dense"})
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="Dense"):
        read_layout(folder)


def test_modules_outside_of_the_folder_are_refused(tmp_path):
    folder = save_embedding_model(tmp_path, pooling=OLD_STYLE)
    (folder / "modules.json").write_text(json.dumps([{"type": "a.Transformer", "path": "../other"}]))
    with pytest.raises(ModelError, match="outside"):
        read_layout(folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("config.json", "config.json"),
        ("model.safetensors", "safetensors"),
        ("1_Pooling/config.json", "1_Pooling"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused_by_its_name(tmp_path, name, said):
    folder = save_embedding_model(tmp_path, pooling=OLD_STYLE)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=said):
        read_layout(folder)


@pytest.mark.parametrize("text", ["", "[", "3", '{"a": 1}', '[{"path": ""}]'])
def test_a_damaged_list_of_modules_is_a_clear_error(tmp_path, text):
    folder = save_embedding_model(tmp_path)
    (folder / "modules.json").write_text(text)
    with pytest.raises(ModelError, match=r"modules\.json"):
        read_layout(folder)


def test_a_name_that_is_no_folder_is_refused_before_any_work(tmp_path):
    with pytest.raises(ModelError, match="no folder") as caught:
        check_embedding_model(recipe(tmp_path / "none"))
    assert "download" in caught.value.remedy.lower()


def test_a_recipe_without_embedding_model_has_nothing_to_check():
    check_embedding_model(recipe(None))
    assert embedding_hashes(recipe(None)) == {}


def test_the_hash_changes_with_the_pooling(tmp_path):
    plain = save_embedding_model(tmp_path / "a")
    other = save_embedding_model(tmp_path / "b", pooling={"pooling_mode": "cls"})
    same = save_embedding_model(tmp_path / "c")
    first, second, third = (embedding_hashes(recipe(folder))["embedding"] for folder in (plain, other, same))
    assert first == third != second
