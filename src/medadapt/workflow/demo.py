"""The demo: a bundled recipe on bundled data and the bundled base, and two of its test questions to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from medadapt.core.errors import RunFolderError
from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.records import LETTERS, read_records
from medadapt.core.results import MODEL_NAMES, read_predictions
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.samples import recipe_file
from medadapt.samples.bundled_base import SAMPLE_BASE
from medadapt.workflow.locating import RUNS
from medadapt.workflow.outcome import Outcome, run
from medadapt.workflow.request import RunRequest

if TYPE_CHECKING:
    from medadapt.report.sections import Saying

TaskName = Literal["symptoms", "typed_qa", "dialogues", "qa", "mcq"]
QUESTIONS = 2
"""Test questions shown with their answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One of the five tasks that can be shown."""

    about: str
    """What the model learns, as the end of a sentence."""
    file: str
    """A name for a file of one's own."""
    full_recipe: str
    """The bundled recipe that does the same with a base of full size."""


DEMOS: dict[TaskName, Demo] = {
    "symptoms": Demo(
        about="to name the condition for a list of symptoms",
        file="symptoms.csv",
        full_recipe="symptom-diagnosis-opt-1.3b",
    ),
    "typed_qa": Demo(
        about="to answer questions of a known type",
        file="questions.csv",
        full_recipe="symptom-qa-llama-3.2-1b-qlora",
    ),
    "dialogues": Demo(
        about="to answer a patient's message", file="dialogues.json", full_recipe="dialogue-biogpt"
    ),
    "qa": Demo(
        about="to answer open questions", file="questions.csv", full_recipe="medical-qa-mistral-7b-int8"
    ),
    "mcq": Demo(
        about="to answer exam questions", file="exam.json", full_recipe="multiple-choice-llama-3.1-8b"
    ),
}
"""The first one is what `medadapt demo` shows unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredQuestion:
    """A test record with what the reference and both models say to it."""

    question: str
    options: tuple[str, ...]
    """With their letters; empty where there are none."""
    sayings: tuple[Saying, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedDemo:
    """A demo that ran to its end."""

    task: TaskName
    outcome: Outcome
    on_samples: bool
    """Neither base nor data was replaced by one's own."""
    questions: tuple[AnsweredQuestion, ...]


def recipe_name(task: TaskName) -> str:
    """The bundled recipe behind a task."""
    return f"demo-{task}"


def demo_folder(task: TaskName, output: Path | None, *, among_all: bool) -> Path:
    """Where a task runs: the folder asked for, or `runs/demo`.

    The task's name goes behind it for all but the first task, unless the folder was asked for one task. Raises
    RunFolderError where the folder has no name to put another behind.
    """
    if output and not among_all:
        return output
    first = output or RUNS / "demo"
    if first.name in {"", ".."}:
        raise RunFolderError(
            f"The other tasks of --all cannot stand beside '{first}'.",
            "a folder with a name, such as runs/demo",
            "Name another folder with -o.",
        )
    return first if task == next(iter(DEMOS)) else first.with_name(f"{first.name}-{task}")


def demo_request(
    task: TaskName, folder: Path, *, overrides: Sequence[str], replace: bool, device: str, command: str
) -> RunRequest:
    """The run that a demo is; `command` is the one that goes on with it when it is stopped."""
    recipe = read_recipe(recipe_file(recipe_name(task)), overrides)
    return RunRequest(recipe=recipe, folder=folder, replace=replace, device=device, resume_with=command)


def is_on_samples(task: TaskName, recipe: Recipe) -> bool:
    """Whether base and data are those that come with the package."""
    return recipe.model.base == SAMPLE_BASE and recipe.data.source == f"sample:{task}"


def run_demo(task: TaskName, request: RunRequest, progress: Progress) -> FinishedDemo:
    """Run the demo, or what is left of it. Raises what `outcome.run` raises."""
    outcome = run(request, progress)
    return FinishedDemo(
        task=task,
        outcome=outcome,
        on_samples=is_on_samples(task, request.recipe),
        questions=tuple(first_questions(RunFolder(outcome.folder), request.recipe)),
    )


def first_questions(run: RunFolder, recipe: Recipe) -> Iterator[AnsweredQuestion]:
    """The first test records, which nobody chose, with what was written or weighed for them."""
    from medadapt.report.sayings import sayings_of

    records = islice(read_records(run.records / "test.jsonl"), QUESTIONS)
    baseline, tuned = (read_predictions(run.predictions / f"{name}.jsonl") for name in MODEL_NAMES)
    for record, before, after in zip(records, baseline, tuned, strict=False):
        yield AnsweredQuestion(
            question=record.question,
            options=tuple(
                f"{letter}. {text}" for letter, text in zip(LETTERS, record.options or [], strict=False)
            ),
            sayings=sayings_of(recipe.task, record, before, after),
        )


def next_commands(task: TaskName, folder: Path) -> dict[str, str]:
    """What to do next -> the command: own data, a model of full size, a talk with the tuned model."""
    demo = DEMOS[task]
    own = ("--set", f"data.source={demo.file}")
    return {
        "Your own data": command("run", recipe_name(task), *own, "-o", "runs/mine"),
        "A model of full size": command("run", demo.full_recipe, *own),
        "Talk to the tuned model": command("chat", folder),
    }
