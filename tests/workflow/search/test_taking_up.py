"""A search takes up what an earlier session left."""

from __future__ import annotations

from medadapt.core.files import read_json, write_json
from medadapt.core.progress import Silent
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import run_stages
from medadapt.workflow.search.folders import SearchFolder
from medadapt.workflow.search.room import Share
from medadapt.workflow.search.session import SearchSession
from medadapt.workflow.stages import STAGES
from workflow.search.conftest import smoke_recipe


def ranks_of_session(run: RunFolder) -> list[int]:
    """LoRA ranks of the trials of a session on this run."""
    recipe = smoke_recipe(search={"vary": {"lora.rank": {"int": [4, 8]}}})
    asked = RunRequest(recipe=recipe, folder=run.path, last="encode", smoke=True, device="cpu")
    share = Share(device="cpu", threads=1, gpus=0)
    session = SearchSession(asked, recipe.search, SearchFolder(run), share, Silent(), lambda: None)
    session.begin(run_stages(STAGES, asked, Silent()))
    return [trial.lora.rank for trial in session.recipes.values()]


def test_a_search_that_began_before_repeats_were_left_out_goes_on_with_its_own_values(own_run: RunFolder):
    new = ranks_of_session(own_run)
    place = SearchFolder(own_run).state
    began = read_json(place)
    del began["repeats"]
    write_json(place, began)

    earlier = ranks_of_session(own_run)

    assert (new, earlier) == ([8, 5, 6], [7, 4, 8])
