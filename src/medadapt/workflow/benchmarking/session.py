"""Base and tuned model on standard sets, and `5-metrics/benchmarks/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medadapt.core.adapter_folder import WEIGHTS
from medadapt.core.documents import read_object
from medadapt.core.errors import DataError, RunFolderError
from medadapt.core.files import to_json, write_json
from medadapt.core.hashes import sha256_file, sha256_object, sha256_text
from medadapt.core.progress import Progress
from medadapt.core.records import Record, read_records
from medadapt.core.results import MODEL_NAMES, ModelName, Prediction
from medadapt.core.standard_sets import NamedSource
from medadapt.records.standard_sets.reading import StandardSet, read_standard_set
from medadapt.workflow.asked_models import AskedRun, as_asked, load_asked, need_adapter
from medadapt.workflow.benchmarking.answers import AnswerBook, ask
from medadapt.workflow.benchmarking.seen import Nearness, leakage_values, seen_in_training
from medadapt.workflow.beside import note_beside
from medadapt.workflow.documents import TOGETHER
from medadapt.workflow.lock import locked
from medadapt.workflow.standard_records import drawn, harness_encoder
from medadapt.workflow.versions import versions

if TYPE_CHECKING:
    from medadapt.metrics.standard_sets import MarkedSet
    from medadapt.models.loading import LoadedBase

FOLDER = "benchmarks"
MODELS = ("base_sha256", "adapter_sha256", "dtype", "quantization")
"""What of a protocol says which models answered."""
ASKED = (
    "as lm-evaluation-harness does: no examples, no chat template, the prompt ends in `Answer:`, and the choice is the "
    "letter, or yes, no or maybe, with the highest log-likelihood"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRequest:
    """Which sets the models of a run are asked."""

    run: AskedRun
    sources: Sequence[NamedSource]
    limit: int | None
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What was written."""

    sets: dict[str, dict[str, Any]]
    """Set -> content of its file."""
    together: dict[str, Any] | None
    """Of several sets, else None."""
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posed:
    """One set with the records that are asked, and which of them were seen in training."""

    found: StandardSet
    records: list[Record]
    flagged: dict[str, Nearness]


def run_benchmark(request: BenchmarkRequest, progress: Progress) -> Benchmark:
    """Ask both models each set, mark the answers, and write one file a set.

    Everything is read before a model is loaded. Raises DataError for a set that cannot be read, RunFolderError
    where the run has no adapter or no records.
    """
    run = request.run
    need_adapter(run)
    seen = _seen(run)
    posed = [_pose(request, source, seen, progress) for source in request.sources]
    with locked(run.folder) as sign:
        sign()
        base = load_asked(run, run.located.recipe.model, device=request.device)
        facts = _facts(run, base)
        answers: dict[ModelName, list[list[Prediction]]] = {}
        for name in MODEL_NAMES:
            model = as_asked(run, base, name)
            answers[name] = [_ask(run, model, each, name, facts, progress) for each in posed]
        folder = run.folder.metrics / FOLDER
        marked: list[MarkedSet] = []
        measured: dict[str, dict[str, Any]] = {}
        for place, each in enumerate(posed):
            pair = answers["baseline"][place], answers["tuned"][place]
            whole = _mark(run, each.found.named.name, each.records, *pair)
            measured[each.found.named.name] = _values(request, each, whole, *pair, facts=facts)
            marked.append(whole)
        over_all = _together(run, marked)
        note_beside(run.folder, _write(folder, measured, over_all))
    return Benchmark(sets=measured, together=over_all, folder=folder)


def _write(folder: Path, measured: dict[str, dict[str, Any]], over_all: dict[str, Any] | None) -> list[Path]:
    """A file a set, and one of several; returns them.

    That of an earlier call stays as long as its sets are as it measured them.
    """
    path = folder / f"{TOGETHER}.json"
    if over_all is not None or not _still_holds(path, measured):
        path.unlink(missing_ok=True)  # first, so that it never stands beside other figures than its own
    files = {folder / f"{name}.json": values for name, values in measured.items()}
    if over_all is not None:
        files[path] = over_all
    for file, values in files.items():
        write_json(file, values)
    return [*files]


def _still_holds(path: Path, measured: dict[str, dict[str, Any]]) -> bool:
    """Whether none of the sets that `together.json` is about was measured otherwise this time."""
    before = _readable(path).get("sets")
    if not isinstance(before, dict):
        return False
    own = {name: values for name, values in measured.items() if name in before}
    return all(
        _rests_on(_readable(path.with_name(f"{name}.json"))) == _rests_on(values)
        for name, values in own.items()
    )


def _readable(path: Path) -> dict[str, Any]:
    """An object as it lies there; an empty one where it is missing or damaged."""
    try:
        return read_object(path)
    except DataError:
        return {}


def _rests_on(values: dict[str, Any]) -> Any:
    """What of a set's file a summary of several sets says again: questions, answers of both models, and the test."""
    protocol = values.get("protocol") or {}
    return (
        *(values.get(key) for key in ("n", "alpha", "baseline", "tuned", "difference", "paired")),
        *(protocol.get(key) for key in ("records_sha256", "prompt_sha256", *MODELS)),
    )


def _seen(run: AskedRun) -> list[Record]:
    paths = [run.folder.records / f"{split}.jsonl" for split in ("train", "validation")]
    if missing := next((path for path in paths if not path.is_file()), None):
        raise RunFolderError(
            f"{missing} is missing, so it cannot be told which questions were trained on.",
            "the records that the adapter was trained on",
            "Name a whole run folder.",
        )
    return [record for path in paths for record in read_records(path)]


def _pose(
    request: BenchmarkRequest, source: NamedSource, seen: Sequence[Record], progress: Progress
) -> _Posed:
    found = read_standard_set(source, progress=progress)
    records = drawn(found.records, limit=request.limit, seed=request.run.seed)
    return _Posed(found=found, records=records, flagged=seen_in_training(records, seen))


def _facts(run: AskedRun, base: LoadedBase) -> dict[str, Any]:
    return {
        "base": base.name,
        "base_sha256": base.sha256,
        "adapter_sha256": sha256_file(run.folder.adapter / WEIGHTS),
        "dtype": str(base.dtype).removeprefix("torch."),
        "quantization": base.facts["quantization"]["got"],
    }


def _ask(
    run: AskedRun,
    model: LoadedBase,
    posed: _Posed,
    name: ModelName,
    facts: dict[str, Any],
    progress: Progress,
) -> list[Prediction]:
    from medadapt.predictions.settings import BATCH_TOKENS, PredictionSettings

    settings = PredictionSettings(
        task="multiple_choice",
        method="score",
        batch_tokens=BATCH_TOKENS.get(model.device.type, BATCH_TOKENS["cpu"]),
    )
    standard_set = posed.found.named.name
    encoder = harness_encoder(model.tokenizer, context_length=model.context_length, standard_set=standard_set)
    identity = dict(facts) if name == "tuned" else {k: v for k, v in facts.items() if k != "adapter_sha256"}
    # Beside the predictions of the run itself, which the score stage reads whole.
    folder = run.folder.predictions / FOLDER
    book = AnswerBook(folder=folder, standard_set=standard_set, model=name, identity=identity)
    return ask(book, model, encoder, posed.records, settings=settings, progress=progress)


def _mark(
    run: AskedRun,
    name: str,
    records: Sequence[Record],
    baseline: Sequence[Prediction],
    tuned: Sequence[Prediction],
) -> MarkedSet:
    from medadapt.metrics.standard_sets import mark_set

    evaluation = run.located.recipe.evaluation
    return mark_set(
        name,
        records,
        baseline,
        tuned,
        samples=evaluation.bootstrap_samples,
        seed=run.seed,
        alpha=evaluation.alpha,
    )


def _mark_part(
    run: AskedRun,
    name: str,
    posed: _Posed,
    baseline: Sequence[Prediction],
    tuned: Sequence[Prediction],
    places: Sequence[int],
) -> MarkedSet:
    return _mark(
        run,
        name,
        [posed.records[place] for place in places],
        [baseline[place] for place in places],
        [tuned[place] for place in places],
    )


def _values(
    request: BenchmarkRequest,
    posed: _Posed,
    marked: MarkedSet,
    baseline: Sequence[Prediction],
    tuned: Sequence[Prediction],
    *,
    facts: dict[str, Any],
) -> dict[str, Any]:
    from medadapt.metrics.standard_sets import answer_shares, set_values

    found, run = posed.found, request.run
    name = found.named.name
    return {
        "schema": 1,
        "name": name,
        "source": found.named.source,
        "asked": ASKED,
        "rows": found.rows,
        "unusable": found.unusable,
        "repairs": found.repairs,
        "limit": request.limit,
        "alpha": marked.alpha,
        "primary": "accuracy",
        **set_values(marked, macro_f1=name == "pubmedqa"),
        "answers": answer_shares(posed.records),
        "truncated": sum(prediction.truncated for prediction in baseline),
        "leakage": leakage_values(posed.flagged),
        "clean": _clean(run, posed, baseline, tuned),
        **_subsets(run, posed, baseline, tuned),
        "protocol": {
            **facts,
            "files": found.files,
            "hub": found.hub,
            "records_sha256": sha256_text("\n".join(to_json(record) for record in posed.records)),
            "prompt_sha256": sha256_object([prediction.prompt_sha256 for prediction in baseline]),
            "seed": run.seed,
            "versions": versions(),
        },
    }


def _clean(
    run: AskedRun, posed: _Posed, baseline: Sequence[Prediction], tuned: Sequence[Prediction]
) -> dict[str, Any]:
    """The same without the questions that were seen in training; null figures where there is nothing to tell."""
    from medadapt.metrics.standard_sets import short_values

    kept = [place for place, record in enumerate(posed.records) if record.id not in posed.flagged]
    nothing = {"n": len(kept), "baseline": None, "tuned": None, "difference": None}
    if len(kept) == len(posed.records):
        return {**nothing, "reason": "no question of the set was seen in training, so nothing changes"}
    if not kept:
        return {**nothing, "reason": "every question of the set was seen in training"}
    part = _mark_part(run, f"{posed.found.named.name}: clean", posed, baseline, tuned, kept)
    return {**short_values(part), "reason": None}


def _subsets(
    run: AskedRun, posed: _Posed, baseline: Sequence[Prediction], tuned: Sequence[Prediction]
) -> dict[str, Any]:
    """Of MMLU the six by themselves, and the average over them."""
    from medadapt.metrics.standard_sets import average, part_values

    names = sorted({record.subject for record in posed.records if record.subject})
    if not names:
        return {}
    parts = []
    for name in names:
        places = [place for place, record in enumerate(posed.records) if record.subject == name]
        parts.append(_mark_part(run, name, posed, baseline, tuned, places))
    return {"subsets": part_values(parts), "macro": average(parts) if len(parts) > 1 else None}


def _together(run: AskedRun, marked: Sequence[MarkedSet]) -> dict[str, Any] | None:
    from medadapt.metrics.standard_sets import together

    if len(marked) < 2:
        return None
    samples = run.located.recipe.evaluation.bootstrap_samples
    return {
        "schema": 1,
        "alpha": marked[0].alpha,
        **together(marked, samples=samples, seed=run.seed),
    }
