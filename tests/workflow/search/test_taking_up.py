"""A search takes up what an earlier session left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medadapt.core.files import read_json, write_json
from medadapt.core.progress import Silent
from medadapt.core.recipe import dump
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import run_stages
from medadapt.workflow.search.folders import SearchFolder
from medadapt.workflow.search.room import Share
from medadapt.workflow.search.session import SearchSession
from medadapt.workflow.stages import STAGES
from older_runs import section_hash
from workflow.search.conftest import smoke_recipe


def session_on(run: RunFolder, *, concurrent: int = 1, **sections: Any) -> SearchSession:
    """A session of a search on this run."""
    search = {"vary": {"lora.rank": {"int": [4, 8]}}, "concurrent": concurrent}
    recipe = smoke_recipe(search=search, **sections)
    asked = RunRequest(recipe=recipe, folder=run.path, last="encode", smoke=True, device="cpu")
    share = Share(device="cpu", threads=1, gpus=0)
    session = SearchSession(asked, recipe.search, SearchFolder(run), share, Silent(), lambda: None)
    session.begin(run_stages(STAGES, asked, Silent()))
    return session


def ranks_of_session(run: RunFolder) -> list[int]:
    """LoRA ranks of the trials of a session on this run."""
    return [trial.lora.rank for trial in session_on(run).recipes.values()]


def test_a_search_that_began_before_repeats_were_left_out_goes_on_with_its_own_values(own_run: RunFolder):
    new = ranks_of_session(own_run)
    place = SearchFolder(own_run).state
    began = read_json(place)
    del began["repeats"]
    write_json(place, began)

    earlier = ranks_of_session(own_run)

    assert (new, earlier) == ([8, 5, 6], [7, 4, 8])


def test_a_search_of_a_version_that_recorded_how_steps_are_cut_is_taken_up(own_run: RunFolder):
    training = {"micro_tokens": 64}
    session_on(own_run, training=training)
    place = SearchFolder(own_run).state
    began = read_json(place)
    earlier = section_hash(dump(smoke_recipe(training=training)), "training")
    assert began["inputs"]["recipe training"] != earlier
    began["inputs"]["recipe training"] = earlier
    write_json(place, began)

    session_on(own_run, training=training)
    session_on(own_run, training={"micro_tokens": 32})  # by now it is recorded as today


def test_trials_share_the_memory_of_a_cpu_and_are_cut_as_is_asked_now(own_run: RunFolder):
    terms = session_on(own_run, concurrent=3, training={"checkpointing": "on"})._terms(Path("scratch"))

    assert terms.concurrent == 3
    assert terms.cut == {"training.checkpointing": "on", "training.micro_tokens": "auto"}
