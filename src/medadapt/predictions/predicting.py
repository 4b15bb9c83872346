"""Records + model -> Predictions, for the baseline and the tuned model alike."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medadapt.core.errors import DivergedError, MedAdaptError, ModelError
from medadapt.core.files import write_jsonl
from medadapt.core.hashes import sha256_text
from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe
from medadapt.core.records import Record, read_records
from medadapt.core.results import MODEL_NAMES, ModelName, Prediction
from medadapt.examples.encoding import Encoder, load_encoder
from medadapt.models.adapter import load_adapter
from medadapt.models.loading import LoadedBase
from medadapt.models.lora import lora_layers
from medadapt.predictions.batching import TokenBudget, answering
from medadapt.predictions.generation import generate, stopping_ids
from medadapt.predictions.likelihood import Likelihood, reference_likelihoods
from medadapt.predictions.parsing import read_label, read_letter
from medadapt.predictions.questions import Question, pose
from medadapt.predictions.scoring import best_choice, choice_scores, probabilities
from medadapt.predictions.settings import PredictionSettings, answer_tokens, prediction_settings
from medadapt.predictions.similarity import add_similarities, load_embedding_model


def predict_both(
    recipe: Recipe,
    *,
    records: Path,
    examples: Path,
    base: LoadedBase,
    adapter: Path,
    folder: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Test records -> `baseline.jsonl` and `tuned.jsonl` in `folder`: same records, prompts and code.

    `records`, `examples` and `adapter` are the folders of the stages before; `base` must not carry an
    adapter yet, and carries this one afterwards. Returns what run.json keeps: n, method, batch_tokens,
    truncated (records), the seconds of each model, and `embedding`, the embedding model where the recipe
    names one.
    """
    if any(lora_layers(base.model)):
        raise ValueError("the baseline must be measured without an adapter, but the base carries one")
    encoder = load_encoder(examples, base.tokenizer)
    test = list(read_records(records / "test.jsonl"))
    settings = prediction_settings(recipe, device_type=base.device.type)
    started = time.monotonic()
    baseline = predict(base, encoder, test, name="baseline", settings=settings, progress=progress)
    write_jsonl(folder / "baseline.jsonl", baseline)
    between = time.monotonic()
    tuned_model = load_adapter(base, adapter)
    tuned = predict(tuned_model, encoder, test, name="tuned", settings=settings, progress=progress)
    write_jsonl(folder / "tuned.jsonl", tuned)
    ended = time.monotonic()
    embedding = None
    if (named := recipe.evaluation.embedding_model) is not None:
        embedding = load_embedding_model(Path(named), device=base.device)
        answers = [record.answer for record in test]
        compared = add_similarities(
            embedding, answers, baseline, tuned, batch_tokens=settings.batch_tokens, progress=progress
        )
        for name, rows in zip(MODEL_NAMES, compared, strict=True):
            write_jsonl(folder / f"{name}.jsonl", rows)
    return {
        "n": len(test),
        "method": settings.method,
        "batch_tokens": settings.batch_tokens,
        "truncated": sum(prediction.truncated for prediction in baseline),
        "seconds": {
            "baseline": round(between - started, 3),
            "tuned": round(ended - between, 3),
        },
        "embedding": embedding.description if embedding else None,
    }


def predict(
    model: LoadedBase,
    encoder: Encoder,
    records: Sequence[Record],
    *,
    name: ModelName,
    settings: PredictionSettings,
    progress: Progress,
) -> list[Prediction]:
    """What one model says of each record, in the order of `records`.

    Closed tasks: the log-likelihood of every label or option, and the choice it makes. All tasks: the
    likelihood of the reference answer. With method `generate` also a written answer. Raises ModelError
    (baseline) or DivergedError (tuned) when a likelihood is not a finite number.
    """
    # Labels and option texts are trained with their end; a text that an explanation may follow is not.
    questions = pose(encoder, records, close_choices=encoder.plan.wording.answer == "text")
    budget = TokenBudget(settings.batch_tokens)
    with answering(model.model):
        progress.start(f"{name}: likelihood of the reference answers", len(questions))
        likelihoods = reference_likelihoods(model, questions, budget=budget, advance=progress.advance)
        progress.finish()
        scores = _scores(model, questions, likelihoods, budget=budget, name=name, progress=progress)
        texts: list[str] | None = None
        if settings.method == "generate":
            texts = _written(model, encoder, questions, settings, budget=budget, name=name, progress=progress)
    _check_finite(likelihoods, scores, name)
    return [
        _prediction(
            record,
            question,
            likelihood,
            choices,
            text=texts[place] if texts is not None else None,
            name=name,
            settings=settings,
            labels=encoder.labels,
        )
        for place, (record, question, likelihood, choices) in enumerate(
            zip(records, questions, likelihoods, scores, strict=True)
        )
    ]


def _scores(
    model: LoadedBase,
    questions: Sequence[Question],
    likelihoods: Sequence[Likelihood],
    *,
    budget: TokenBudget,
    name: ModelName,
    progress: Progress,
) -> list[dict[str, float] | None]:
    """Scores of the choices, where the likelihoods did not bring them; None for open questions."""
    scores = [likelihood.scores for likelihood in likelihoods]
    places = [i for i, question in enumerate(questions) if question.choices and scores[i] is None]
    if places:
        todo = [questions[place] for place in places]
        progress.start(
            f"{name}: scores of the choices", sum(len(question.choices or {}) for question in todo)
        )
        found = choice_scores(model, todo, budget=budget, advance=progress.advance)
        progress.finish()
        for place, choices in zip(places, found, strict=True):
            scores[place] = choices
    return scores


def _written(
    model: LoadedBase,
    encoder: Encoder,
    questions: list[Question],
    settings: PredictionSettings,
    *,
    budget: TokenBudget,
    name: ModelName,
    progress: Progress,
) -> list[str]:
    """Greedy answers as text, special tokens and outer spaces removed."""
    wanted = [answer_tokens(settings, question) for question in questions]
    most = max(wanted, default=0)
    context = model.context_length or encoder.max_length
    # A prompt near the end of the context gets what is left of it; such prompts are mostly of one length.
    places: dict[int, list[int]] = {}
    for place, question in enumerate(questions):
        room = min(most, max(1, context - len(question.prompt.tokens)))
        places.setdefault(room, []).append(place)
    texts = [""] * len(questions)
    progress.start(f"{name}: written answers", len(questions))
    for room, group in places.items():
        prompts = [questions[place].prompt.tokens for place in group]
        answers = generate(
            model,
            prompts,
            max_new_tokens=room,
            closing_ids=stopping_ids(encoder),
            batch_tokens=budget,
            advance=progress.advance,
        )
        for place, answer in zip(group, answers, strict=True):
            # All are written to one length, in as few batches as can be; a greedy answer can be cut afterwards.
            own = answer[: wanted[place]]
            texts[place] = encoder.tokenizer.decode(own, skip_special_tokens=True).strip()
    progress.finish()
    return texts


def _prediction(
    record: Record,
    question: Question,
    likelihood: Likelihood,
    scores: dict[str, float] | None,
    *,
    text: str | None,
    name: ModelName,
    settings: PredictionSettings,
    labels: Sequence[str],
) -> Prediction:
    parsed = None
    if text is not None and settings.task == "diagnosis":
        parsed = read_label(text, labels, settings.aliases)
    elif text is not None and record.options is not None:
        parsed = read_letter(text, record.options, settings.aliases)
    return Prediction(
        id=record.id,
        model=name,
        prompt_sha256=sha256_text(question.prompt.text),
        text=text,
        parsed=parsed,
        choice=best_choice(scores) if scores else None,
        scores=scores,
        probabilities=probabilities(scores) if scores else None,
        nll=likelihood.nll,
        num_tokens=len(question.reference.tokens),
        num_bytes=question.reference.num_bytes,
        truncated=question.truncated,
    )


def _check_finite(
    likelihoods: Sequence[Likelihood], scores: Sequence[dict[str, float] | None], name: ModelName
) -> None:
    numbers = [likelihood.nll for likelihood in likelihoods]
    numbers += [score for choices in scores for score in (choices or {}).values()]
    if (bad := sum(not math.isfinite(number) for number in numbers)) == 0:
        return
    kind: type[MedAdaptError] = ModelError if name == "baseline" else DivergedError
    raise kind(
        f"The {name} model gives {bad} of {len(numbers)} likelihoods that are not finite numbers.",
        "a finite log-likelihood for every answer",
        "Set model.precision to bf16 or fp32: some models overflow in fp16."
        if name == "baseline"
        else "Train again with a lower training.learning_rate.",
    )
