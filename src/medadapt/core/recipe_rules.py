"""What the sections of a recipe must not say together, each in a sentence that names the way out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from medadapt.core.text_metrics import TEXT_METRICS

if TYPE_CHECKING:
    from medadapt.core.recipe import Recipe

WRITTEN = (
    "evaluation.max_new_tokens",
    "evaluation.soft_match.metric",
    "evaluation.soft_match.threshold",
    "evaluation.embedding_model",
)
"""Keys that only say something of written answers."""

OPEN = ("typed_qa", "dialogue", "question_answer")
CLOSED = ("symptom_table", "multiple_choice")
ANSWERED = (*OPEN, "multiple_choice")
FORMATS_OF_KEY: dict[str, tuple[str, ...]] = {
    "data.types": ("typed_qa",),
    "data.choice_type": ("multiple_choice",),
    "data.answer_base": ("multiple_choice",),
    "data.limit.by": ("multiple_choice",),
    "data.columns.label": ("symptom_table",),
    "data.columns.type": ("typed_qa",),
    "data.columns.answer": ANSWERED,
    "data.columns.context": ANSWERED,
    "data.columns.options": ("multiple_choice",),
    "data.columns.answer_index": ("multiple_choice",),
    "data.columns.explanation": ("multiple_choice",),
    "data.columns.subject": ("multiple_choice",),
    "data.columns.topic": ("multiple_choice",),
    "data.columns.choice_type": ("multiple_choice",),
    "prompt.options": ("multiple_choice",),
    "prompt.answer": ("multiple_choice",),
    "evaluation.soft_match.metric": OPEN,
    "evaluation.soft_match.threshold": OPEN,
    "evaluation.embedding_model": OPEN,
    "evaluation.choice_by": CLOSED,
    "evaluation.score_choices": ("symptom_table",),
    "evaluation.permutations": ("multiple_choice",),
    "evaluation.also_score": ("multiple_choice",),
}
"""The formats for which a key says something; elsewhere any value but its default is refused."""


def mistakes_between_sections(recipe: Recipe) -> Iterator[str]:
    """All that sections, each valid in itself, contradict each other in: a line each, for the user."""
    yield from _mistakes_of_primary(recipe)
    yield from _mistakes_of_alpha(recipe)
    yield from _mistakes_of_training(recipe)
    yield from _mistakes_of_template(recipe)
    yield from _mistakes_of_options(recipe)
    yield from _mistakes_of_idle_keys(recipe)


def _mistakes_of_primary(recipe: Recipe) -> Iterator[str]:
    closed_only = {"accuracy", "macro_f1", "accuracy_generated"}
    primary = recipe.evaluation.primary
    if recipe.task == "qa" and primary in closed_only:
        yield (
            f"evaluation.primary '{primary}' marks a closed set of answers, but data.format "
            f"'{recipe.data.format}' asks open questions; use 'bits_per_byte', 'loss' or 'perplexity'"
        )
    elif primary in TEXT_METRICS and (recipe.task != "qa" or recipe.method != "generate"):
        yield (
            f"evaluation.primary '{primary}' compares written answers to open questions; use it with an open "
            f"data.format ({', '.join(OPEN)}) and evaluation.method: generate"
        )
    elif primary == "similarity" and recipe.evaluation.embedding_model is None:
        yield "evaluation.primary 'similarity' needs evaluation.embedding_model"
    elif primary == "accuracy_generated" and recipe.evaluation.method != "generate":
        yield "evaluation.primary 'accuracy_generated' marks written answers; set evaluation.method: generate"


def _mistakes_of_alpha(recipe: Recipe) -> Iterator[str]:
    alpha, swaps = recipe.evaluation.alpha, recipe.evaluation.bootstrap_samples
    is_exact = recipe.primary in {"accuracy", "accuracy_generated"}
    if alpha * (swaps + 1) <= 1 and not is_exact:
        yield (
            f"evaluation.alpha {alpha:g} needs evaluation.bootstrap_samples: {1 / alpha // 1:.0f} or more; with "
            f"{swaps} random swaps of the models no p is below {1 / (swaps + 1):.2g}, so nothing could be shown"
        )


def _mistakes_of_training(recipe: Recipe) -> Iterator[str]:
    if recipe.training.epochs == 0 and recipe.model.adapter is None:
        yield (
            "training.epochs 0 trains nothing; give more epochs, or name a finished adapter as model.adapter "
            "to evaluate it"
        )
    elif recipe.training.epochs == 0:
        asked = {
            "search": recipe.search is not None,
            "training.trainer": bool(recipe.training.trainer),
            "training.backend": recipe.training.backend != "native",
            "training.early_stopping": recipe.training.early_stopping is not None,
        }
        if idle := [key for key, is_asked in asked.items() if is_asked]:
            yield (
                f"training.epochs 0 trains nothing, so nothing reads {', '.join(idle)}; remove what is named "
                "here, or give more epochs"
            )
    if recipe.training.trainer and recipe.training.backend != "trl":
        yield (
            "training.trainer holds settings of TRL, which only training.backend: trl reads; remove it, or set "
            "training.backend: trl"
        )
    if recipe.training.early_stopping and not _holds_validation_out(recipe):
        yield (
            "training.early_stopping watches the validation loss, but no validation records are held out; give "
            "data.split.validation a share, or data.source a validation split, or remove training.early_stopping"
        )


def _mistakes_of_template(recipe: Recipe) -> Iterator[str]:
    fits = {
        "symptom_table": {"auto", "symptoms"},
        "multiple_choice": {"auto", "choices", "question", "medical_question"},
        "dialogue": {"auto", "dialogue", "question", "medical_question"},
    }.get(recipe.data.format, {"auto", "typed_question", "question", "medical_question"})
    if recipe.prompt.template not in fits:
        yield (
            f"prompt.template '{recipe.prompt.template}' does not suit data.format '{recipe.data.format}'; "
            f"use one of {', '.join(sorted(fits))}"
        )


def _mistakes_of_options(recipe: Recipe) -> Iterator[str]:
    if recipe.data.format != "multiple_choice":
        return
    evaluation, shown = recipe.evaluation, recipe.prompt.options
    if evaluation.permutations > 1 and not shown:
        yield (
            "evaluation.permutations moves the options in the prompt, but prompt.options: false hides them; "
            "remove permutations, or show the options"
        )
    if "letter" in evaluation.also_score and not shown:
        yield (
            "evaluation.also_score 'letter' names an option that prompt.options: false hides; remove it, or show "
            "the options"
        )
    if _scored_by(recipe) in evaluation.also_score:
        yield (
            f"evaluation.also_score '{_scored_by(recipe)}' is how options are scored in any case; name the other "
            "way, or remove it"
        )
    elif len(set(evaluation.also_score)) < len(evaluation.also_score):
        yield f"evaluation.also_score names '{evaluation.also_score[0]}' twice; name it once"


def _scored_by(recipe: Recipe) -> Literal["letter", "text"]:
    """multiple_choice: what stands for an option when it is scored."""
    answer = recipe.prompt.answer
    by_letter = recipe.prompt.options if answer == "auto" else answer == "letter"
    return "letter" if by_letter else "text"


def _mistakes_of_idle_keys(recipe: Recipe) -> Iterator[str]:
    idle = [
        f"{key} (only for {', '.join(formats)})"
        for key, formats in FORMATS_OF_KEY.items()
        if recipe.data.format not in formats and _is_asked(recipe, key)
    ]
    if recipe.method == "score":
        idle += [
            f"{key} (only with evaluation.method: generate)" for key in WRITTEN if _is_asked(recipe, key)
        ]
    if recipe.evaluation.forgetting == "off" and _is_asked(recipe, "evaluation.forgetting_margin"):
        idle.append("evaluation.forgetting_margin (only with evaluation.forgetting: auto)")
    if idle:
        yield (
            f"with data.format '{recipe.data.format}' and evaluation.method '{recipe.method}' nothing reads "
            f"{'; '.join(idle)}; remove what is named here, or change the format or method"
        )


def _holds_validation_out(recipe: Recipe) -> bool:
    source = recipe.data.source
    return recipe.data.split.validation > 0 if isinstance(source, str) else "validation" in source


def _is_asked(recipe: Recipe, key: str) -> bool:
    """Whether a key such as `data.limit.by` stands in the recipe with another value than its default."""
    *path, last = key.split(".")
    place: Any = recipe
    for part in path:
        place = getattr(place, part)
    if place is None:
        return False
    if isinstance(place, dict):
        return last in place
    return bool(getattr(place, last) != type(place).model_fields[last].default)
