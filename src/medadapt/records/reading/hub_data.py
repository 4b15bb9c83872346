"""A data set on the Hub -> the local files of one split, at one commit.

The files are fetched once into the Hub's own cache and read by our readers; code of a data set is never
fetched. Which file belongs to which config and split is decided by the `datasets` library, from the data
set's card or the names of its files, so that names mean here what they mean everywhere.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapt.core.errors import DataError, DiskError, first_line
from medadapt.core.files import disk_faults
from medadapt.core.nearest import did_you_mean
from medadapt.records.reading.hub_address import HubAddress
from medadapt.records.reading.hub_problems import hub_problem

CARD = "README.md"
MAIN = "main"
TRAIN = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFiles:
    """The files of one split of a data set, with what data.json says of it."""

    folder: Path
    """The snapshot, named after its commit."""
    paths: list[Path]
    facts: dict[str, Any]


def hub_files(
    address: HubAddress, revision: str | None, *, endings: tuple[str, ...], offline: bool = False
) -> HubFiles:
    """Fetch a data set where the cache lacks it, and find the files of one split.

    Without a split the one called `train` is taken, or every file where no split has a name. `offline` looks
    in the cache alone. Raises DataError where the data set, config or split cannot be had.
    """
    folder = _fetch(address, revision, endings, offline=offline)
    if not any(path.suffix.lower() in endings for path in folder.rglob("*")):
        raise DataError(
            f"{address} holds no file that can be read.",
            f"files that end in {', '.join(endings)}",
            "A data set that is made by a script, or kept in archives, has to be exported first.",
        )
    by_split, config = _data_files(folder, address)
    split = _chosen_split(address, by_split)
    return HubFiles(
        folder=folder,
        paths=[path for name, paths in by_split.items() if split in (None, name) for path in paths],
        facts={
            "repo": address.repo,
            "revision": revision or MAIN,
            "commit": folder.name,
            "config": config,
            "split": split,
            "splits": list(by_split),
            "licence": _licence(folder),
        },
    )


def _fetch(address: HubAddress, revision: str | None, endings: tuple[str, ...], *, offline: bool) -> Path:
    from huggingface_hub import constants, snapshot_download

    try:
        with disk_faults(Path(constants.HF_HUB_CACHE)):
            folder = snapshot_download(
                address.repo,
                repo_type="dataset",
                revision=revision,
                allow_patterns=[CARD, *(f"*{ending}" for ending in endings)],
                local_files_only=offline,
            )
            return Path(folder).resolve()  # as `datasets` does, so that its paths lie in it
    except DiskError:
        raise
    except Exception as problem:  # the Hub's client lets errors of several libraries through
        raise hub_problem(address, revision, problem) from problem


def _data_files(folder: Path, address: HubAddress) -> tuple[dict[str, list[Path]], str | None]:
    """Files by split, in the data set's order, and the config's name where there are several."""
    from datasets import get_dataset_config_names, load_dataset_builder

    try:
        configs = list(get_dataset_config_names(str(folder)))
        if address.config is not None and address.config not in configs:
            raise _no_such_config(address, configs)
        with tempfile.TemporaryDirectory() as scratch:  # only lock files, none of the data
            builder = load_dataset_builder(str(folder), address.config, cache_dir=scratch)
    except DataError:
        raise
    except Exception as problem:  # one ValueError for a missing config, others for a card that is wrong
        if address.config is None and len(configs := _configs(folder)) > 1:
            raise _config_missing(address, configs) from problem
        raise DataError(
            f"{address}: its card and files do not tell which file is which split ({first_line(problem)}).",
            "a data set that the datasets library can load",
            "Download the files that you need and name them as data.source.",
        ) from problem
    files = {
        str(split): sorted(Path(str(path)) for path in paths)
        for split, paths in dict(builder.config.data_files or {}).items()
    }
    return files, builder.config.name if len(configs) > 1 else None


def _configs(folder: Path) -> list[str]:
    from datasets import get_dataset_config_names

    try:
        return list(get_dataset_config_names(str(folder)))
    except ValueError:
        return []


def _no_such_config(address: HubAddress, configs: list[str]) -> DataError:
    return DataError(
        f"{address.repo} has no config '{address.config}'{did_you_mean(address.config or '', configs)}.",
        f"one of {', '.join(configs)}",
        f"Correct data.source, for example hub:{address.repo}/{configs[0]}.",
    )


def _config_missing(address: HubAddress, configs: list[str]) -> DataError:
    return DataError(
        f"{address.repo} has several configs, and data.source names none.",
        f"one of {', '.join(configs)}",
        f"Name it: data.source: hub:{address.repo}/{configs[0]}.",
    )


def _chosen_split(address: HubAddress, files: Mapping[str, list[Path]]) -> str | None:
    """The split to read; None for all files. Raises DataError for one that is not there."""
    if address.split is not None and address.split not in files:
        raise DataError(
            f"{address.repo} has no split '{address.split}'{did_you_mean(address.split, files)}.",
            f"one of {', '.join(files)}",
            f"Correct data.source, for example hub:{address.repo}:{next(iter(files), TRAIN)}.",
        )
    if address.split is None and len(files) > 1 and TRAIN not in files:
        raise DataError(
            f"{address.repo} has several splits, none of them called 'train', and data.source names none.",
            f"one of {', '.join(files)}",
            f"Name it: data.source: hub:{address.repo}:{next(iter(files))}.",
        )
    return address.split or (TRAIN if TRAIN in files else None)


def _licence(folder: Path) -> str | None:
    """The licence that the data set's card states."""
    from huggingface_hub import DatasetCard

    card = folder / CARD
    if not card.is_file():
        return None
    try:
        licence = DatasetCard.load(card, ignore_metadata_errors=True).data.get("license")
    except ValueError:  # a card whose head is no YAML
        return None
    return ", ".join(map(str, licence)) if isinstance(licence, list) else licence
