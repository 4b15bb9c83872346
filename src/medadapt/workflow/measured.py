"""What a run measured, read from its folder: test records and what both models said of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medadapt.core.errors import RunFolderError
from medadapt.core.prediction_rows import bad_prediction
from medadapt.core.recipe import Recipe
from medadapt.core.records import Record, read_records
from medadapt.core.results import MODEL_NAMES, ModelName, Prediction, read_predictions
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.workflow.outputs import changed_files
from medadapt.workflow.state import read_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Test records with the predictions of both models, in the order of the records."""

    test: list[Record]
    baseline: list[Prediction]
    tuned: list[Prediction]
    further: dict[str, list[Prediction]]
    """The sets beside these two, by the name of their file: `test.baseline.few_shot`, `validation.tuned`."""


def read_measured(run: RunFolder) -> Measured:
    """The test set of a run and its predictions.

    Raises RunFolderError where a file is missing, and DataError, with file and line, where predictions are
    damaged or are not those of the test records.
    """
    from medadapt.metrics.marking.marks import check_pairing

    files = {name: run.predictions / f"{name}.jsonl" for name in MODEL_NAMES}
    for path in (run.records / "test.jsonl", *files.values()):
        if not path.is_file():
            raise RunFolderError(
                f"{path} is missing.",
                "a run folder in which predict is done",
                f"Run `{command('run', run.path)}`.",
            )
    test = list(read_records(run.records / "test.jsonl"))
    baseline, tuned = (list(read_predictions(path, model=name)) for name, path in files.items())
    check_pairing(test, baseline, tuned)
    for path, predictions in zip(files.values(), (baseline, tuned), strict=True):
        _check_scored(path, test, predictions)
    return Measured(test=test, baseline=baseline, tuned=tuned, further=_further_sets(run))


def _check_scored(path: Path, test: list[Record], predictions: list[Prediction]) -> None:
    """A closed question is always scored; without scores it would count as wrong."""
    for line, (record, prediction) in enumerate(zip(test, predictions, strict=True), 1):
        if (record.label or record.options) and not prediction.scores:
            raise bad_prediction(path, line, "no label or option was scored")


def check_weighed(recipe: Recipe, run: RunFolder, measured: Measured) -> None:
    """Refuse predictions without probabilities where the recipe has every label or option scored."""
    if recipe.evaluation.score_choices == "best":
        return
    sets = {"baseline": measured.baseline, "tuned": measured.tuned, **measured.further}
    for stem, predictions in sets.items():
        for line, prediction in enumerate(predictions, 1):
            if prediction.only_best:
                raise bad_prediction(run.predictions / f"{stem}.jsonl", line, "it lacks `probabilities`")


def edited_files(run: RunFolder) -> list[str]:
    """Records and predictions of a run that are not as their stages left them, and files added to the predictions.

    An adapter may be exchanged on purpose: predict then asks it, and its hash stands in the protocol.
    """
    state = read_state(run)
    folders = {"prepare": run.records, "predict": run.predictions}
    marks = {name: state.stages[name].outputs for name in folders if state and name in state.stages}
    changed = [file for name, made in marks.items() for file in changed_files(folders[name], made)]
    # What predict did not write is read as well, as another way of asking.
    added = {path.name for path in run.predictions.glob("*.jsonl")} - marks.get("predict", {}).keys()
    return changed + [f"{run.predictions.name}/{name}" for name in sorted(added) if "predict" in marks]


def _further_sets(run: RunFolder) -> dict[str, list[Prediction]]:
    stems = {path.stem: path for path in sorted(run.predictions.glob("*.*.jsonl"))}
    return {stem: list(read_predictions(path, model=_model(stem))) for stem, path in stems.items()}


def _model(stem: str) -> ModelName:
    """Whose predictions a file holds: the second part of its name."""
    name = stem.split(".")[1]
    if name not in MODEL_NAMES:
        raise RunFolderError(
            f"4-predictions/{stem}.jsonl is no file of predictions that MedAdapt writes.",
            "<split>.<baseline|tuned>[.<way of asking>].jsonl",
            "Move it out of the run folder.",
        )
    return name
