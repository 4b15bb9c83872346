"""MedAdapt from Python: run a recipe, load its models, ask them.

    import medadapt

    done = medadapt.run("my-recipe.yaml")
    model = medadapt.load(done.folder)
    print(model.ask("itching; skin rash"))
    model.classify("itching; skin rash").probabilities

Mistakes raise `medadapt.core.errors.MedAdaptError`, whose text says what to do. A model is for one thread at a time;
for many at once there is `medadapt serve`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medadapt.core.results import ModelName

if TYPE_CHECKING:
    from medadapt.core.recipe import Quantization
    from medadapt.core.records import Record
    from medadapt.serving.answering import Stopped
    from medadapt.serving.asked import Asked
    from medadapt.serving.assistants import Assistant
    from medadapt.workflow.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model wrote. As text it is the answer alone."""

    text: str
    model: ModelName
    stopped: Stopped
    """`finished`, or why it was cut: `length` or `context`."""
    num_tokens: int
    shortened: bool
    """Whether something was left out of the question, because it was too long."""
    notice: str
    """Not a medical device: what every answer comes with."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """How a model weighs a closed set of answers."""

    choice: str | None
    """The likeliest label, or the option's letter; None where a `risk` was asked for and it is not sure enough."""
    probabilities: dict[str, float]
    """Of each label or letter, the likeliest first; empty where it is not sure enough."""
    confidence: float
    """Of the likeliest."""
    threshold: float | None
    """The confidence that the risk asks for."""
    shortened: bool
    """Whether something was left out of the question, because it was too long."""
    model: ModelName
    notice: str

    @property
    def abstained(self) -> bool:
        """Whether the model is not sure enough to answer."""
        return self.choice is None


class Model:
    """A run, or an adapter, whose tuned model and baseline can be asked. `medadapt.load` makes one."""

    def __init__(self, assistant: Assistant, *, target: str, base: str | None) -> None:
        self._assistant = assistant
        self._target, self._base = target, base

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be known before the model is asked."""
        return self._assistant.notes

    def ask(
        self,
        question: str,
        *,
        context: str | None = None,
        type: str | None = None,
        options: Sequence[str] = (),
        history: Sequence[Mapping[str, str]] = (),
        model: ModelName = "tuned",
        temperature: float = 0.0,
        seed: int | None = None,
        max_new_tokens: int | None = None,
    ) -> Answer:
        """An answer in writing, to a question in the words the model was trained on.

        `history` holds earlier turns of a dialogue as {role, content}, oldest first. By default the answer is that of
        the run's own evaluation: the likeliest tokens, as many as it allows.
        """
        from medadapt.serving.answering import NOTICE, reply
        from medadapt.serving.sampling import Sampling, SettingWords, check_sampling

        sampling = Sampling(temperature=temperature, seed=seed)
        check_sampling(sampling, words=SettingWords(name=str, give_temperature="Add temperature=0.7"))
        record = self._record(question, context, type, options, history)
        given = reply(self._assistant, record, model=model, sampling=sampling, max_new_tokens=max_new_tokens)
        for _ in given.pieces:
            pass
        assert given.stopped is not None
        return Answer(
            text=given.text,
            model=model,
            stopped=given.stopped,
            num_tokens=given.num_tokens,
            shortened=given.shortened,
            notice=NOTICE,
        )

    def stream(
        self,
        question: str,
        *,
        context: str | None = None,
        type: str | None = None,
        options: Sequence[str] = (),
        history: Sequence[Mapping[str, str]] = (),
        model: ModelName = "tuned",
    ) -> Iterator[str]:
        """The same answer piece by piece as it is written; between two pieces the model may be asked other things."""
        from medadapt.serving.answering import reply

        return reply(
            self._assistant, self._record(question, context, type, options, history), model=model
        ).pieces

    def classify(
        self,
        question: str,
        *,
        context: str | None = None,
        type: str | None = None,
        options: Sequence[str] = (),
        model: ModelName = "tuned",
        risk: float | None = None,
    ) -> Classification:
        """How likely the model finds each label or option.

        With a `risk` it answers only where it is sure enough to be wrong in at most this share of its answers, as
        measured on the run's validation records. Raises DataError for a model of open questions.
        """
        from medadapt.core.errors import DataError
        from medadapt.serving.abstention import abstention_rule, check_risk, sureness
        from medadapt.serving.answering import NOTICE, question_for, weigh

        rule = None
        if risk is not None:
            check_risk(risk, base=self._base)
            rule = abstention_rule(self._target, risk=risk, model=model)
        record = self._record(question, context, type, options, ())
        weighed = weigh(self._assistant, record, model=model)
        if not weighed:
            raise DataError(
                "This model answers open questions: it has no closed set of answers.",
                "a model of diagnosis or multiple choice",
                "Use ask instead.",
            )
        sure = None if rule is None else sureness(weighed, rule)
        shown = weighed if sure is None else sure.weighed
        enough = sure is None or sure.enough
        return Classification(
            choice=shown[0].name if enough else None,
            probabilities={one.name: one.probability for one in shown} if enough else {},
            confidence=shown[0].probability if sure is None else sure.confidence,
            threshold=None if rule is None else rule.threshold,
            shortened=question_for(self._assistant, record).prompt.truncated,
            model=model,
            notice=NOTICE,
        )

    def _record(
        self,
        question: str,
        context: str | None,
        qtype: str | None,
        options: Sequence[str],
        history: Sequence[Mapping[str, str]],
    ) -> Record:
        from medadapt.serving.asked import Words, to_record

        words = Words(
            context="context",
            qtype="type",
            give_question="Give it as the first argument.",
            give_options="Give them as a list: options=[...].",
            mend_options="Correct options.",
        )
        return to_record(
            _asked(question, context, qtype, options, history), self._assistant.asking, words=words
        )


def load(
    target: str | Path,
    *,
    base: str | None = None,
    quantization: Quantization | None = None,
    device: str = "auto",
) -> Model:
    """Load a run folder, a folder with a PEFT adapter, or `hub:owner/name[@revision]`.

    `base` replaces the base that it names. `quantization` (none, int8 or nf4) packs the base of an adapter of another
    tool, which else is packed as it was published. Raises MedAdaptError where there is no such thing, and for a
    `quantization` where the run or adapter says it itself.
    """
    from medadapt.serving.assistants import load as load_assistant
    from medadapt.serving.command_targets import find_target

    name = str(target)
    found = find_target(name, base=base, quantization=quantization)
    return Model(load_assistant(found, device=device), target=name, base=base)


def run(
    recipe: str | Path | Mapping[str, Any],
    folder: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    smoke: bool = False,
    replace: bool = False,
    device: str = "auto",
    quiet: bool = False,
) -> Outcome:
    """Run all stages of a recipe, or bring an existing run folder up to date, as `medadapt run` does.

    `recipe` is a path, the name of a bundled recipe, a run folder, or the recipe's values themselves; `overrides` are
    `section.key=value`. The outcome has the run's `folder`, its `metrics`, what was found, and the `exit_code`: 3 for a
    leak, a worse model, an adapter without effect or files that were changed by hand, 4 for a training that diverged
    and was measured all the same. Neither raises anything.
    """
    from medadapt.cli.progress import shown_progress
    from medadapt.core.progress import Silent
    from medadapt.core.recipe_reading import recipe_from
    from medadapt.workflow.locating import RUNS, Located, locate
    from medadapt.workflow.outcome import run as run_stages
    from medadapt.workflow.request import RunRequest, check_device
    from medadapt.workflow.smoke import SUFFIX, smoke_recipe

    check_device(device)
    output = None if folder is None else Path(folder)
    if isinstance(recipe, Mapping):
        made = recipe_from(dict(recipe), where="The recipe", overrides=overrides)
        usual = RUNS / (f"{made.name}{SUFFIX}" if smoke else made.name)
        found = Located(recipe=smoke_recipe(made) if smoke else made, folder=output or usual, smoke=smoke)
    else:
        found = locate(str(recipe), output=output, overrides=overrides, smoke=smoke)
    request = RunRequest(
        recipe=found.recipe, folder=found.folder, smoke=found.smoke, replace=replace, device=device
    )
    with nullcontext(Silent()) if quiet else shown_progress() as progress:
        return run_stages(request, progress)


def _asked(
    question: str,
    context: str | None,
    qtype: str | None,
    options: Sequence[str],
    history: Sequence[Mapping[str, str]],
) -> Asked:
    from medadapt.serving.asked import Asked

    return Asked(
        question=question,
        context=context,
        qtype=qtype,
        options=tuple(options),
        history=tuple({"role": turn["role"], "content": turn["content"]} for turn in history),
    )
