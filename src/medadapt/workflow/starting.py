"""What the adapter that a training starts from was trained on before, held against the test records of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medadapt.core.adapter_folder import WEIGHTS
from medadapt.core.errors import MedAdaptError
from medadapt.core.home_folder import in_home
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.records import Record, SplitName, read_records
from medadapt.core.results import START_ADAPTER
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.outputs import changed_files
from medadapt.workflow.smoke import without_adapter
from medadapt.workflow.state import RunState, read_state

SEEN = ("train.jsonl", "validation.jsonl")
"""Records that a run's adapter was trained on or chosen by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Training:
    """The training that left an adapter in its run folder."""

    run: RunFolder
    records: list[Record]
    """Those trained on or chosen by; none where the run only measured the adapter that it started from."""
    sha256: str
    """Of the weights that it left."""
    start: str | None
    """`model.adapter` of that run."""
    start_sha256: str | None
    """Of the weights that it started from."""


def start_overlap(recipe: Recipe, run: RunFolder) -> dict[str, Any] | None:
    """Test records that overlap with what `model.adapter` was trained on or chosen by, as plain data; None without one.

    `known` says whether all of that is known, as it is of an adapter in the folder of its run. `exact` and `near` count
    as the leakage of data.json does, `count` the records that overlap in any of its layers, and `flagged` names them;
    the counts are null where nothing is known.
    """
    from medadapt.records.likeness.leakage import measure_leakage

    if recipe.model.adapter is None:
        return None
    seen, known = _seen_by(recipe.model.adapter)
    if not seen:
        return {"known": known, "count": None, "exact": None, "near": None, "flagged": []}
    test = list(read_records(run.records / "test.jsonl"))
    parts: dict[SplitName, list[Record]] = {"train": seen, "validation": [], "test": test}
    # No split kept groups apart here, so near copies are looked for everywhere.
    found = measure_leakage(parts, "none", task=recipe.task)
    counts = {"count": len(found["flagged"]), "exact": found["exact"], "near": found["near"]}
    return {"known": known, **counts, "flagged": list(found["flagged"])}


def with_start(leakage: dict[str, Any], found: Mapping[str, Any] | None) -> dict[str, Any]:
    """The leakage of data.json with what `start_overlap` found as one more layer of it; as it is without that."""
    if not found:
        return leakage
    counts = {key: value for key, value in found.items() if key != "flagged"}
    flagged = leakage.get("flagged")
    if flagged is not None:
        more = {name: [*flagged.get(name, ()), START_ADAPTER] for name in found.get("flagged") or ()}
        flagged = {**flagged, **more}
    return {**leakage, START_ADAPTER: counts, "flagged": flagged}


def _seen_by(adapter: str) -> tuple[list[Record], bool]:
    """Records that an adapter was trained on or chosen by, as far as run folders tell, and whether these are all."""
    seen: list[Record] = []
    runs: set[RunFolder] = set()
    training = _training_of(adapter)
    while training is not None and training.run not in runs:
        runs.add(training.run)
        seen += training.records
        if training.start is None:
            return seen, True
        earlier = _training_of(training.start)
        # The folder may hold another adapter by now, or be another one seen from here.
        training = earlier if earlier and earlier.sha256 == training.start_sha256 else None
    return seen, False


def _training_of(adapter: str) -> _Training | None:
    """The training that left an adapter; None where it does not lie in its run folder as the run left it."""
    folder = in_home(adapter).resolve()
    run = RunFolder(folder.parent)
    try:
        state = read_state(run) if folder == run.adapter else None
        if state is None or not _is_as_left(run, state):
            return None
        recipe = read_recipe(run.recipe)
        recipe = without_adapter(recipe) if state.smoke else recipe
        files = [run.records / name for name in SEEN] if recipe.training.epochs else []
        records = [record for path in files for record in read_records(path)]
    except (MedAdaptError, OSError):
        return None  # of another version, damaged or not ours to read
    train = state.stages["train"]
    return _Training(
        run=run,
        records=records,
        sha256=train.outputs[WEIGHTS].sha256,
        start=recipe.model.adapter,
        start_sha256=train.inputs.get("source adapter"),
    )


def _is_as_left(run: RunFolder, state: RunState) -> bool:
    """Whether adapter and records are those that the run's finished stages left."""
    try:
        adapter = {WEIGHTS: state.stages["train"].outputs[WEIGHTS]}
        records = {name: state.stages["prepare"].outputs[name] for name in SEEN}
    except KeyError:
        return False
    return not changed_files(run.adapter, adapter) and not changed_files(run.records, records)
