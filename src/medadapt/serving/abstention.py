"""When a model had better say nothing: the rule from a run's validation records, and how a question fares under it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from medadapt.core.adapter_folder import CONFIG
from medadapt.core.errors import DataError, MedAdaptError, RunFolderError
from medadapt.core.home_folder import in_home
from medadapt.core.records import read_records
from medadapt.core.results import ModelName, read_predictions
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.metrics.calibration.beliefs import beliefs_of
from medadapt.metrics.calibration.judged import judge
from medadapt.metrics.calibration.temperature import fit_temperature
from medadapt.metrics.calibration.thresholds import choose_threshold
from medadapt.metrics.marking.marks import on_grid
from medadapt.models.hub_adapter import HUB
from medadapt.serving.command_targets import Run, need_measured_adapter, read_run

if TYPE_CHECKING:
    from medadapt.serving.answering import Weighed

MOST_RISK = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class AbstentionRule:
    """A model answers where it is sure enough, and is then wrong no more often than `risk`."""

    risk: float
    temperature: float
    """By what its scores are divided before they become confidence."""
    threshold: float
    """The lowest confidence that is enough."""
    num_answers: frozenset[int]
    """How many labels or options the questions had on which it was measured; fewer make a model look surer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sureness:
    """How sure a model is of the answer that it finds likeliest."""

    rule: AbstentionRule
    weighed: Sequence[Weighed]
    """Its answers at the rule's temperature, the likeliest first."""

    @property
    def name(self) -> str:
        """The label, or the option's letter, that it finds likeliest."""
        return self.weighed[0].name

    @property
    def confidence(self) -> float:
        """The probability of that, on the grid on which thresholds are chosen."""
        return float(on_grid([self.weighed[0].probability])[0])

    @property
    def enough(self) -> bool:
        """Whether it may answer."""
        return self.confidence >= self.rule.threshold


def check_risk(risk: float, *, base: str | None) -> None:
    """Raise MedAdaptError for a risk that nobody can wish for, or another `base` than the one it was measured with."""
    if base is not None:
        raise MedAdaptError(
            "A risk and another base are both given, but how sure is sure enough was measured with the run's own base.",
            "one of them",
            "Leave one out.",
        )
    if not 0 < risk < MOST_RISK:
        raise MedAdaptError(
            f"{risk:g} is no share of wrong answers to aim at.",
            f"a number above 0 and below {MOST_RISK:g}, such as 0.1 for one wrong answer in ten",
            "Correct the risk.",
        )


def abstention_rule(target: str, *, risk: float, model: ModelName) -> AbstentionRule:
    """The rule of one model of a run, from its validation records and what it said of them.

    Raises RunFolderError or DataError, with the way out, for what is no run, for open questions, where there are no
    such predictions or they are of an adapter that was exchanged since, and where no threshold keeps the risk.
    """
    folder = RunFolder(in_home(target))
    if target.startswith(HUB) or ((folder.path / CONFIG).is_file() and not folder.state.is_file()):
        raise RunFolderError(
            f"{target} has no validation predictions, from which a risk gets its threshold.",
            "the run folder that the adapter was made in",
            "Name the run folder, or leave the risk out.",
        )
    run = read_run(target)
    if run.recipe.task == "qa":
        raise DataError(
            "A risk has no meaning for open questions: there is no closed set of answers to be sure of.",
            "a run of task diagnosis or multiple_choice",
            "Leave the risk out.",
        )
    return _rule_from(run, risk, model)


def at_temperature(weighed: Sequence[Weighed], temperature: float) -> list[Weighed]:
    """The same answers in the same order, their probabilities made shyer (above 1) or bolder (below 1)."""
    logs = [math.log(one.probability) if one.probability > 0 else -math.inf for one in weighed]
    weights = [math.exp((log - max(logs)) / temperature) for log in logs]
    total = math.fsum(weights)
    return [replace(one, probability=weight / total) for one, weight in zip(weighed, weights, strict=True)]


def sureness(weighed: Sequence[Weighed], rule: AbstentionRule) -> Sureness:
    """How sure a model is, from its probabilities as they are, the likeliest answer first.

    Raises DataError for a question with none, or with another number of them than the rule was measured on.
    """
    if not weighed:
        raise DataError(
            "There are no options, so there is nothing for the model to be sure of.",
            "at least two options",
            "Add options, or leave the risk out.",
        )
    if len(weighed) not in rule.num_answers:
        measured = " or ".join(map(str, sorted(rule.num_answers)))
        raise DataError(
            f"How sure is sure enough was measured on questions with {measured} options, and this one has "
            f"{len(weighed)}.",
            "as many options",
            "Give as many, or leave the risk out.",
        )
    return Sureness(rule=rule, weighed=at_temperature(weighed, rule.temperature))


def _rule_from(run: Run, risk: float, model: ModelName) -> AbstentionRule:
    records = list(read_records(run.folder.records / "validation.jsonl"))
    path = run.folder.predictions / f"validation.{model}.jsonl"
    if not records:
        raise RunFolderError(
            f"{run.folder.path} has no validation records, from which a risk gets its threshold.",
            "a run with validation records",
            "Make a run with `data.split.validation` above 0, or leave the risk out.",
        )
    if not path.is_file() and run.recipe.evaluation.score_choices == "best":
        raise RunFolderError(
            f"{run.folder.path} looked for the best labels alone, so nobody knows how sure its models are.",
            "a run with `evaluation.score_choices: all`",
            f"Run `{command('run', run.folder.path, '--set', 'evaluation.score_choices=all')}`, or leave "
            "the risk out.",
        )
    if not path.is_file():
        raise RunFolderError(
            f"{path} is missing: a risk gets its threshold from predictions of the validation records.",
            "a run whose predict stage has asked the validation records, too",
            f"Run `{command('predict', run.folder.path)}` with this version, or leave the risk out.",
        )
    if model == "tuned":
        need_measured_adapter(run)
    predictions = list(read_predictions(path))
    beliefs = beliefs_of(run.recipe.task, records, predictions)
    temperature = fit_temperature(beliefs).used
    judged = judge(beliefs, temperature)
    found = choose_threshold(judged.confidence, judged.right, beliefs.group, risk=risk)
    if found.value is None:
        raise DataError(
            f"The {model} model cannot keep a risk of {risk:g}: {found.reason}.",
            "a risk that the validation records can vouch for",
            "Ask for a larger risk, or make a run with more validation records.",
        )
    return AbstentionRule(
        risk=risk,
        temperature=temperature,
        threshold=found.value,
        num_answers=frozenset(len(prediction.scores or {}) for prediction in predictions),
    )
