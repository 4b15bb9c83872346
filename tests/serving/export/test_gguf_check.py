"""A GGUF file is held against its model: every number, both ends of a text, the template and the splitting."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from safetensors.torch import save_file

from medadapt.serving.export import gguf_check
from medadapt.serving.export.gguf_check import check_gguf

TEMPLATE = "{{ messages[0]['content'] }}"
HEADS, WIDTH = 2, 8
NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "blk.0.attn_norm.weight": "model.layers.0.input_layernorm.weight",
    "blk.0.attn_q.weight": "model.layers.0.self_attn.q_proj.weight",
    "blk.0.attn_v.weight": "model.layers.0.self_attn.v_proj.weight",
}


def weights():
    torch.manual_seed(0)
    return {
        name: torch.randn(WIDTH) if "norm" in name else torch.randn(WIDTH, WIDTH) for name in NAMES.values()
    }


def turned(numbers):
    """Rows of a head in the order of llama.cpp's converter."""
    return numbers.reshape(HEADS, 2, WIDTH // HEADS // 2, WIDTH).swapaxes(1, 2).reshape(numbers.shape)


def as_written(**changes):
    """The tensors of a right file; `changes` by their name in GGUF, with `_` for a dot."""
    found = {theirs: weights()[ours].numpy() for theirs, ours in NAMES.items()}
    found["blk.0.attn_q.weight"] = turned(found["blk.0.attn_q.weight"])
    for name in found:
        if change := changes.get(name.replace(".", "_")):
            found[name] = change(found[name])
    return found


@pytest.fixture
def made(tmp_path):
    """A model in its folder, and a file as a converter would write it, or otherwise."""

    def make(
        *, config=(2, 1), ends=(2, 1), template=TEMPLATE, scores=(-1.0, -2.0), tensors=None,
        architecture="llama", dtype=torch.float32,
    ):  # fmt: skip
        model, file = tmp_path / "model", tmp_path / "model.gguf"
        model.mkdir()
        save_file(
            {name: numbers.to(dtype) for name, numbers in weights().items()}, model / "model.safetensors"
        )
        facts = {"eos_token_id": config[0], "bos_token_id": config[1], "num_hidden_layers": 1}
        (model / "config.json").write_text(json.dumps(facts))
        (model / "chat_template.jinja").write_text(TEMPLATE)
        writer = GGUFWriter(file, architecture)
        writer.add_eos_token_id(ends[0])
        writer.add_bos_token_id(ends[1])
        writer.add_tokenizer_model("llama")
        writer.add_token_scores(list(scores))
        if template is not None:
            writer.add_chat_template(template)
        for name, numbers in (as_written() if tensors is None else tensors).items():
            writer.add_tensor(name, np.ascontiguousarray(numbers))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return file, model

    return make


@pytest.mark.parametrize(
    "right",
    [
        {},
        {"config": ([7, 2, 9], 1)},
        {"tensors": {**as_written(), "rope_freqs.weight": np.ones(4, np.float32)}},
        {"dtype": torch.float16, "tensors": {k: v.astype(np.float16) for k, v in as_written().items()}},
        {
            "architecture": "gemma",
            "tensors": as_written(output_norm_weight=lambda x: x + 1, blk_0_attn_norm_weight=lambda x: x + 1),
        },
    ],
    ids=["plain", "several closing tokens", "scaled frequencies", "half precision", "norms with their 1"],
)
def test_a_file_that_holds_what_the_model_has_passes(right, made):
    found = check_gguf(*made(**right))
    assert found.differences == ()
    assert (found.compared, found.tensors) == (len(NAMES), len(NAMES))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tensors": as_written(blk_0_attn_v_weight=lambda x: np.vstack([x, x[:1]]))}, "216 weights instead of"),
        ({"ends": (3, 1)}, "eos_token_id: 3 instead of 2"),
        ({"ends": (3, 1), "config": ([2, 9], 1)}, "eos_token_id: 3 instead of 2 or 9"),
        ({"ends": (2, 5)}, "bos_token_id: 5 instead of 1"),
        ({"template": "{{ 'other' }}"}, "tokenizer.chat_template"),
        ({"template": None}, "tokenizer.chat_template: None"),
        ({"scores": (-1000.0, -1000.0)}, "splits text otherwise"),
        ({"tensors": {name: numbers * 0 for name, numbers in as_written().items()}}, "other numbers in token_embd"),
        ({"tensors": as_written(token_embd_weight=lambda x: x[::-1])}, "other numbers in token_embd.weight"),
        ({"tensors": as_written(output_norm_weight=lambda x: x + 1)}, "other numbers in output_norm.weight"),
        ({"tensors": as_written(blk_0_attn_v_weight=lambda x: x.T)}, "other numbers in blk.0.attn_v.weight"),
        ({"tensors": as_written(blk_0_attn_v_weight=lambda x: x + 1e-4)}, "other numbers in blk.0.attn_v.weight"),
        ({"tensors": as_written(blk_0_attn_q_weight=lambda x: -x)}, "other numbers in blk.0.attn_q.weight"),
        ({"tensors": as_written(blk_0_attn_q_weight=lambda x: x + 1e-4)}, "other numbers in blk.0.attn_q.weight"),
        ({"architecture": "of tomorrow"}, "could be compared"),
    ],
)  # fmt: skip
def test_a_file_that_holds_something_else_is_told(change, told, made):
    [difference] = check_gguf(*made(**change)).differences
    assert told in difference


@pytest.mark.parametrize("code", [True, False])
def test_a_models_own_code_runs_only_where_it_may(code, made, monkeypatch):
    asked = []

    def load(_, **how):
        asked.append(how)
        return SimpleNamespace(eos_token_id=2, bos_token_id=1)

    monkeypatch.setattr(gguf_check, "AutoTokenizer", SimpleNamespace(from_pretrained=load))
    file, model = made()
    (model / "tokenizer_config.json").write_text("{}")
    assert check_gguf(file, model, code=code).differences == ()
    assert asked == [{"trust_remote_code": code}] * 2


def test_a_tensor_that_a_converter_cuts_is_counted_and_not_said_to_be_compared(made):
    tensors = as_written()
    whole = tensors.pop("blk.0.attn_v.weight")
    tensors |= {"blk.0.half_a.weight": whole[:4], "blk.0.half_b.weight": whole[4:]}
    found = check_gguf(*made(tensors=tensors))
    assert found.differences == ()
    assert (found.compared, found.tensors) == (len(NAMES) - 1, len(NAMES))
