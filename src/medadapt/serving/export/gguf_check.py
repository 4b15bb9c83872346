"""What a GGUF file has otherwise than the model it was made of. Needs the extra medadapt[gguf]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufCheck:
    """A file beside its model."""

    differences: tuple[str, ...]
    """In words: its weights, the tokens at both ends, its chat template, how it splits text."""
    compared: int
    """Tensors whose numbers were compared."""
    tensors: int
    """All of the model. One that the converter cuts or joins (experts, fused projections) is only counted."""


def check_gguf(file: Path, model: Path, *, code: bool = False) -> GgufCheck:
    """Hold a file against the model that it was made of, whose own `code` may run only where that is said."""
    reader = GGUFReader(str(file))
    weights = _weights(reader, model)
    return GgufCheck(
        differences=(
            *_other_tokens(reader, model, code),
            *_other_text(reader, model),
            *_other_weights(weights),
        ),
        compared=weights.compared,
        tensors=weights.tensors,
    )


def _other_tokens(reader: GGUFReader, model: Path, code: bool) -> Iterator[str]:
    """Ends of a text. A model may have several that close it (Llama 3 has); one of them is the file's."""
    for key, kind in (("eos", "eos_token_id"), ("bos", "bos_token_id")):
        wanted = _token_ids(model, kind, code)
        told = _contents(reader, f"tokenizer.ggml.{kind}")
        if wanted and told not in wanted:
            yield f"tokenizer.ggml.{key}_token_id: {told} instead of {' or '.join(map(str, sorted(wanted)))}"


def _token_ids(model: Path, kind: str, code: bool) -> set[int]:
    found: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        value = read_json(model / name).get(kind) if (model / name).is_file() else None
        found.update(value if isinstance(value, list) else [] if value is None else [value])
    if (model / "tokenizer_config.json").is_file():
        value = getattr(AutoTokenizer.from_pretrained(model, trust_remote_code=code), kind)
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


@dataclass(slots=True, kw_only=True)
class _Weights:
    """What was found in the tensors."""

    in_file: int
    """Numbers, all tensors together."""
    in_model: int = 0
    tensors: int = 0
    compared: int = 0
    others: list[str]
    """Tensors with other numbers."""


def _weights(reader: GGUFReader, model: Path) -> _Weights:
    """Compare what has a name that the package knows, and count the rest."""
    architecture = str(_contents(reader, "general.architecture"))
    written = {tensor.name: tensor for tensor in reader.tensors if not tensor.name.startswith(MADE_UP)}
    found = _Weights(in_file=sum(int(tensor.n_elements) for tensor in written.values()), others=[])
    name_of = _names(architecture, read_json(model / "config.json"))
    for name, numbers in _tensors(model):
        found.in_model += numbers.size
        found.tensors += 1
        tensor = written.get(name_of(name) or "")
        if tensor is None or tensor.n_elements != numbers.size or tensor.tensor_type not in ROUNDING:
            continue
        found.compared += 1
        if not _same(tensor, numbers, architecture):
            found.others.append(tensor.name)
    return found


def _other_weights(found: _Weights) -> Iterator[str]:
    if found.in_file != found.in_model:
        yield f"{found.in_file:,} weights instead of {found.in_model:,}"
    if found.others:
        more = f" and {len(found.others) - NAMED} more" if len(found.others) > NAMED else ""
        yield f"other numbers in {', '.join(found.others[:NAMED])}{more}"
    if not found.compared:
        yield "no tensor could be compared: the package gguf knows none of their names"


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
    rounding = ROUNDING[tensor.tensor_type]
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
