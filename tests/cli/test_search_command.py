from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from medadapt.cli import show_search
from medadapt.workflow.outcome import Outcome
from medadapt.workflow.request import RunRequest
from medadapt.workflow.search import searching
from medadapt.workflow.search.book import SearchState, Trial


def trial(name: str, loss: float | None, status: str) -> Trial:
    return Trial(
        id=name, values={"training.learning_rate": 0.001}, status=status, steps=4, best_step=4,
        validation_loss=loss, seconds=1.0, curve=(), error=None if loss else "Training diverged.",
    )  # fmt: skip


SEARCH = SearchState(
    vary={"training.learning_rate": [0.001, 1]},
    scheduler="none",
    seed=0,
    smoke=True,
    inputs={},
    trials=(trial("000", 1.25, "done"), trial("001", None, "failed")),
    winner="000",
)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[RunRequest]:
    """What a search is asked for; its place is taken by one whose winner fails a gate."""
    asked = []
    winner = Outcome(
        folder=Path("r"), status="done", smoke=False, ran=(), skipped=(), metrics=None, findings=(), report=None,
        exit_code=3,
    )  # fmt: skip

    def ended(request: RunRequest, _: object) -> searching.SearchOutcome:
        asked.append(request)
        return searching.SearchOutcome(search=SEARCH, winner=winner)

    monkeypatch.setattr(searching, "search", ended)
    return asked


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_search_ends_with_the_exit_code_of_its_winner(words, requests, recipe_file: Path, use):
    assert use("search", recipe_file, *words)[0] == 3


@pytest.mark.parametrize(
    ("words", "replaces", "device", "trials"),
    [
        (["--trials", "5"], False, "auto", 5),
        (["--set", "search.trials=2"], False, "auto", 2),
        (["--set", "search.trials=2", "--trials", "5", "--replace", "--device", "cpu"], True, "cpu", 5),
    ],
)
def test_the_options_of_a_search_reach_it(words, replaces, device, trials, requests, recipe_file: Path, use):
    use("search", recipe_file, *words)
    (asked,) = requests
    assert (asked.replace, asked.device, asked.recipe.search.trials) == (replaces, device, trials)


def test_a_search_key_that_does_not_exist_is_told_with_the_nearest_one(medadapt, recipe_file: Path):
    said = medadapt("search", recipe_file, "--smoke", "--set", "search.vary={training.learning_rat: [1]}")

    assert said.code == 2
    assert (
        "search.vary.training.learning_rat: there is no such key; did you mean 'training.learning_rate'?"
        in (said.err)
    )


def test_an_empty_range_is_told(medadapt, recipe_file: Path):
    said = medadapt("search", recipe_file, "--set", "search.vary.lora.alpha={log: [2, 2]}")

    assert said.code == 2
    assert "search.vary.lora.alpha: the range from 2 to 2 is empty" in said.err


def test_more_trials_at_a_time_than_the_machine_has_room_for_are_told(medadapt, recipe_file: Path):
    said = medadapt("search", recipe_file, "--smoke", "--device", "cpu", "--set", "search.concurrent=5000")

    assert said.code == 2
    assert "search.concurrent 5000 asks for more trials at a time" in said.err


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    shown = io.StringIO()
    monkeypatch.setattr(show_search, "results", Console(file=shown, width=100))
    return shown


def test_the_table_marks_the_winner_and_the_failed_trial(page: io.StringIO):
    show_search.show_trials(SEARCH)

    rows = {line.split()[0]: line for line in page.getvalue().splitlines() if line.split()}
    assert "1.2500" in rows["000"]
    assert rows["000"].rstrip().endswith("winner")
    assert rows["001"].rstrip().endswith("failed")
    assert "Judged on validation only" in page.getvalue()


def test_every_winner_that_saw_the_test_records_is_named(page: io.StringIO):
    show_search.show_trials(SEARCH)
    assert "the test records were used for the winner alone." in page.getvalue()
    show_search.show_trials(replace(SEARCH, winner="001", measured_before=("000",)))
    assert "the test records were used for 2 winners, one after another (000, 001)." in page.getvalue()


def test_words_of_a_search_file_are_never_read_as_markup(page: io.StringIO):
    odd = replace(trial("[/red]", None, "failed"), values={"training.learning_rate": "[bold]"})

    show_search.show_trials(replace(SEARCH, trials=(odd,)))

    assert "[/red]" in page.getvalue()
    assert "[bold]" in page.getvalue()


def test_scripts_get_every_trial_with_its_figure():
    values = show_search.search_values(SEARCH)

    assert values["winner"] == "000"
    assert [(one["id"], one["validation_loss"]) for one in values["trials"]] == [("000", 1.25), ("001", None)]
