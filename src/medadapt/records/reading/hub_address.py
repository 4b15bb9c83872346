"""The address of a data set on the Hub: `hub:owner/name/config:split`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from medadapt.core.errors import DataError

HUB = "hub:"
ADDRESS = re.compile(
    r"hub:(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<config>[^:/]+))?(?::(?P<split>[\w.-]+))?", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubAddress:
    """A data set, and which part of it where it has several."""

    repo: str
    config: str | None
    split: str | None

    def __str__(self) -> str:
        config = f"/{self.config}" if self.config else ""
        return f"{HUB}{self.repo}{config}{f':{self.split}' if self.split else ''}"


def parse_address(source: str) -> HubAddress:
    """The parts of an address. Raises DataError where it is none."""
    found = ADDRESS.fullmatch(source.strip())
    if found is None:
        raise DataError(
            f"data.source: '{source}' is no address of a data set on the Hub.",
            "hub:owner/name, with /config and :split behind it where the data set has several",
            "Write it as in hub:owner/name:train.",
        )
    return HubAddress(repo=found["repo"], config=found["config"], split=found["split"])
