"""Whether metrics.json still says what the predictions say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medadapt.core.errors import RunFolderError
from medadapt.core.files import parse_json, read_json, to_json
from medadapt.core.recipe import Recipe
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.measuring import measure
from medadapt.workflow.state import read_state


def verify(recipe: Recipe, run: RunFolder) -> list[str]:
    """Keys of metrics.json that a fresh computation from the predictions does not confirm; empty when all do.

    The versions written in the metrics are kept: they say what made the numbers, and are no number.
    """
    path = run.metrics / "metrics.json"
    state = read_state(run)
    if state is None or not path.is_file():
        raise RunFolderError(
            f"{run.path} has no metrics to verify.",
            "a run folder in which score is done",
            f"Run `medadapt score {run.path}` first.",
        )
    written = read_json(path)
    facts = {**state.facts, "versions": written.get("protocol", {}).get("versions")}
    computed = parse_json(to_json(measure(recipe, run, facts)))
    return list(_differing("", written, computed))


def _differing(place: str, written: Any, computed: Any) -> Iterator[str]:
    if isinstance(written, dict) and isinstance(computed, dict):
        for key in dict.fromkeys([*written, *computed]):
            inside = f"{place}.{key}" if place else key
            yield from _differing(inside, written.get(key), computed.get(key))
    elif written != computed:
        yield place
