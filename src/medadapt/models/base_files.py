"""Where the files of a base lie: a folder, or the hub's cache, which is filled where that is allowed.

Everything else works on the folder found here, so nothing later asks the hub, waits for it, or gets another
revision than the first file had.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import list_repo_files, snapshot_download
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from medadapt.core.errors import DiskError, ModelError, first_line
from medadapt.core.files import disk_faults
from medadapt.models.local_base import local_folder

CONFIG = "config.json"
ONE_FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
SMALL_FILES = (
    CONFIG, "generation_config.json", INDEX, "tokenizer*", "special_tokens_map.json", "added_tokens.json",
    "chat_template*", "vocab*", "merges.txt", "*.model",
)  # fmt: skip
WEIGHT_FILES = (ONE_FILE, "model-*-of-*.safetensors")
PICKLES = (".bin", ".pt", ".pth")
HubKey = Literal["model.base", "model.adapter", "TARGET"]
"""Where a user names what is fetched: a key of the recipe, or the argument of a command."""
REVISION_OF: dict[HubKey, str] = {
    "model.base": "model.revision",
    "model.adapter": "the revision in model.adapter",
    "TARGET": "the revision in TARGET",
}


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """A base on this machine."""

    folder: Path
    config: Path
    weights: list[Path]


def find_folder(name: str, *, revision: str | None = None, code: bool = False) -> Path:
    """The folder with the configuration and the tokenizer of a base; a hub model's are downloaded.

    `code` also fetches the Python files that come with a model. Raises ModelError where there is no such
    model, or none that this machine may have.
    """
    folder = local_folder(name)
    if folder is None:
        if looks_like_path(name):
            raise ModelError(
                f"The base model folder {name} does not exist.",
                "a folder with config.json, model.safetensors and tokenizer, or a hub id such as "
                "facebook/opt-1.3b",
                "Correct model.base.",
            )
        folder = fetch(name, revision, (*SMALL_FILES, *(("*.py",) if code else ())))
    if not (folder / CONFIG).is_file():
        raise ModelError(
            f"{name} has no {CONFIG}.",
            "a model with config.json, model.safetensors and the tokenizer",
            "Correct model.base, or complete the download.",
        )
    return folder


def find_files(name: str, *, revision: str | None = None, code: bool = False) -> BaseFiles:
    """All files of a base, downloaded where that is needed and allowed. Raises ModelError as above."""
    folder = find_folder(name, revision=revision, code=code)
    shards = _shards(folder)
    if local_folder(name) is None and not all((folder / shard).exists() for shard in shards):
        folder = fetch(name, revision, (*SMALL_FILES, *WEIGHT_FILES, *shards, *(("*.py",) if code else ())))
        shards = _shards(folder)
    if missing := [shard for shard in shards if not (folder / shard).exists()]:
        raise _no_weights(name, missing[0], [path.name for path in folder.iterdir()])
    return BaseFiles(folder, folder / CONFIG, [folder / shard for shard in shards])


def check_weights(name: str, *, revision: str | None = None) -> list[Path]:
    """The weight files of a base that are on this machine; none where they are still to be downloaded.

    Nothing large is downloaded. Raises ModelError where the base has no weights in safetensors format.
    """
    folder = find_folder(name, revision=revision)
    missing = [shard for shard in _shards(folder) if not (folder / shard).exists()]
    if not missing:
        return [folder / shard for shard in _shards(folder)]
    if local_folder(name) is not None:
        raise _no_weights(name, missing[0], [path.name for path in folder.iterdir()])
    try:
        names = list_repo_files(name, revision=revision)
    except Exception as problem:
        raise _hub_problem(name, problem) from problem
    if not any(fnmatch(file, pattern) for file in names for pattern in WEIGHT_FILES):
        raise _no_weights(name, missing[0], names)
    return []


def looks_like_path(name: str) -> bool:
    """Whether a base is meant as a folder rather than a hub id (`owner/name`)."""
    return name.startswith((".", "/", "~", "\\")) or name.count("/") > 1 or "\\" in name


def read_base_config(config_file: Path) -> dict[str, Any]:
    """config.json of a base. Raises ModelError where it is no JSON object."""
    try:
        values = json.loads(config_file.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise _damaged(config_file, str(problem)) from None
    if not isinstance(values, dict):
        raise _damaged(config_file, "it is not a JSON object")
    return values


def _shards(folder: Path) -> list[str]:
    index = folder / INDEX
    if not index.is_file():
        return [ONE_FILE]
    weight_map = read_base_config(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(_is_plain(shard) for shard in weight_map.values()):
        raise _damaged(index, "weight_map does not name the files of this folder")
    return sorted(set(weight_map.values()))


def _is_plain(name: Any) -> bool:
    return isinstance(name, str) and Path(name).name == name


def fetch(name: str, revision: str | None, patterns: tuple[str, ...], *, key: HubKey = "model.base") -> Path:
    """The cached folder of a hub model, completed where the hub answers. It is asked once, without retries.

    `key` is where it was named. Raises ModelError where the hub does not give it.
    """
    try:
        with disk_faults(Path(HF_HUB_CACHE)):
            return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    except DiskError:
        raise
    except Exception as problem:  # the hub's client lets errors of several libraries through
        raise _hub_problem(name, problem, key) from problem


def _hub_problem(name: str, problem: Exception, key: HubKey = "model.base") -> ModelError:
    what, expected = (
        ("model", "a model folder, or a hub id such as facebook/opt-1.3b")
        if key == "model.base"
        else ("adapter", "an adapter folder, or hub:owner/name")
    )
    if isinstance(problem, GatedRepoError):
        return ModelError(
            f"{name} is gated, and this machine is not logged in with an account that may use it.",
            f"an account that accepted the {what}'s terms",
            f"Accept the terms on https://huggingface.co/{name}, then log in with `hf auth login` "
            "(or set HF_TOKEN).",
        )
    if isinstance(problem, RepositoryNotFoundError):
        return ModelError(
            f"There is no {what} {name} on the hub, or it is private and this machine is not logged in with "
            "access to it.",
            expected,
            f"Correct {key}; for a private {what} log in with `hf auth login` (or set HF_TOKEN).",
        )
    if isinstance(problem, RevisionNotFoundError):
        return ModelError(
            f"{name} has no such revision on the hub.",
            f"a branch, tag or commit of the {what}",
            f"Correct {REVISION_OF[key]}.",
        )
    if isinstance(problem, LocalEntryNotFoundError):
        return ModelError(
            f"{name} is not (completely) on this machine, and the model hub cannot be reached.",
            f"a folder, the {what} in the local cache, or a connection to the hub",
            f"Connect and repeat (unset HF_HUB_OFFLINE if it is set), or give a local folder as {key}."
            + ("" if key == "TARGET" else f" `--smoke` tries the recipe without the {what}."),
        )
    if isinstance(problem, ValueError) and not isinstance(problem, HfHubHTTPError):
        return ModelError(
            f"{key}: {name!r} is neither a folder nor a hub id.",
            expected,
            f"Correct {key}.",
        )
    return ModelError(
        f"{name} could not be fetched from the model hub ({first_line(problem)}).",
        "a connection to the hub that holds",
        "Repeat the command: what is already there is not fetched again.",
    )


def _no_weights(name: str, missing: str, there: list[str]) -> ModelError:
    pickled = sorted(file for file in there if file.endswith(PICKLES))
    if not pickled:
        return ModelError(
            f"{name} has no {missing}.",
            "a model with config.json, model.safetensors and the tokenizer",
            "Correct model.base, or complete the download.",
        )
    is_folder = local_folder(name) is not None
    elsewhere = "a copy that is" if is_folder else "model.revision with a converted copy (often refs/pr/1)"
    return ModelError(
        f"{name} holds its weights as {pickled[0]}, a pickle that can run code when opened.",
        "model.safetensors",
        f"Use {elsewhere} in safetensors format, or convert it in a place you trust.",
    )


def _damaged(path: Path, problem: str) -> ModelError:
    return ModelError(
        f"{path} is damaged: {problem}.", "the file as it was published", "Download the model again."
    )
