"""`medadapt.json`: how a model is asked, kept beside its adapter so that it travels with it.

An adapter answers well only when it is asked in the words it was trained on. PEFT's files do not hold those
words, so this one does. It holds settings, for a diagnosis task the names of the labels, and the system turn that all
dialogues of the training open with; no record.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from medadapt.core.adapter_folder import ASKING
from medadapt.core.choice_rules import CHOICE_RULES, ChoiceRule
from medadapt.core.errors import DataError, first_line
from medadapt.core.files import read_json, write_json
from medadapt.core.recipe import ModelSection, Recipe
from medadapt.core.records import TASK_OF_FORMAT, Task, read_records
from medadapt.core.run_folder import RunFolder
from medadapt.examples.plan import SUMMARY, EncodingPlan, plan_from_json, plan_to_json
from medadapt.examples.system_turns import SystemTurns, system_turns, system_turns_from_json

SCHEMA = 1
CONVERSATIONS = ("dialogue",)
"""Formats whose records can have earlier turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Everything that decides how a question is put to a model."""

    task: Task
    data_format: str
    """`data.format` of the recipe; `unknown` for an adapter of other software."""
    plan: EncodingPlan
    system_turns: SystemTurns = field(default_factory=SystemTurns)
    """What the dialogues of the training open with."""
    max_new_tokens: int | None
    """Longest written answer of the run's own evaluation, where its recipe sets one."""
    choice_by: ChoiceRule = "sum"
    """The rule by which the run's own evaluation chooses a label or option."""
    model: ModelSection
    """The base, and how it is held in memory."""

    @property
    def converses(self) -> bool:
        """Whether earlier turns are part of a question."""
        return self.data_format in CONVERSATIONS or self._chats_in_general

    @property
    def reads_system(self) -> bool:
        """Whether a conversation may open with a system turn of its own, beside those of the training."""
        return self.system_turns.differ or self._chats_in_general

    @property
    def _chats_in_general(self) -> bool:
        """Whether nothing is known of the training, and the base's own chat template asks."""
        return self.data_format == "unknown" and self.plan.chat


def _system_turns(made: dict[str, Any], recipe: Recipe, run: RunFolder) -> SystemTurns:
    """What the training dialogues open with; examples.json of earlier versions does not say it, their records do."""
    train = run.records / "train.jsonl"
    if "system_turns" not in made and recipe.data.format in CONVERSATIONS and train.is_file():
        return system_turns(read_records(train))
    return system_turns_from_json(made.get("system_turns"), where=str(run.examples / SUMMARY))


def asking_of_run(recipe: Recipe, run: RunFolder, *, base: str | None = None) -> Asking:
    """How the models of a run are asked; `base` is the one in use where it is not the recipe's.

    Raises DataError where the run's examples have not been made.
    """
    path = run.examples / SUMMARY
    if not path.is_file():
        raise DataError(
            f"{path} is missing.", "a run in which encode is done", "Finish the run with `medadapt run`."
        )
    asked, model, made = recipe.evaluation.max_new_tokens, recipe.model, read_json(path)
    return Asking(
        task=recipe.task,
        data_format=recipe.data.format,
        plan=plan_from_json(made["plan"], where=str(path)),
        system_turns=_system_turns(made, recipe, run),
        max_new_tokens=None if asked == "auto" else asked,
        choice_by=recipe.evaluation.choice_by,
        model=model.model_copy(update={"adapter": None, "base": base or model.base}),
    )


def write_asking(asking: Asking, folder: Path) -> None:
    """Write `medadapt.json` into an adapter's folder, without the length of answers and the rule of choosing.

    These belong to the evaluation, which may change when the adapter stays. A run is asked with those of its
    recipe, and a shared adapter carries them; see `upload`.
    """
    write_json(folder / ASKING, asking_values(replace(asking, max_new_tokens=None, choice_by="sum")))


def asking_values(asking: Asking) -> dict[str, Any]:
    """The content of `medadapt.json`."""
    return {
        "schema": SCHEMA,
        "task": asking.task,
        "format": asking.data_format,
        "plan": plan_to_json(asking.plan),
        "system_turns": asdict(asking.system_turns),
        "max_new_tokens": asking.max_new_tokens,
        "choice_by": asking.choice_by,
        "model": asking.model.model_dump(mode="json", exclude={"adapter"}),
    }


def read_asking(folder: Path) -> Asking | None:
    """What `medadapt.json` of an adapter's folder says; None where there is none.

    The file may come from a stranger, so it never allows the base to run code of its own. Raises DataError
    where it is damaged or of a later version.
    """
    path = folder / ASKING
    if not path.is_file():
        return None
    values = read_json(path)
    try:
        if values["schema"] != SCHEMA:
            raise ValueError(f"schema {values['schema']}")
        if values["task"] not in get_args(Task) or values["format"] not in TASK_OF_FORMAT:
            raise ValueError(f"task {values['task']!r}, format {values['format']!r}")
        most = values.get("max_new_tokens")
        if most is not None and not (isinstance(most, int) and most > 0):
            raise ValueError(f"max_new_tokens {most!r}")
        rule = values.get("choice_by", "sum")  # files of earlier versions know of no other
        if rule not in CHOICE_RULES:
            raise ValueError(f"choice_by {rule!r}")
        model = ModelSection.model_validate(values["model"] | {"trust_remote_code": False})
        plan = plan_from_json(values["plan"], where=str(path))
        turns = system_turns_from_json(values.get("system_turns"), where=str(path))
    except (KeyError, TypeError, ValueError) as problem:  # pydantic's errors are ValueErrors
        raise DataError(
            f"{path} cannot be used ({first_line(problem)}).",
            f"a {ASKING} of schema {SCHEMA}",
            "Get the adapter again, use a newer MedAdapt, or remove the file to ask with a general prompt.",
        ) from problem
    return Asking(
        task=values["task"],
        data_format=values["format"],
        plan=plan,
        system_turns=turns,
        max_new_tokens=most,
        choice_by=rule,
        model=model,
    )
