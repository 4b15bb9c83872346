"""Adapters on the Hub: `hub:owner/name[@revision]`, in a recipe and on the command line alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from medadapt.core.adapter_folder import ASKING, BASE, CONFIG, WEIGHTS
from medadapt.core.errors import ModelError
from medadapt.models.base_files import HubKey, fetch

HUB = "hub:"
FETCHED = (CONFIG, WEIGHTS, BASE, ASKING)
"""All that is fetched of an adapter: never code, never a pickle."""
UNNAMED_BASE = "local-base"
"""What a shared adapter names where its base was a folder, whose own name may be that of another model on the Hub."""
ADDRESS = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterAddress:
    """A repository, and a branch, tag or commit of it where one is asked for."""

    repo: str
    revision: str | None

    def __str__(self) -> str:
        return f"{HUB}{self.repo}{f'@{self.revision}' if self.revision else ''}"


def parse_adapter_address(source: str, *, key: HubKey) -> AdapterAddress:
    """The parts of an address. Raises ModelError, which names `key`, where it is none."""
    found = ADDRESS.fullmatch(source)
    if found is None:
        raise ModelError(
            f"{key}: '{source}' is no address of an adapter on the hub.",
            "hub:owner/name, with @revision behind it for a branch, tag or commit",
            f"Correct {key}.",
        )
    return AdapterAddress(repo=found["repo"], revision=found["revision"])


def fetch_adapter(source: str, *, key: HubKey) -> Path:
    """The cached folder of an adapter on the hub, named after its commit. Raises ModelError as `fetch` does."""
    address = parse_adapter_address(source, key=key)
    return fetch(address.repo, address.revision, FETCHED, key=key)
