"""What a folder with a sentence-embedding model holds, read without loading it.

Understood are the layout of sentence-transformers (`modules.json`, a pooling module) and a plain transformers
folder, which is pooled by the mean. Only safetensors weights are taken, and no code of the model's authors runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medadapt.core.errors import ModelError
from medadapt.core.files import parse_json
from medadapt.core.hashes import sha256_object
from medadapt.core.home_folder import in_home
from medadapt.core.recipe import Recipe
from medadapt.models.fingerprint import folder_fingerprint

Pooling = Literal["mean", "cls"]
EXPECTED = "a local folder with a sentence-embedding model: config.json, a tokenizer and *.safetensors"
SETTING = "evaluation.embedding_model"
OTHER = "Name another sentence-embedding model, or none."


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingLayout:
    """Where the model lies and how its token states become one vector."""

    folder: Path
    """The folder of transformers files; with sentence-transformers it may lie below the one that was named."""
    pooling: Pooling
    max_tokens: int | None
    """Most tokens the model was made for; None where only the tokenizer knows."""
    lower_case: bool
    sha256: str
    """Hash of configuration, weights, tokenizer and pooling."""


def check_embedding_model(recipe: Recipe) -> None:
    """Refuse an `evaluation.embedding_model` that cannot be used, before any work is done.

    Raises ModelError for a folder that is missing or of another kind.
    """
    if (named := recipe.evaluation.embedding_model) is not None:
        read_layout(Path(named))


def embedding_hashes(recipe: Recipe) -> dict[str, str]:
    """`embedding` -> hash of the model that the recipe names; empty without one. Quick."""
    named = recipe.evaluation.embedding_model
    return {} if named is None else {"embedding": read_layout(Path(named)).sha256}


def read_layout(named: Path, *, named_as: str = SETTING) -> EmbeddingLayout:
    """The layout of a folder. Raises ModelError where it is no embedding model that can be used.

    `named_as` is who names the folder, for messages.
    """
    named = in_home(named)
    if not named.is_dir():
        raise ModelError(
            f"{named_as}: there is no folder {named}.",
            EXPECTED,
            "Download the model first, for example with `hf download NAME --local-dir FOLDER`, and name the folder.",
        )
    modules = _modules(named)
    folder = named / modules.get("Transformer", "")
    config = _read(folder / "config.json", dict)
    hashes = folder_fingerprint(folder)
    if not hashes or not any([*folder.glob("tokenizer*"), *folder.glob("vocab*")]):
        raise ModelError(
            f"{named_as}: {folder} lacks a tokenizer or *.safetensors.",
            EXPECTED,
            "Download the whole model; a model that comes as pytorch_model.bin only cannot be used.",
        )
    if config.get("is_encoder_decoder"):
        raise ModelError(f"{folder} holds an encoder-decoder model.", "an encoder such as BERT", OTHER)
    pooling = _pooling(named / modules["Pooling"] / "config.json") if "Pooling" in modules else "mean"
    settings = folder / "sentence_bert_config.json"
    words = _read(settings, dict) if settings.is_file() else {}
    longest, lower_case = words.get("max_seq_length"), bool(words.get("do_lower_case", False))
    return EmbeddingLayout(
        folder=folder,
        pooling=pooling,
        max_tokens=longest,
        lower_case=lower_case,
        sha256=sha256_object([hashes, pooling, longest, lower_case]),
    )


def _modules(named: Path) -> dict[str, str]:
    """Kind of module -> its folder below the named one; empty for a plain transformers folder."""
    path = named / "modules.json"
    if not path.is_file():
        return {}
    try:
        modules = {str(row["type"]).rpartition(".")[2]: str(row["path"]) for row in _read(path, list)}
    except (TypeError, KeyError):
        raise ModelError(f"{path} is no list of modules.", EXPECTED, OTHER) from None
    # A cosine does not depend on the length of the vectors, so `Normalize` changes nothing here.
    if strange := modules.keys() - {"Transformer", "Pooling", "Normalize"}:
        raise ModelError(
            f"{path} names modules that MedAdapt does not compute: {', '.join(sorted(strange))}.",
            "Transformer, Pooling and Normalize only",
            OTHER,
        )
    if any(Path(place).is_absolute() or ".." in Path(place).parts for place in modules.values()):
        raise ModelError(f"{path} names folders outside of its own.", EXPECTED, OTHER)
    return modules


def _pooling(path: Path) -> Pooling:
    settings = _read(path, dict)
    modes = [name.removeprefix("pooling_mode_") for name, on in settings.items() if on is True]
    asked = (
        [settings["pooling_mode"]]
        if "pooling_mode" in settings
        else [m for m in modes if m != "include_prompt"]
    )
    if asked == ["mean"] or asked == ["mean_tokens"]:
        return "mean"
    if asked == ["cls"] or asked == ["cls_token"]:
        return "cls"
    raise ModelError(
        f"{path} asks for the pooling {', '.join(map(str, asked)) or 'of nothing'}.", "mean or cls", OTHER
    )


def _read(path: Path, kind: type[Any]) -> Any:
    """The JSON of a file of the model's authors, which must be an object or a list as `kind` says."""
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as problem:
        raise ModelError(f"{path} is missing or damaged: {problem}", EXPECTED, OTHER) from problem
    if not isinstance(content, kind):
        raise ModelError(f"{path} holds something else than was expected.", EXPECTED, OTHER)
    return content
