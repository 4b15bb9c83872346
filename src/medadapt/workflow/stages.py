"""The six stages, each from one folder of the run to the next. Together they are the path of the data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from medadapt.core.adapter_folder import ASKING, CONFIG, WEIGHTS
from medadapt.core.files import read_json, read_jsonl, write_json
from medadapt.core.hashes import sha256_file
from medadapt.core.recipe import Recipe, dump
from medadapt.core.results import START_ADAPTER
from medadapt.core.run_folder import RunFolder
from medadapt.workflow import existing, notes
from medadapt.workflow.documents import (
    read_benchmarks,
    read_data,
    read_examples,
    read_search,
    read_seeds,
    weights_of,
)
from medadapt.workflow.measured import read_measured
from medadapt.workflow.measuring import detectable_facts, measure
from medadapt.workflow.protocol import FIXED, protocol_to_fix
from medadapt.workflow.request import RunRequest
from medadapt.workflow.retrieving import grounding
from medadapt.workflow.smoke import MOST_STEPS, smoke_base, stand_in_name, within_context, without_adapter
from medadapt.workflow.stage import Stage, Work
from medadapt.workflow.starting import start_overlap
from medadapt.workflow.versions import versions

if TYPE_CHECKING:
    from medadapt.models.loading import LoadedBase

# The domain folders are imported where a stage runs, so that the command line answers at once.


def prepare(recipe: Recipe, work: Work) -> None:
    """Raw data -> Records: read, clean, split, and account for every source row."""
    from medadapt.records.preparing import prepare as prepare_records

    data = prepare_records(
        recipe.data, recipe.seed, work.run.records, smoke=work.smoke, progress=work.progress
    )
    work.progress.note(notes.ledger(data))
    work.progress.note(notes.leakage(data, allowed=recipe.data.allow_leak or work.smoke))
    beforehand = detectable_facts(recipe, work.run)
    work.keep({"detectable_beforehand": beforehand})
    if told := notes.detectable(beforehand):
        work.progress.note(told)


def encode(recipe: Recipe, work: Work) -> None:
    """Records -> Examples: prompts and answers as tokens, and which of them are trained."""
    from medadapt.examples.encoding_stage import encode as encode_records
    from medadapt.models.base_files import find_folder
    from medadapt.models.ends import end_ids, settings_for_writing
    from medadapt.models.forward import context_of
    from medadapt.models.loading import load_config, load_tokenizer

    if work.smoke:
        smoke_base(recipe, work.run, renew=True)
    base, code = _base_path(recipe, work), recipe.model.trust_remote_code
    revision = None if work.smoke else recipe.model.revision
    config = load_config(base, revision=revision, trust_remote_code=code)
    tokenizer = load_tokenizer(base, revision=revision, trust_remote_code=code)
    context = context_of(config)
    if work.smoke and (fitting := within_context(recipe, context)) != recipe:
        work.progress.note(
            f"Smoke run: the random base reads no more than {context} tokens; examples are cut there."
        )
        recipe = fitting
    encode_records(
        recipe,
        records=work.run.records,
        tokenizer=tokenizer,
        context_length=context,
        folder=work.run.examples,
        progress=work.progress,
        end_ids=end_ids(
            settings_for_writing(find_folder(base, revision=revision, code=code), config), tokenizer
        ),
    )
    work.progress.note(f"what is trained, decoded: {work.run.examples / 'examples.json'}")


def train(recipe: Recipe, work: Work) -> None:
    """Examples -> Adapter: train the LoRA weights, going on from the last checkpoint where there is one."""
    from medadapt.models.adapter_files import adapter_commit
    from medadapt.models.loading import load_base
    from medadapt.serving.asking import asking_of_run, write_asking
    from medadapt.training.session import train_adapter
    from medadapt.workflow.previewing import answer_preview

    if fixed := protocol_to_fix(recipe, work.run):
        work.keep({FIXED: fixed})
    if work.smoke and recipe.model.adapter:
        work.progress.note("Smoke run: model.adapter does not fit the random base; a new adapter is trained.")
        recipe = without_adapter(recipe)
    seen_before = start_overlap(recipe, work.run)
    work.keep({START_ADAPTER: seen_before})
    if seen_before:
        work.progress.note(notes.start_overlap(seen_before))
    base = load_base(recipe.model, base=_base_path(recipe, work), device=work.device)
    work.keep(_facts_of(base))
    if commit := adapter_commit(recipe.model.adapter):
        work.keep({"adapter_commit": commit})
    work.progress.note(notes.settings(base.facts))
    if slow := notes.slow_format(base.facts):
        work.progress.note(slow)
    preview = answer_preview(work.run, base, work.progress)
    with work.stopping.gently():
        summary = train_adapter(
            recipe,
            examples=work.run.examples,
            base=base,
            folder=work.run.adapter,
            max_steps=MOST_STEPS if work.smoke else None,
            preview=preview,
            on_evaluation=work.on_evaluation,
            should_stop=work.is_stopping,
            concurrent=work.concurrent,
            progress=work.progress,
        )
    write_asking(asking_of_run(recipe, work.run, base=base.name), work.run.adapter)
    of_the_run = {key: summary.pop(key) for key in ("trainable", "threads", "micro_tokens")}
    work.keep({**of_the_run, "training": summary})


def predict(recipe: Recipe, work: Work) -> None:
    """Records + model -> Predictions: both models answer the same questions, each in every way asked for."""
    from medadapt.models.loading import load_base
    from medadapt.predictions.predicting import predict_both

    base = load_base(recipe.model, base=_base_path(recipe, work), device=work.device)
    asked = {"adapter_sha256": sha256_file(weights_of(work.run))}  # it may be exchanged later on
    summary = predict_both(
        recipe,
        records=work.run.records,
        examples=work.run.examples,
        base=base,
        adapter=work.run.adapter,
        folder=work.run.predictions,
        progress=work.progress,
        ground=grounding(work.run) if recipe.evaluation.retrieval else None,
    )
    measured = {**_facts_of(base), **asked, "base": stand_in_name(recipe) if work.smoke else base.name}
    work.keep({"prediction": summary | measured})  # beside those of train, which may have run elsewhere
    if less := notes.few_shot(summary["few_shot"]):
        work.progress.note(less)


def score(recipe: Recipe, work: Work) -> None:
    """Predictions -> Metrics: mark both models and measure the difference question by question."""
    work.progress.start("score")
    facts = {**read_json(work.run.state), "versions": versions()}
    metrics = measure(recipe, work.run, facts)
    work.make_room()
    write_json(work.run.metrics / "metrics.json", metrics)
    work.progress.finish()


def report(recipe: Recipe, work: Work) -> None:
    """Metrics -> Report: the page, its figures and the model card."""
    from medadapt.report.building import ReportInputs, build_report

    run = work.run
    work.progress.start("report")
    measured = read_measured(run)
    inputs = ReportInputs(
        recipe=dump(recipe),
        run=read_json(run.state),
        data=read_data(run),
        examples=read_examples(run),
        steps=list(read_jsonl(run.adapter / "steps.jsonl")),
        test=measured.test,
        baseline=measured.baseline,
        tuned=measured.tuned,
        metrics=read_json(run.metrics / "metrics.json"),
        prompts=_prompts(run),
        benchmarks=read_benchmarks(run),
        seeds=read_seeds(run),
        search=read_search(run),
    )
    work.make_room()
    build_report(dataclasses.replace(inputs, run=read_json(run.state)), run.report)
    # Lets a repetition of training and a search know whether the page shows their latest figures.
    shown = {"seeds_shown": run.seeds, "search_shown": run.path / "search.json"}
    work.keep({name: sha256_file(path) if path.is_file() else None for name, path in shown.items()})
    work.progress.finish()


def _machine_is_able(request: RunRequest) -> None:
    from medadapt.models.device import pick_device, resolve_dtype

    resolve_dtype(request.recipe.model.precision, pick_device(request.device))


def _base_is_there(request: RunRequest) -> None:
    from medadapt.models.loading import check_base

    if not request.smoke:
        existing.refuse_own_adapter(request.folder, request.recipe.model.adapter)
        check_base(request.recipe.model, request.recipe.lora.targets)


def _trainer_and_trackers_are_there(request: RunRequest) -> None:
    from medadapt.training.trackers.opening import check_trackers
    from medadapt.training.trainer_settings import check_trainer_settings

    check_trainer_settings(request.recipe)
    check_trackers(request.recipe.training.tracking)


def _embedding_model_is_there(request: RunRequest) -> None:
    from medadapt.predictions.embedding_layout import check_embedding_model

    check_embedding_model(request.recipe)


def _sources(recipe: Recipe) -> dict[str, str]:
    from medadapt.records.reading.sources import source_hashes

    return source_hashes(recipe.data)


def _base_weights(recipe: Recipe) -> dict[str, str]:
    from medadapt.models.fingerprint import folder_fingerprint
    from medadapt.models.local_base import local_folder

    folder = local_folder(recipe.model.base)
    return folder_fingerprint(folder) if folder is not None else {}


def _start_weights(recipe: Recipe) -> dict[str, str]:
    from medadapt.models.adapter_files import adapter_hashes

    return {**_base_weights(recipe), **adapter_hashes(recipe.model.adapter)}


def _weights_asked(recipe: Recipe) -> dict[str, str]:
    from medadapt.predictions.embedding_layout import embedding_hashes

    return {**_base_weights(recipe), **embedding_hashes(recipe)}


def _base_path(recipe: Recipe, work: Work) -> str:
    return smoke_base(recipe, work.run) if work.smoke else recipe.model.base


def _facts_of(base: LoadedBase) -> dict[str, Any]:
    return {
        **base.facts,
        "base": base.name,
        "base_sha256": base.sha256,
        "dtype": str(base.dtype).removeprefix("torch."),
        "vocabulary_size": base.vocabulary_size,
    }


def _prompts(run: RunFolder) -> dict[str, str]:
    """Record id -> prompt of the test records, as they were encoded."""
    from medadapt.examples.token_sets import read_texts

    return {row["id"]: row["prompt"] for row in read_texts(run.examples / "test", ["id", "prompt"])}


STAGES: tuple[Stage, ...] = (
    Stage(
        name="prepare",
        folder="1-records",
        outputs=("train.jsonl", "validation.jsonl", "test.jsonl", "dropped.jsonl", "data.json"),
        reads=("data", "seed"),
        run=prepare,
        version="3",
        sources=_sources,
    ),
    Stage(
        name="encode",
        folder="2-examples",
        outputs=("examples.json", "dropped.jsonl", "*/data-*.arrow"),
        reads=("prompt", "examples", "model"),
        run=encode,
        sources=_base_weights,
        checks=(_base_is_there,),
    ),
    Stage(
        name="train",
        folder="3-adapter",
        outputs=(WEIGHTS, CONFIG, ASKING),
        reads=("model", "lora", "training", "seed"),
        run=train,
        sources=_start_weights,
        checks=(_machine_is_able, _base_is_there, _trainer_and_trackers_are_there),
        costly=("checkpoints/*", WEIGHTS),
        exchangeable=True,
    ),
    Stage(
        name="predict",
        folder="4-predictions",
        outputs=("baseline.jsonl", "tuned.jsonl", "*.jsonl"),
        reads=(
            "model",
            "data.aliases",
            "evaluation.method",
            "evaluation.max_new_tokens",
            "evaluation.embedding_model",
            "evaluation.choice_by",
            "evaluation.score_choices",
            "evaluation.few_shot",
            "evaluation.permutations",
            "evaluation.also_score",
            "evaluation.retrieval",
            "seed",
            "evaluation.forgetting",
        ),
        run=predict,
        version="5",
        keeps=("benchmarks",),
        sources=_weights_asked,
        checks=(_machine_is_able, _base_is_there, _embedding_model_is_there),
    ),
    Stage(
        name="score",
        folder="5-metrics",
        outputs=("metrics.json",),
        reads_first=True,
        reads=("evaluation", "seed", "data.allow_leak"),
        run=score,
        carries={
            "benchmarks": "medadapt benchmark",
            "parity.json": "medadapt parity",
            "seeds.json": "medadapt run --seeds",
        },
        sealed=True,
        version="7",
    ),
    Stage(
        name="report",
        folder="6-report",
        outputs=("index.html", "README.md"),
        reads_first=True,
        reads=("*", "data.allow_leak"),
        run=report,
    ),
)
"""The path of the data, in order."""

STAGE_NAMES = tuple(stage.name for stage in STAGES)
