"""The JSON documents that later stages and commands read in a run folder, each held against what is read of it.

What is not as it was written ends in an error that names the file, the key and the command that makes it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medadapt.core.adapter_folder import WEIGHTS
from medadapt.core.documents import (
    NUMBER,
    NUMBER_OR_NULL,
    TEXT_OR_NULL,
    Keys,
    bad_document,
    lacking,
    read_object,
)
from medadapt.core.errors import RunFolderError
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command

TOGETHER = "together"
"""Of `5-metrics/benchmarks/`: the one file that is about several sets."""

EVALUATED: Keys = {"base": str, "base_sha256": str, "dtype": str, "vocabulary_size": int}
"""What metrics are made from, of `prediction` in run.json."""

_FIGURES: Keys = {
    "n": int,
    **{
        f"{where}.accuracy.{key}": NUMBER_OR_NULL
        for where in ("baseline", "tuned")
        for key in ("value", "low", "high")
    },
    **{f"difference.accuracy.{key}": NUMBER_OR_NULL for key in ("value", "low", "high", "p")},
    "difference.accuracy.verdict": str,
}
_SET: Keys = {
    **_FIGURES,
    "unusable": dict,
    "truncated": int,
    "leakage.near": int,
    "leakage.exact": int,
    "controls.majority.accuracy.value": NUMBER_OR_NULL,
}
_MACRO_F1: Keys = {f"{model}.macro_f1.value": NUMBER_OR_NULL for model in ("baseline", "tuned")}
_TOGETHER: Keys = {
    "sets": dict,
    **{f"{part}.{key}": kind for part in ("macro", "pooled") for key, kind in _FIGURES.items()},
}
_SEEDS: Keys = {
    "seeds": list,
    "primary": str,
    "alpha": NUMBER,
    "values": dict,
    "difference": dict,
    "verdicts": dict,
    "mean": NUMBER_OR_NULL,
    "sd": NUMBER_OR_NULL,
    "low": NUMBER_OR_NULL,
    "high": NUMBER_OR_NULL,
    "reason": TEXT_OR_NULL,
    "sampling_interval": dict,
}


def read_leakage(run: RunFolder) -> dict[str, Any]:
    """`leakage` of data.json: which test records stand among those trained on."""
    path = run.records / "data.json"
    found: dict[str, Any] = read_object(path, {"leakage": dict}, remedy=_prepare_again(run))["leakage"]
    return found


def read_data(run: RunFolder) -> dict[str, Any]:
    """data.json as the report shows it; it does without any key."""
    return read_object(run.records / "data.json", remedy=_prepare_again(run))


def read_examples(run: RunFolder) -> dict[str, Any]:
    """examples.json as the report shows it; it does without any key."""
    again = f"Run `{command('encode', run.path)}`: it makes examples anew that were changed."
    return read_object(run.examples / "examples.json", remedy=again)


def read_benchmarks(run: RunFolder) -> dict[str, dict[str, Any]]:
    """The standard sets that the models were asked, by the names of their files."""
    paths = sorted((run.metrics / "benchmarks").glob("*.json"))
    return {path.stem: _read_benchmark(path, run) for path in paths}


def read_seeds(run: RunFolder) -> dict[str, Any] | None:
    """seeds.json; None where training was not repeated."""
    path = run.seeds
    if not path.is_file():
        return None
    again = f"Delete the file; `{command('run', run.path, '--seeds', 'K')}` writes it again."
    found = read_object(path, _SEEDS, remedy=again)
    for key in ("values", "difference", "verdicts"):
        if missing := next((seed for seed in found["seeds"] if str(seed) not in found[key]), None):
            raise bad_document(path, f"`{key}` has nothing of seed {missing}", again)
    if found["mean"] is None and not found["reason"]:
        raise bad_document(path, "it says neither the `mean` nor the `reason` why there is none", again)
    return found


def read_search(run: RunFolder) -> dict[str, Any] | None:
    """search.json of the search that this run won; None for any other run."""
    path = run.path / "search.json"
    remedy = "Delete the file; the report then does without the search."
    return read_object(path, remedy=remedy) if path.is_file() else None


def evaluated(run: RunFolder, facts: Mapping[str, Any]) -> dict[str, Any]:
    """`prediction` of run.json: with what the models were asked. Raises RunFolderError where it is not whole."""
    found: Any = facts.get("prediction")
    if fault := lacking(facts, {"prediction": dict}) or lacking(found, EVALUATED):
        raise RunFolderError(
            f"{run.state} does not say with what the predictions were made: "
            f"{fault}{' in `prediction`' if isinstance(found, dict) else ''}.",
            f"`prediction` with {', '.join(EVALUATED)}, as predict writes it",
            f"Run `{command('predict', run.path, '--replace')}`, which writes it down, then "
            f"`{command('run', run.path)}`.",
        )
    values: dict[str, Any] = found
    return values


def weights_of(run: RunFolder) -> Path:
    """The adapter's weights. Raises RunFolderError where they are gone."""
    path = run.adapter / WEIGHTS
    if not path.is_file():
        raise RunFolderError(
            f"{path} is missing.",
            "a run folder with its trained adapter",
            f"Put the file back, or run `{command('run', run.path)}`: it trains what is missing again.",
        )
    return path


def _read_benchmark(path: Path, run: RunFolder) -> dict[str, Any]:
    again = (
        f"Delete the file; `{command('benchmark', run.path, '--on', 'NAME=PATH')}` writes it again without asking "
        "anything twice."
    )
    if path.stem == TOGETHER:
        return read_object(path, _TOGETHER, remedy=again)
    found = read_object(path, _SET, remedy=again)
    known = {key: found[key] for key in ("subsets", "macro", "clean") if found.get(key) is not None}
    if fault := lacking(known, dict.fromkeys(known, dict)):
        raise bad_document(path, fault, again)
    parts = {**known.get("subsets", {}), **{key: known[key] for key in ("macro", "clean") if key in known}}
    if "clean" in parts and not parts["clean"].get("tuned"):
        del parts["clean"]  # there was nothing to tell
    for name, part in parts.items():
        if fault := lacking(part, _FIGURES):
            raise bad_document(path, f"of its part `{name}`, {fault}", again)
    if "macro_f1" in found["tuned"] and (fault := lacking(found, _MACRO_F1)):
        raise bad_document(path, fault, again)
    return found


def _prepare_again(run: RunFolder) -> str:
    return f"Run `{command('prepare', run.path)}`: it makes records anew that were changed."
