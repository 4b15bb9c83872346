"""`medadapt parity`: the same records asked by us and by lm-evaluation-harness, and `5-metrics/parity.json`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medadapt.core.errors import DataError
from medadapt.core.files import write_json
from medadapt.core.progress import Progress
from medadapt.core.records import LETTERS, Record, read_records
from medadapt.core.results import ModelName, Prediction
from medadapt.core.shell_command import command
from medadapt.core.standard_sets import NamedSource, SetName
from medadapt.workflow.asked_models import AskedRun, as_asked, load_asked, need_adapter
from medadapt.workflow.beside import note_beside
from medadapt.workflow.harness_parity.comparing import TOLERANCE, Comparison, compare
from medadapt.workflow.harness_parity.harness import Harness, HarnessModel, run_harness
from medadapt.workflow.harness_parity.samples import Asked, read_samples
from medadapt.workflow.harness_parity.task_files import HarnessTask, write_tasks
from medadapt.workflow.lock import locked
from medadapt.workflow.standard_records import fitting, harness_encoder
from medadapt.workflow.versions import versions

if TYPE_CHECKING:
    from medadapt.examples.encoding import Encoder
    from medadapt.models.loading import LoadedBase

FILE = "parity.json"
RENDERED = (
    "both sides ask as lm-evaluation-harness does (no examples, no chat template, the prompt ends in `Answer:`), "
    "whatever prompt the run was trained with; base and adapter are loaded unquantised in fp32"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityRequest:
    """What is to be held against lm-evaluation-harness."""

    run: AskedRun
    harness: Harness
    models: tuple[ModelName, ...]
    source: NamedSource | None
    """A standard set, or None for the run's own test records."""
    limit: int | None
    batch_size: int
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """What `parity.json` holds, and whether the two agree."""

    values: dict[str, Any]
    agrees: bool
    path: Path


def measure_parity(request: ParityRequest, progress: Progress) -> Parity:
    """Ask the records on both sides, compare, and write the result.

    Raises DataError where there is nothing to compare, and what loading and the harness raise.
    """
    if "tuned" in request.models:
        need_adapter(request.run)
    standard_set = request.source.name if request.source else None
    records = _records(request, progress)
    with locked(request.run.folder) as sign:
        sign()
        base = _base_in_fp32(request)
        encoder = harness_encoder(
            base.tokenizer, context_length=base.context_length, standard_set=standard_set
        )
        found = fitting(encoder, records, limit=request.limit, seed=request.run.seed)
        if not found.records:
            raise DataError(
                f"None of the {len(records):,} records fits the base, which reads {encoder.max_length:,} tokens.",
                "at least one prompt that fits whole",
                "Use a base with a longer context, or shorter questions.",
            )
        asked = found.records
        ours: dict[ModelName, list[Asked]] = {}
        theirs: dict[ModelName, list[Asked]] = {}
        with tempfile.TemporaryDirectory(prefix="medadapt-parity-") as scratch:
            folder = Path(scratch)
            tasks = write_tasks(asked, folder, standard_set=standard_set, harness_tasks=request.harness.tasks)
            for name in request.models:
                ours[name] = _ask(as_asked(request.run, base, name), encoder, asked, name, progress)
            for name in request.models:
                progress.start(f"{name}: lm-evaluation-harness")
                theirs[name] = _ask_harness(request, name, tasks, folder, max_length=encoder.max_length)
                progress.finish()
        compared = compare([record.id for record in asked], ours, theirs)
        values = _values(request, compared, tasks, left_out=found.left_out)
        path = request.run.folder.metrics / FILE
        write_json(path, values)
        note_beside(request.run.folder, [path])
    return Parity(values=values, agrees=compared.together.agrees, path=path)


def _records(request: ParityRequest, progress: Progress) -> list[Record]:
    if request.source is not None:
        from medadapt.records.standard_sets.reading import read_standard_set

        return read_standard_set(request.source, progress=progress).records
    recipe = request.run.located.recipe
    path = request.run.folder.records / "test.jsonl"
    if recipe.task != "multiple_choice":
        raise DataError(
            f"{request.run.folder.path} is a run of the task {recipe.task}, and lm-evaluation-harness is asked "
            "questions with options.",
            "a multiple_choice run, or a standard set",
            "Name a set, for example --on medmcqa=medmcqa_validation.jsonl.",
        )
    if not path.is_file():
        raise DataError(
            f"{path} is missing.",
            "a run in which prepare is done",
            f"Run `{command('prepare', request.run.folder.path)}` first.",
        )
    return list(read_records(path))


def _base_in_fp32(request: ParityRequest) -> LoadedBase:
    model = request.run.located.recipe.model
    exact = model.model_copy(update={"precision": "fp32", "quantization": "none", "offload": "none"})
    return load_asked(request.run, exact, device=request.device)


def _ask(
    model: LoadedBase, encoder: Encoder, records: Sequence[Record], name: ModelName, progress: Progress
) -> list[Asked]:
    from medadapt.predictions.asking import predict
    from medadapt.predictions.settings import PredictionSettings

    settings = PredictionSettings(task="multiple_choice", method="score")
    predictions = predict(model, encoder, records, name=name, settings=settings, progress=progress)
    return [_as_asked(encoder, *pair) for pair in zip(records, predictions, strict=True)]


def _as_asked(encoder: Encoder, record: Record, prediction: Prediction) -> Asked:
    completions, scores = encoder.choices(record) or {}, prediction.scores or {}
    letters = LETTERS[: len(completions)]
    return Asked(
        prompt=encoder.prompt_text(record),
        completions=tuple(completions[letter] for letter in letters),
        scores=tuple(scores[letter] for letter in letters),
    )


def _ask_harness(
    request: ParityRequest, name: ModelName, tasks: Sequence[HarnessTask], folder: Path, *, max_length: int
) -> list[Asked]:
    from medadapt.models.base_files import find_folder
    from medadapt.models.device import pick_device

    model = request.run.located.recipe.model
    where = find_folder(
        request.run.base,
        revision=None if request.run.located.smoke else model.revision,
        code=model.trust_remote_code,
    )
    asked = HarnessModel(
        base=where.resolve(),
        adapter=need_adapter(request.run).resolve() if name == "tuned" else None,
        device=str(pick_device(request.device)),
        max_length=max_length,
        trust_remote_code=model.trust_remote_code,
    )
    names = [task.name for task in tasks]
    output = run_harness(request.harness, asked, names, folder, batch_size=request.batch_size)
    return read_samples(output, tasks)


def _values(
    request: ParityRequest, compared: Comparison, tasks: Sequence[HarnessTask], *, left_out: int
) -> dict[str, Any]:
    named: SetName | None = request.source.name if request.source else None
    together = compared.together
    return {
        "schema": 1,
        "n": together.n,
        "left_out": left_out,
        "prompts_equal": together.prompts_equal,
        "choices_equal": together.choices_equal,
        "largest_difference": together.largest_difference,
        "tolerance": TOLERANCE,
        "agrees": together.agrees,
        "models": {name: asdict(agreement) for name, agreement in compared.models.items()},
        "differing": compared.differing,
        "records": named or "test",
        "tasks": {task.kind: task.num_rows for task in tasks},
        "limit": request.limit,
        "seed": request.run.seed,
        "batch_size": request.batch_size,
        "dtype": "float32",
        "asked": RENDERED,
        "versions": {"ours": versions(), "harness": request.harness.versions},
    }
