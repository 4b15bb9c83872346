"""What a GGUF file has otherwise than the model it was made of. Needs the extra medadapt[gguf]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gguf import MODEL_ARCH_NAMES, GGMLQuantizationType, GGUFReader, get_tensor_name_map
from gguf.quants import dequantize
from numpy.typing import NDArray
from safetensors import safe_open
from transformers import AutoTokenizer

from medadapt.core.files import read_json
from medadapt.serving.export.trained_prompt import TEMPLATE

MADE_UP = "rope_"
"""How tensors begin that the converter computes from the configuration (Llama 3.1's scaling of frequencies)."""
TURNED = (".attn_q.", ".attn_k.", ".attn_qkv.")
"""Tensors whose rows some converters put in another order, as llama.cpp turns positions otherwise."""
SHIFTED = ("gemma", "nemotron", "qwen3next")
"""Architectures whose norms are written with the 1 that their code adds."""
TRANSPOSED = ("gpt2",)
"""Architectures whose matrices transformers holds the other way round."""
ROUNDING = {
    GGMLQuantizationType.F32: 1e-6,
    GGMLQuantizationType.F16: 2**-10,
    GGMLQuantizationType.BF16: 2**-7,
}
"""Largest relative change of a number by writing it in a type."""
SMALLEST = 6e-8
"""Step of fp16 around zero, below which numbers are alike."""
NAMED = 5
"""Tensors that are named where more have other numbers."""

Numbers = NDArray[np.float32]


def differences(file: Path, model: Path) -> list[str]:
    """In words: its weights, the tokens at both ends, its chat template, how it splits text."""
    reader = GGUFReader(str(file))
    return [*_other_tokens(reader, model), *_other_text(reader, model), *_other_weights(reader, model)]


def _other_tokens(reader: GGUFReader, model: Path) -> Iterator[str]:
    """Ends of a text. A model may have several that close it (Llama 3 has); one of them is the file's."""
    for key, kind in (("eos", "eos_token_id"), ("bos", "bos_token_id")):
        wanted = _token_ids(model, kind)
        told = _contents(reader, f"tokenizer.ggml.{kind}")
        if wanted and told not in wanted:
            yield f"tokenizer.ggml.{key}_token_id: {told} instead of {' or '.join(map(str, sorted(wanted)))}"


def _token_ids(model: Path, kind: str) -> set[int]:
    found: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        value = read_json(model / name).get(kind) if (model / name).is_file() else None
        found.update(value if isinstance(value, list) else [] if value is None else [value])
    if (model / "tokenizer_config.json").is_file():
        value = getattr(AutoTokenizer.from_pretrained(model), kind)
        found.update([] if value is None else [value])
    return found


def _other_text(reader: GGUFReader, model: Path) -> Iterator[str]:
    template = model / TEMPLATE
    wanted = template.read_text(encoding="utf-8") if template.is_file() else None
    told = _contents(reader, "tokenizer.chat_template")
    if told != wanted:
        yield f"tokenizer.chat_template: {told!r} instead of {wanted!r}"
    scores = _contents(reader, "tokenizer.ggml.scores") or []
    if _contents(reader, "tokenizer.ggml.model") == "llama" and len(set(scores)) == 1:
        # llama.cpp joins pieces by their scores; the converter has none where the model has no tokenizer.model.
        yield "tokenizer.ggml.scores: all alike, so llama.cpp splits text otherwise"


def _other_weights(reader: GGUFReader, model: Path) -> Iterator[str]:
    """The number of all weights; their values where the tensor has a name that the package knows.

    Tensors that a converter cuts or joins (experts, fused projections) have another name there: they are only counted.
    """
    architecture = str(_contents(reader, "general.architecture"))
    tensors = {tensor.name: tensor for tensor in reader.tensors if not tensor.name.startswith(MADE_UP)}
    name_of = _names(architecture, read_json(model / "config.json"))
    own, compared, others = 0, 0, []
    for name, numbers in _tensors(model):
        own += numbers.size
        tensor = tensors.get(name_of(name) or "")
        if tensor is None or tensor.n_elements != numbers.size:
            continue
        compared += 1
        if not _same(tensor, numbers, architecture):
            others.append(tensor.name)
    told = sum(int(tensor.n_elements) for tensor in tensors.values())
    if told != own:
        yield f"{told:,} weights instead of {own:,}"
    if others:
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        yield f"other numbers in {', '.join(others[:NAMED])}{more}"
    if not compared:
        yield f"no tensor of {architecture} could be compared: the package gguf does not know their names"


def _names(architecture: str, config: dict[str, Any]) -> Callable[[str], str | None]:
    """The name in GGUF of a tensor of transformers."""
    known = {name: kind for kind, name in MODEL_ARCH_NAMES.items()}
    if architecture not in known:
        return lambda _: None
    blocks = int(config.get("num_hidden_layers") or config.get("n_layer") or 0)
    names = get_tensor_name_map(known[architecture], blocks)
    return lambda name: names.get_name(name, try_suffixes=(".weight", ".bias"))


def _tensors(model: Path) -> Iterator[tuple[str, Numbers]]:
    """A model's weights; where the head is the embeddings, they stand there once, as in GGUF."""
    for path in sorted(model.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:  # numpy has no bfloat16
            for name in file.keys():  # noqa: SIM118 - no mapping
                yield name, file.get_tensor(name).float().numpy()


def _same(tensor: Any, own: Numbers, architecture: str) -> bool:
    told = dequantize(tensor.data, tensor.tensor_type)
    rounding = ROUNDING.get(tensor.tensor_type)
    if rounding is None:
        return True  # quantised, so other numbers are what was asked for
    forms = [own]
    if architecture in TRANSPOSED:
        forms.append(own.T)
    if architecture.startswith(SHIFTED) and own.ndim == 1:
        forms.append(own + 1)
    if any(_close(told, form, rounding) for form in forms):
        return True
    return any(part in tensor.name for part in TURNED) and _same_rows(told, own, rounding)


def _close(told: Numbers, own: Numbers, rounding: float) -> bool:
    return told.shape == own.shape and np.allclose(told, own, rtol=rounding, atol=SMALLEST)


def _same_rows(told: Numbers, own: Numbers, rounding: float) -> bool:
    """Whether two tensors have the same rows in any order, by what the order does not change: sums along columns."""
    if told.shape != own.shape:
        return False
    for power in (1, 2):
        ours, theirs = (one.astype(np.float64) ** power for one in (own, told))
        if np.any(np.abs(ours.sum(0) - theirs.sum(0)) > rounding * np.abs(ours).sum(0) + SMALLEST):
            return False
    return True


def _contents(reader: GGUFReader, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()
