"""How likely labels and options are where nothing was asked: what the rule `relative` takes off."""

from __future__ import annotations

from collections.abc import Sequence

from medadapt.core.progress import Progress
from medadapt.examples.encoding import Encoder
from medadapt.models.loading import LoadedBase
from medadapt.predictions.batching import TokenBudget
from medadapt.predictions.questions import Question
from medadapt.predictions.scoring import continuation_scores


class Unconditional:
    """Log-likelihoods of completions after the prompt's closing words alone; each is computed once for a model.

    It holds for the model as it is: with an adapter it is another one.
    """

    def __init__(self, model: LoadedBase, encoder: Encoder) -> None:
        self._model = model
        self._prompt = encoder.closing_words().tokens
        self._known: dict[tuple[int, ...], float] = {}

    def scores(
        self, questions: Sequence[Question], *, budget: TokenBudget, title: str, progress: Progress
    ) -> list[dict[str, float] | None]:
        """Log-likelihood in nats of each choice of each question, over its own tokens; None for open questions.

        Questions that share their choices share what is found.
        """
        sets = {id(question.choices): question.choices or {} for question in questions}
        asked = {tuple(tokens) for choices in sets.values() for tokens in choices.values()}
        if todo := sorted(asked - self._known.keys()):
            progress.start(f"{title}: choices without a question", len(todo))
            self._compute(todo, budget, progress)
            progress.finish()
        found = {
            number: {name: self._known[tuple(tokens)] for name, tokens in choices.items()}
            for number, choices in sets.items()
        }
        return [None if question.choices is None else found[id(question.choices)] for question in questions]

    def _compute(
        self, completions: Sequence[tuple[int, ...]], budget: TokenBudget, progress: Progress
    ) -> None:
        (found,) = continuation_scores(
            self._model, [self._prompt], [completions], budget=budget, advance=progress.advance
        )
        self._known.update(zip(completions, found, strict=True))
