"""The demo's recipes, folders, questions and commands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import get_args

import pytest
import typer

from medadapt.cli.app import app
from medadapt.cli.demo_command import TaskWord
from medadapt.core.errors import RunFolderError
from medadapt.core.files import read_jsonl
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.run_folder import RunFolder
from medadapt.examples.templates import resolve_wording
from medadapt.samples import recipe_file, recipe_names
from medadapt.workflow.demo import (
    DEMOS,
    TaskName,
    demo_folder,
    demo_request,
    first_questions,
    next_commands,
    recipe_name,
)
from serving_runs import diagnosis_run_in

TASKS = list(DEMOS)


def test_every_task_is_a_word_of_the_command_and_has_a_demo():
    assert tuple(TaskWord) == get_args(TaskName) == tuple(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_a_demo_takes_its_own_sample_data_and_the_sample_base(task):
    request = demo_request(
        task, Path("r"), overrides=[], replace=False, device="cpu", command="medadapt demo"
    )
    assert request.recipe.data.source == f"sample:{task}"
    assert request.recipe.model.base == "sample:base"
    assert request.resume_command == "medadapt demo"


def test_folders_keep_the_tasks_apart():
    assert demo_folder("symptoms", None, among_all=False) == Path("runs/demo")
    assert demo_folder("qa", None, among_all=False) == Path("runs/demo-qa")
    assert len({demo_folder(task, Path("a/b"), among_all=True) for task in TASKS}) == len(TASKS)


@pytest.mark.parametrize("place", [".", "..", "/"])
def test_all_tasks_need_a_folder_with_a_name(place: str):
    with pytest.raises(RunFolderError, match="cannot stand beside"):
        demo_folder("qa", Path(place), among_all=True)


@pytest.mark.parametrize("task", TASKS)
def test_one_task_runs_in_the_very_folder_asked_for(task):
    assert demo_folder(task, Path("here"), among_all=False) == Path("here")


@pytest.mark.parametrize("task", TASKS)
def test_commands_to_go_on_with_are_commands_on_things_that_are_there(task):
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    commands = [shlex.split(line) for line in next_commands(task, Path("runs/my demo")).values()]
    assert len(commands) == 3
    for program, word, target, *_ in commands:
        assert program == "medadapt"
        assert word in known
        assert target in {*recipe_names(), "runs/my demo"}
    formats = {read_recipe(recipe_file(words[2])).data.format for words in commands[:2]}
    assert len(formats) == 1  # own data goes into either


@pytest.mark.parametrize("task", TASKS)
def test_what_is_tuned_can_be_talked_to(task):
    recipe = read_recipe(recipe_file(recipe_name(task)))
    assert not resolve_wording(recipe.prompt, recipe.data.format).options  # a chat has no place for them


def test_questions_shown_are_the_first_of_the_test_records(tmp_path_factory):
    folder = diagnosis_run_in(tmp_path_factory.getbasetemp() / "use")
    run = RunFolder(folder)
    records = list(read_jsonl(run.records / "test.jsonl"))[:2]
    tuned = list(read_jsonl(run.predictions / "tuned.jsonl"))[:2]

    shown = list(first_questions(run, read_recipe(run.recipe)))

    assert [question.question for question in shown] == [record["question"] for record in records]
    for question, record, said in zip(shown, records, tuned, strict=True):
        texts = {saying.who: saying.text for saying in question.sayings}
        assert (texts["reference"], texts["tuned"]) == (record["label"], said["choice"])
