"""A short proof of which base model an adapter was trained on.

PEFT loads an adapter onto any base with fitting shapes and says nothing. So the adapter carries a hash of
the base's architecture, tensor names, shapes and a sample of every tensor's bytes. It is read from the
safetensors files, without loading the model, and does not depend on how they are split.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medadapt.core.errors import ModelError
from medadapt.core.hashes import sha256_file, sha256_object

SAMPLE = 256
"""Bytes read at the start, the middle and the end of each tensor."""
MOST_HEADER_BYTES = 100_000_000
TOKENIZER_FILES = (
    "tokenizer*", "vocab*", "merges.txt", "*.model", "*.spm", "added_tokens.json", "special_tokens_map.json",
    "chat_template*", "additional_chat_templates/*",
)  # fmt: skip
NOT_ARCHITECTURE = {"transformers_version", "_name_or_path", "torch_dtype", "dtype", "architectures"}


def fingerprint(config_file: Path, weight_files: list[Path]) -> str:
    """Hex sha256 over the configuration and a sample of every tensor.

    Raises ModelError when a file is no valid safetensors file.
    """
    config = json.loads(config_file.read_text(encoding="utf-8"))
    kept = {key: value for key, value in config.items() if key not in NOT_ARCHITECTURE}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    tensors = sorted((name, path, entry) for path in weight_files for name, path, entry in _tensors(path))
    for name, path, entry in tensors:
        digest.update(json.dumps([name, entry["dtype"], entry["shape"]]).encode())
        for sample in _samples(path, entry["begin"], entry["end"]):
            digest.update(sample)
    return digest.hexdigest()


def folder_fingerprint(folder: Path) -> dict[str, str]:
    """`base` -> hash of a local model folder, its tokenizer files included; empty for a hub id.

    Quick enough to ask at every command. A folder that is incomplete or has a damaged config.json is empty here too:
    loading it says why. Raises ModelError where a file cannot be read, or is no valid safetensors file.
    """
    config, weights = folder / "config.json", sorted(folder.glob("*.safetensors"))
    if not config.is_file() or not weights:
        return {}
    words = sorted({path for pattern in TOKENIZER_FILES for path in folder.glob(pattern) if path.is_file()})
    try:
        hashes = [fingerprint(config, weights), *(sha256_file(path) for path in words)]
    except (ValueError, AttributeError):  # config.json holds no JSON, or no object
        return {}
    except OSError as problem:
        raise ModelError(
            f"{problem.filename} cannot be read: {problem.strerror}.",
            "a model whose files may be read",
            "Check the rights of the file, or name another model.",
        ) from problem
    return {"base": sha256_object(hashes)}


def _tensors(path: Path) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(size - 8, MOST_HEADER_BYTES):
            raise _damaged(path)
        try:
            header = json.loads(file.read(length))
        except ValueError:
            raise _damaged(path) from None
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        if not 8 + length <= begin <= end <= size:
            raise _damaged(path)
        yield name, path, {"dtype": entry["dtype"], "shape": entry["shape"], "begin": begin, "end": end}


def _samples(path: Path, begin: int, end: int) -> Iterator[bytes]:
    places = {begin, max(begin, (begin + end) // 2 - SAMPLE // 2), max(begin, end - SAMPLE)}
    with path.open("rb") as file:
        for place in sorted(places):
            file.seek(place)
            yield file.read(min(SAMPLE, end - place))


def _damaged(path: Path) -> ModelError:
    return ModelError(
        f"{path} is no complete safetensors file.",
        "model weights in safetensors format",
        "Download the model again; a transfer was probably cut off.",
    )
