"""Questions + model -> Predictions, the same way for the baseline and the tuned model."""

from __future__ import annotations

import math
from collections.abc import Sequence

from medadapt.core.choice_rules import CHOICE_RULES
from medadapt.core.errors import DivergedError, MedAdaptError, ModelError
from medadapt.core.hashes import sha256_text
from medadapt.core.progress import Progress
from medadapt.core.records import Record
from medadapt.core.results import ModelName, Prediction
from medadapt.examples.encoding import Encoder
from medadapt.models.loading import LoadedBase
from medadapt.models.repeated_heads import repeated_heads
from medadapt.predictions.batching import TokenBudget, answering
from medadapt.predictions.best_first import best_choice_scores
from medadapt.predictions.choice_rules import by_rule, searched_rules
from medadapt.predictions.generation import generate
from medadapt.predictions.likelihood import Likelihood, reference_likelihoods
from medadapt.predictions.parsing import read_label, read_letter
from medadapt.predictions.question_sets import QuestionSet
from medadapt.predictions.questions import Question, closes_choices, pose
from medadapt.predictions.scoring import best_choice, choice_scores, probabilities
from medadapt.predictions.settings import PredictionSettings, answer_tokens
from medadapt.predictions.unconditional import Unconditional


def predict(
    model: LoadedBase,
    encoder: Encoder,
    records: Sequence[Record],
    *,
    name: ModelName,
    settings: PredictionSettings,
    progress: Progress,
) -> list[Prediction]:
    """What one model says of each record, in the order of `records`; as `answer`."""
    questions = pose(encoder, records, close_choices=closes_choices(encoder))
    asked = QuestionSet(
        split="test", records=list(records), questions=questions, written=settings.method == "generate"
    )
    unconditional = Unconditional(model, encoder)
    return answer(
        model, encoder, asked, name=name, settings=settings, unconditional=unconditional, progress=progress
    )


def answer(
    model: LoadedBase,
    encoder: Encoder,
    asked: QuestionSet,
    *,
    name: ModelName,
    settings: PredictionSettings,
    unconditional: Unconditional,
    progress: Progress,
) -> list[Prediction]:
    """What one model says to each question of a set, in its order.

    Closed tasks: the log-likelihood of every label or option, and the choice that each rule makes of them. All
    tasks: the likelihood of the reference answer. Where the set asks for it, also a written answer. Raises
    ModelError (baseline) or DivergedError (tuned) when a likelihood is not a finite number.
    """
    questions, title = asked.questions, asked.title(name)
    budget = TokenBudget(settings.batch_tokens)
    with answering(model.model), repeated_heads(model.model):
        alone = unconditional.scores(questions, budget=budget, title=title, progress=progress)
        likelihoods = _likelihoods(
            model, questions, alone, settings, budget=budget, title=title, progress=progress
        )
        texts: list[str] | None = None
        if asked.written:
            texts = _written(model, encoder, asked, settings, budget=budget, title=title, progress=progress)
    _check_finite(likelihoods, alone, name)
    return [
        _prediction(
            record,
            question,
            likelihood,
            without_question,
            text=texts[place] if texts is not None else None,
            name=name,
            settings=settings,
            labels=encoder.labels,
        )
        for place, (record, question, likelihood, without_question) in enumerate(
            zip(asked.records, questions, likelihoods, alone, strict=True)
        )
    ]


def _likelihoods(
    model: LoadedBase,
    questions: Sequence[Question],
    without_question: Sequence[dict[str, float] | None],
    settings: PredictionSettings,
    *,
    budget: TokenBudget,
    title: str,
    progress: Progress,
) -> list[Likelihood]:
    """Likelihood of each reference answer, and the scores of the choices; None for open questions.

    No text is read twice: choices of one token come with the reference answer, and a reference answer that is
    itself one of longer choices comes with them. Of those only as many are scored as `settings` ask for.
    """
    found: dict[int, Likelihood] = {}
    apart = [
        place for place, question in enumerate(questions) if question.choices and not question.single_token
    ]
    scores: dict[int, dict[str, float]] = {}
    if apart:
        todo = [questions[place] for place in apart]
        progress.start(f"{title}: scores of the choices", sum(len(asked.choices or {}) for asked in todo))
        if settings.score_choices == "all":
            scored = choice_scores(model, todo, budget=budget, advance=progress.advance)
        else:
            known = [without_question[place] or {} for place in apart]
            rules = searched_rules(settings.choice_by)
            scored = best_choice_scores(
                model, todo, known, rules=rules, budget=budget, advance=progress.advance
            )
        progress.finish()
        scores = dict(zip(apart, scored, strict=True))
    for place, choices in scores.items():
        if (right := questions[place].reference_choice) is not None:
            found[place] = Likelihood(nll=-choices[right], scores=choices)
    if left := [place for place in range(len(questions)) if place not in found]:
        progress.start(f"{title}: likelihood of the reference answers", len(left))
        asked = [questions[place] for place in left]
        likely = reference_likelihoods(model, asked, budget=budget, advance=progress.advance)
        progress.finish()
        for place, likelihood in zip(left, likely, strict=True):
            choices_here = scores.get(place, likelihood.scores)
            found[place] = Likelihood(nll=likelihood.nll, scores=choices_here)
    return [found[place] for place in range(len(questions))]


def _written(
    model: LoadedBase,
    encoder: Encoder,
    asked: QuestionSet,
    settings: PredictionSettings,
    *,
    budget: TokenBudget,
    title: str,
    progress: Progress,
) -> list[str]:
    """Greedy answers as text, special tokens and outer spaces removed."""
    questions = asked.questions
    wanted = [answer_tokens(settings, question) for question in questions]
    most = max(wanted, default=0)
    context = model.context_length or encoder.max_length
    # A prompt near the end of the context gets what is left of it; such prompts are mostly of one length.
    places: dict[int, list[int]] = {}
    for place, question in enumerate(questions):
        room = min(most, max(1, context - len(question.prompt.tokens)))
        places.setdefault(room, []).append(place)
    texts = [""] * len(questions)
    progress.start(f"{title}: written answers", len(questions))
    for room, group in places.items():
        prompts = [questions[place].prompt.tokens for place in group]
        answers = generate(
            model,
            prompts,
            max_new_tokens=room,
            closing_ids=encoder.stopping_ids(model.end_ids),
            batch_tokens=budget,
            advance=progress.advance,
        )
        for place, answer in zip(group, answers, strict=True):
            # All are written to one length, in as few batches as can be; a greedy answer can be cut afterwards.
            own = answer[: wanted[place]]
            texts[place] = asked.ended(encoder.tokenizer.decode(own, skip_special_tokens=True)).strip()
    progress.finish()
    return texts


def _prediction(
    record: Record,
    question: Question,
    likelihood: Likelihood,
    without_question: dict[str, float] | None,
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
    scores, choices, chances = likelihood.scores, None, None
    if scores and without_question:
        whole = settings.score_choices == "all" or question.single_token
        rules = CHOICE_RULES if whole else searched_rules(settings.choice_by)
        under = by_rule(scores, question, without_question, rules)
        choices = {str(rule): best_choice(figures) for rule, figures in under.items()}
        if whole:
            chances = probabilities(under[settings.choice_by])
    return Prediction(
        id=record.id,
        model=name,
        prompt_sha256=sha256_text(question.prompt.text),
        text=text,
        parsed=parsed,
        choice=choices[settings.choice_by] if choices else None,
        scores=scores,
        choices=choices,
        probabilities=chances,
        nll=likelihood.nll,
        num_tokens=len(question.reference.tokens),
        num_bytes=question.reference.num_bytes,
        truncated=question.truncated,
    )


def _check_finite(
    likelihoods: Sequence[Likelihood], alone: Sequence[dict[str, float] | None], name: ModelName
) -> None:
    numbers = [likelihood.nll for likelihood in likelihoods]
    scored = [*(likelihood.scores for likelihood in likelihoods), *alone]
    numbers += [score for choices in scored for score in (choices or {}).values()]
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
