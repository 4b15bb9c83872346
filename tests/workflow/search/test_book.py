from __future__ import annotations

from pathlib import Path

import pytest

from medadapt.core.errors import RunFolderError
from medadapt.core.files import read_json, write_json
from medadapt.workflow.search.book import SearchState, Trial, choose_winner, read_search, write_search


def trial(name: str, loss: float | None, status: str = "done") -> Trial:
    return Trial(
        id=name,
        values={"training.learning_rate": 1e-4},
        status=status,
        steps=4,
        best_step=2,
        validation_loss=loss,
        seconds=1.5,
        curve=((2, 1.0), (4, 2.0)),
    )


STATE = SearchState(
    vary={"training.learning_rate": {"log": [1e-5, 1e-3]}},
    scheduler="none",
    seed=0,
    smoke=False,
    inputs={"recipe model": "0"},
    trials=(trial("000", 1.0),),
)


def test_the_lowest_loss_wins():
    # The trial that the published workflow kept was not the one it measured: 3.37 against 15.79.
    assert choose_winner((trial("000", 15.79), trial("001", 3.37), trial("002", 14.49))).id == "001"


def test_of_equal_losses_the_first_trial_wins():
    assert choose_winner((trial("002", 1.0), trial("001", 1.0))).id == "001"


def test_a_failed_trial_never_wins_however_low_its_curve_was():
    assert choose_winner((trial("000", 0.1, "failed"), trial("001", 2.0))).id == "001"


def test_a_trial_without_a_figure_never_wins():
    assert choose_winner((trial("000", None), trial("001", 2.0, "stopped"))).id == "001"


def test_where_all_failed_none_wins():
    assert choose_winner((trial("000", None, "failed"),)) is None


def test_a_written_search_reads_back(tmp_path: Path):
    write_search(tmp_path / "search.json", STATE)

    assert read_search(tmp_path / "search.json") == STATE


def test_a_search_from_before_repeats_were_left_out_still_draws_them(tmp_path: Path):
    write_search(tmp_path / "search.json", STATE)
    written = read_json(tmp_path / "search.json")
    del written["repeats"]
    write_json(tmp_path / "search.json", written)

    assert (STATE.repeats, read_search(tmp_path / "search.json").repeats) == (False, True)


def test_nan_is_no_figure(tmp_path: Path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_search(tmp_path / "search.json", STATE.with_trial(trial("001", float("nan"))))


def test_a_trial_replaces_its_earlier_entry_and_order_is_by_name():
    state = STATE.with_trial(trial("001", 3.0)).with_trial(trial("000", 2.0))

    assert [(one.id, one.validation_loss) for one in state.trials] == [("000", 2.0), ("001", 3.0)]


@pytest.mark.parametrize("text", ["{", "{}", '{"schema": 2}', "[]", '{"schema": 1, "trials": [{}]}'])
def test_a_damaged_search_is_told(tmp_path: Path, text: str):
    (tmp_path / "search.json").write_text(text)

    with pytest.raises(RunFolderError, match=r"search\.json is damaged"):
        read_search(tmp_path / "search.json")


def test_no_file_is_no_search(tmp_path: Path):
    assert read_search(tmp_path / "search.json") is None
