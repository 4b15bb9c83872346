"""Two finished runs against each other, on the test records that both answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapt.core.errors import MedAdaptError, RunFolderError
from medadapt.core.files import read_json
from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe
from medadapt.core.results import Prediction
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.examples.plan import SUMMARY
from medadapt.workflow.documents import evaluated
from medadapt.workflow.locating import locate_run
from medadapt.workflow.measured import Measured, read_measured
from medadapt.workflow.shared_records import SharedRecords, shared_records
from medadapt.workflow.state import read_state
from medadapt.workflow.verifying import verification

SCHEMA = 1
MEASURED = frozenset(
    {
        "task",
        "primary",
        "n",
        "protocol.records_sha256",
        "protocol.prompt_sha256",
        "protocol.adapter_sha256",
    }
)
"""Keys of metrics.json that must follow from what lies in the run folder, besides each model's values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRun:
    """One side of a comparison, as it lies in its folder."""

    folder: Path
    recipe: Recipe
    smoke: bool
    facts: Mapping[str, Any]
    """`prediction` of run.json."""
    protocol: Mapping[str, Any]
    """Of metrics.json."""
    measured: Measured


def compare_runs(first: str, second: str, *, intersection: bool, progress: Progress) -> dict[str, Any]:
    """The comparison of the tuned models of two run folders, as plain data.

    Returns what `metrics.comparison.compare` does, and `schema task told runs records`: `told` are the
    sentences about what else differs between the runs, `runs` says for {first, second} which run it is.
    Raises RunFolderError where a folder holds no measured run, where its metrics do not follow from its
    predictions, or where the runs have other test records (without `intersection`: any other record); and
    DataError where predictions are damaged. Nothing is written.
    """
    from medadapt.metrics.comparison import ComparisonInputs, compare

    progress.start("verify both runs", 2)
    sides = []
    for target in (first, second):
        sides.append(_measured_run(target))
        progress.advance()
    progress.finish()
    one, other = sides
    if one.recipe.task != other.recipe.task:
        raise RunFolderError(
            f"{one.folder} is of task {one.recipe.task}, {other.folder} of task {other.recipe.task}.",
            "two runs of one task",
            "Compare runs that answer the same questions.",
        )
    shared = shared_records(one.measured.test, other.measured.test)
    _refuse_other_records(one, other, shared, intersection=intersection)
    evaluation = one.recipe.evaluation
    found = compare(
        ComparisonInputs(
            task=one.recipe.task,
            primary=one.recipe.primary,
            alpha=evaluation.alpha,
            bootstrap_samples=evaluation.bootstrap_samples,
            seed=one.recipe.seed,
            test=shared.records,
            first=_side(one.measured, shared.first),
            second=_side(other.measured, shared.second),
            soft_match=evaluation.soft_match,
            incomparable=_incomparable(one, other),
        )
    )
    return {
        "schema": SCHEMA,
        "task": one.recipe.task,
        **found,
        "runs": {"first": _identity(one), "second": _identity(other)},
        "records": {
            "shared": len(shared.records),
            "only_first": shared.only_first,
            "only_second": shared.only_second,
            "changed": shared.changed,
        },
        "told": list(_differences(one, other, shared)),
    }


def refuse_output(output: Path, runs: Sequence[str]) -> None:
    """Raise MedAdaptError where a comparison cannot be written to `output`, or would change a run's folder."""
    place = output.resolve()
    inside = next((run for run in runs if place.is_relative_to(Path(run).resolve())), None)
    above = next(parent for parent in place.parents if parent.exists())
    if inside is not None:
        fault = f"-o {output} lies in {inside}, one of the runs, which a comparison leaves as it is"
    elif place.is_dir():
        fault = f"-o {output} is a folder"
    elif not above.is_dir():
        fault = f"-o {output} cannot be written: {above} is a file"
    else:
        return
    raise MedAdaptError(
        f"{fault}.", "the name of a file outside of both runs", "Name a file, for example -o comparison.json."
    )


def _measured_run(target: str) -> MeasuredRun:
    found = locate_run(target)
    run = RunFolder(found.folder)
    state = read_state(run)
    path = run.metrics / "metrics.json"
    if state is None or not path.is_file():
        winner = run.path / "search" / "winner"
        raise RunFolderError(
            f"{run.path} is not measured: there is no {path.relative_to(run.path)}.",
            "two run folders in which score is done",
            f"Name {winner}, the winner of its search."
            if winner.is_dir()
            else f"Run `{command('run', run.path)}` first.",
        )
    measured = read_measured(run)
    verified = verification(found.recipe, run)
    if verified.edited:
        from medadapt.metrics.gates import made_again

        raise RunFolderError(
            f"In {run.path} these are not as MedAdapt left them: {', '.join(verified.edited[:4])}.",
            "records as prepare and predictions as predict wrote them",
            made_again(verified.edited, run.path),
        )
    if wrong := [key for key in verified.differing if _is_measured(key)]:
        raise RunFolderError(
            f"The metrics of {run.path} do not follow from its predictions: {', '.join(wrong[:4])}"
            f"{f' and {len(wrong) - 4} more' if len(wrong) > 4 else ''} differ.",
            "a run whose metrics.json follows from its predictions",
            f"Run `{command('score', run.path)}`; `{command('report', run.path, '--verify')}` shows what differs.",
        )
    return MeasuredRun(
        folder=run.path,
        recipe=found.recipe,
        smoke=found.smoke,
        facts=evaluated(run, state.facts),
        protocol=read_json(path)["protocol"],
        measured=measured,
    )


def _is_measured(key: str) -> bool:
    """Whether a key of metrics.json says what was measured of what, and is no addition of another version."""
    head, _, rest = key.partition(".")
    return key in MEASURED or (head in {"baseline", "tuned"} and rest.endswith(".value"))


def _side(measured: Measured, places: list[int]) -> Any:
    from medadapt.metrics.comparison import Side

    return Side(
        baseline=[measured.baseline[place] for place in places],
        tuned=[measured.tuned[place] for place in places],
    )


def _refuse_other_records(
    one: MeasuredRun, other: MeasuredRun, shared: SharedRecords, *, intersection: bool
) -> None:
    if shared.is_all or (intersection and shared.records):
        return
    counts = (
        f"{len(shared.records)} shared, {shared.only_first} only in the first, {shared.only_second} only in the "
        f"second, {shared.changed} with one id and two contents"
    )
    raise RunFolderError(
        f"{one.folder} and {other.folder} were measured on different test records: {counts}.",
        "runs with the same test records",
        f"Add --intersection to compare them on the {len(shared.records)} shared ones, or give both runs the same "
        "data section, source and seed."
        if shared.records
        else "Give both runs the same data section, source and seed.",
    )


def _incomparable(one: MeasuredRun, other: MeasuredRun) -> dict[str, str]:
    embeddings = (one.facts.get("embedding"), other.facts.get("embedding"))
    if embeddings[0] == embeddings[1]:
        return {}
    return {"similarity": "the runs compared their answers by different embedding models"}


def _identity(run: MeasuredRun) -> dict[str, Any]:
    keys = ("base", "base_sha256", "adapter_sha256", "records_sha256", "prompt_sha256", "seed", "dtype")
    return {
        "run": str(run.folder),
        "name": run.recipe.name,
        "smoke": run.smoke,
        "primary": run.recipe.primary,
        "n": len(run.measured.test),
        **{key: run.protocol.get(key) for key in keys},
    }


def _differences(one: MeasuredRun, other: MeasuredRun, shared: SharedRecords) -> Iterator[str]:
    """What else than the adapter may explain a difference, a sentence each."""
    if not shared.is_all:
        yield (
            f"Only the {len(shared.records)} test records that both runs hold are compared; left out are "
            f"{shared.only_first} of the first run, {shared.only_second} of the second and {shared.changed} with "
            "one id and two contents."
        )
    before, after = _side(one.measured, shared.first), _side(other.measured, shared.second)
    pairs = list(zip(before.tuned, after.tuned, strict=True))
    if prompts := sum(a.prompt_sha256 != b.prompt_sha256 for a, b in pairs):
        yield f"The prompts differ on {prompts} of {len(pairs)} records."
    if _other_labels(one, other, pairs):
        yield "The models chose among different labels."
    old, new = one.protocol, other.protocol
    if old["base"] != new["base"]:
        yield f"The bases differ: {old['base']} and {new['base']}."
    elif old["base_sha256"] != new["base_sha256"]:
        yield f"The bases are both called {old['base']}, but hold other weights."
    if old["adapter_sha256"] == new["adapter_sha256"]:
        yield f"The adapters are the same file ({old['adapter_sha256'][:12]})."
    else:
        yield f"The adapters differ: {old['adapter_sha256'][:12]} and {new['adapter_sha256'][:12]}."
    if old["dtype"] != new["dtype"]:
        yield f"The number formats differ: {old['dtype']} and {new['dtype']}."
    yield from _other_rules(one, other)
    for run in (one, other):
        if run.smoke:
            yield f"{run.folder} is a smoke run: its numbers mean nothing."


def _other_labels(
    one: MeasuredRun, other: MeasuredRun, pairs: Sequence[tuple[Prediction, Prediction]]
) -> bool:
    """By what both scored; where a run looked for the best alone, by the labels that it was encoded with."""
    whole = [(a, b) for a, b in pairs if not (a.only_best or b.only_best)]
    if any((a.scores or {}).keys() != (b.scores or {}).keys() for a, b in whole):
        return True
    return len(whole) < len(pairs) and len({_labels(run) for run in (one, other)}) > 1


def _labels(run: MeasuredRun) -> tuple[str, ...]:
    return tuple(read_json(RunFolder(run.folder).examples / SUMMARY)["plan"]["labels"])


def _other_rules(one: MeasuredRun, other: MeasuredRun) -> Iterator[str]:
    """Rules of measuring that differ; those of the first run hold for both."""
    rules = {
        "primary metrics": (one.recipe.primary, other.recipe.primary),
        "levels alpha": (one.recipe.evaluation.alpha, other.recipe.evaluation.alpha),
        "numbers of bootstrap samples": (
            one.recipe.evaluation.bootstrap_samples,
            other.recipe.evaluation.bootstrap_samples,
        ),
        "rules of the soft match": tuple(
            f"{run.recipe.evaluation.soft_match.metric} from {run.recipe.evaluation.soft_match.threshold:g}"
            for run in (one, other)
        ),
    }
    for name, (mine, theirs) in rules.items():
        if mine != theirs:
            yield f"The {name} differ: {mine} and {theirs}; that of the first run is used."
    asked = {
        "rules of choosing": (one.recipe.evaluation.choice_by, other.recipe.evaluation.choice_by),
        "methods": (one.recipe.method, other.recipe.method),
        "lengths of written answers": (
            one.recipe.evaluation.max_new_tokens,
            other.recipe.evaluation.max_new_tokens,
        ),
    }
    for name, (mine, theirs) in asked.items():
        if mine != theirs:
            yield f"The {name} differ: {mine} and {theirs}; each run keeps its own, so not only the adapters differ."
    if one.recipe.data.aliases != other.recipe.data.aliases:
        yield "The aliases differ, by which written answers are read; each run keeps its own."
