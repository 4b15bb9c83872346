"""Whether metrics.json still says what the predictions say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from medadapt.core.errors import RunFolderError
from medadapt.core.files import parse_json, read_json, to_json
from medadapt.core.recipe import Recipe
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.workflow.beside import edited_beside
from medadapt.workflow.measuring import measure
from medadapt.workflow.state import read_state

EVERY_VERSION = frozenset(
    {
        "schema",
        "task",
        "primary",
        "n",
        "num_groups",
        "alpha",
        "protocol",
        "baseline",
        "tuned",
        "intervals",
        "difference",
        "effect",
        "controls",
        "against_control",
        "leakage",
        "uniform_loss",
        "rates",
        "groups",
    }
)
"""Keys that metrics.json has had from the beginning: where one is missing, somebody took it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a fresh computation from the predictions makes of metrics.json."""

    differing: list[str]
    """Keys that it does not confirm; empty when it confirms all."""
    added: list[str]
    """Top-level keys that this version measures, and that the one which wrote the file did not know."""
    edited: list[str]
    """Records and predictions that are not as their stages left them."""
    edited_beside: list[str]
    """Results of other commands, such as benchmarks, that are not as these wrote them."""


def verify(recipe: Recipe, run: RunFolder) -> list[str]:
    """Keys of metrics.json that a fresh computation from the predictions does not confirm; empty when all do."""
    return verification(recipe, run).differing


def verification(recipe: Recipe, run: RunFolder) -> Verification:
    """Compute the metrics again from the predictions and hold them against metrics.json.

    The versions written in the metrics are kept: they say what made the numbers, and are no number. Raises
    RunFolderError where nothing is measured yet.
    """
    path = run.metrics / "metrics.json"
    state = read_state(run)
    if state is None or not path.is_file():
        raise RunFolderError(
            f"{run.path} has no metrics to verify.",
            "a run folder in which score is done",
            f"Run `{command('score', run.path)}` first.",
        )
    written = read_json(path)
    if not isinstance(written, dict) or not isinstance(written.get("protocol"), dict):
        raise RunFolderError(
            f"{path} is no metrics.json: it lacks `protocol`.",
            "the file as score wrote it",
            f"Run `{command('score', run.path, '--replace')}`.",
        )
    facts = {**state.facts, "versions": written["protocol"].get("versions")}
    computed = parse_json(to_json(measure(recipe, run, facts)))
    added = [key for key in computed if key not in written and key not in EVERY_VERSION]
    known = {key: value for key, value in computed.items() if key not in added}
    return Verification(
        differing=list(_differing("", written, known)),
        added=added,
        edited=computed["protocol"]["edited"],
        edited_beside=edited_beside(run),
    )


def _differing(place: str, written: Any, computed: Any) -> Iterator[str]:
    if isinstance(written, dict) and isinstance(computed, dict):
        for key in dict.fromkeys([*written, *computed]):
            inside = f"{place}.{key}" if place else key
            yield from _differing(inside, written.get(key), computed.get(key))
    elif written != computed:
        yield place
