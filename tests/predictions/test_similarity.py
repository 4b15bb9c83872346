"""Cosines of a sentence-embedding model against transformers used directly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from embedding_folder import save_embedding_model
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer

from medadapt.core.errors import ModelError
from medadapt.core.progress import Silent
from medadapt.core.results import Prediction
from medadapt.predictions.batching import TokenBudget
from medadapt.predictions.similarity import add_similarities, embed, load_embedding_model

CPU = torch.device("cpu")
TEXTS = [
    "drink much water",
    "rest",
    "call a doctor at once, and rest until then!",
    "5 mg",
    "drink more water",
]


@pytest.fixture(scope="module", params=["mean", "cls"])
def folder(request, tmp_path_factory) -> Path:
    return save_embedding_model(tmp_path_factory.mktemp("e"), pooling={"pooling_mode": request.param})


def vectors(model, texts, tokens=10_000):
    return embed(model, texts, budget=TokenBudget(tokens), advance=lambda _: None)


def predictions(*texts: str | None) -> list[Prediction]:
    return [
        Prediction(id=str(k), model="tuned", prompt_sha256="p", text=text) for k, text in enumerate(texts)
    ]


def test_vectors_equal_those_of_transformers_one_text_at_a_time(folder):
    model = load_embedding_model(folder, device=CPU)
    plain, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for text, found_H in zip(TEXTS, vectors(model, TEXTS), strict=True):
        with torch.no_grad():
            states_TH = plain(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        wanted_H = states_TH.mean(0) if model.layout.pooling == "mean" else states_TH[0]
        torch.testing.assert_close(found_H, wanted_H / wanted_H.norm())


@settings(max_examples=15, deadline=None)
@given(texts=st.lists(st.text("abc ?", max_size=40), min_size=1, max_size=8), tokens=st.integers(1, 300))
def test_batches_do_not_change_the_vectors(folder, texts, tokens):
    model = load_embedding_model(folder, device=CPU)
    torch.testing.assert_close(vectors(model, texts, tokens), vectors(model, texts), atol=1e-6, rtol=0)


def test_answers_are_compared_with_their_own_reference(folder):
    model = load_embedding_model(folder, device=CPU)
    answers = [TEXTS[0], TEXTS[1], "", None, TEXTS[4]]
    (found, again) = add_similarities(
        model, TEXTS, predictions(*answers), predictions(*TEXTS[::-1]), batch_tokens=50, progress=Silent()
    )
    assert [row.similarity for row in found[:4]] == pytest.approx([1, 1, 0, 0], abs=1e-6)
    each = vectors(model, [TEXTS[4], TEXTS[0]])
    assert again[0].similarity == pytest.approx(float(each[0] @ each[1]), abs=1e-6)
    assert all(-1 <= row.similarity <= 1 for row in [*found, *again])
    assert [row.text for row in again] == TEXTS[::-1]


def test_long_texts_are_cut_to_what_the_model_reads(folder):
    model = load_embedding_model(folder, device=CPU)
    assert model.max_tokens == 64
    long = "water " * 100
    torch.testing.assert_close(vectors(model, [long]), vectors(model, [long + "and rest"]))


def test_the_description_tells_what_the_figures_depend_on(folder):
    model = load_embedding_model(folder, device=CPU)
    assert model.description.startswith(f"cosine|model:{folder.name}|sha256:")
    assert model.description.endswith(f"|pooling:{model.layout.pooling}|max_tokens:64")


def test_a_model_that_lacks_weights_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = save_embedding_model(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("encoder.layer.1.output.dense.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"encoder\.layer\.1\.output\.dense\.weight"):
        load_embedding_model(folder, device=CPU)
