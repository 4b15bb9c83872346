"""What trackers hold in the end, read back with their own readers, and what never reaches them."""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from medadapt.core.errors import RecipeError
from medadapt.core.recipe import Recipe
from medadapt.training.trackers import check_trackers, open_trackers, tracked_parameters

PARAMETERS = {"lora.rank": 4, "training.schedule": "cosine"}


@pytest.fixture(autouse=True)
def a_user_without_accounts(tmp_path, monkeypatch):
    """No login, no server, and no settings of whoever runs the tests."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / ".netrc"))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_DIR",
                 "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


def send(kinds, folder: Path, first: int, last: int) -> None:
    """Steps `first` to `last`, as a session that goes on after the step before `first`."""
    folder.mkdir(exist_ok=True)
    with open_trackers(kinds, folder, name="a run", parameters=PARAMETERS, after_step=first - 1) as trackers:
        for step in range(first, last + 1):
            trackers.scalars(step, {"loss": 10.0 / step, "learning_rate": 0.1})


def tensorboard_losses(folder: Path) -> dict[int, float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {event.step: event.value for event in events.Scalars("loss")}


def test_tensorboard_hides_what_came_after_the_checkpoint(tmp_path):
    send(["tensorboard"], tmp_path / "run", 1, 4)
    send(["tensorboard"], tmp_path / "run", 3, 5)
    assert tensorboard_losses(tmp_path / "run") == pytest.approx({s: 10 / s for s in range(1, 6)})


def test_mlflow_goes_on_in_the_same_local_run(tmp_path):
    from mlflow import MlflowClient

    folder = tmp_path / "a run"  # a space is a usual thing in a path
    send(["mlflow"], folder, 1, 2)
    send(["mlflow"], folder, 3, 4)
    client = MlflowClient(tracking_uri=(folder / "mlflow").as_uri())
    experiment = client.get_experiment_by_name("medadapt")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    history = {m.step: m.value for m in client.get_metric_history(run.info.run_id, "loss")}
    assert history == pytest.approx({s: 10 / s for s in range(1, 5)})
    assert run.data.params == {"lora.rank": "4", "training.schedule": "cosine"}
    assert (run.info.run_name, run.info.status) == ("a run", "FINISHED")


def wandb_records(folder: Path):
    """What W&B wrote, run after run."""
    from wandb.proto import wandb_internal_pb2

    for path in sorted((folder / "wandb").glob("offline-run-*/*.wandb")):
        for message in leveldb_log(path.read_bytes()[7:]):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(message)
            yield record


def leveldb_log(content: bytes) -> Iterator[bytes]:
    """Messages of a file in LevelDB's log format, behind its head of 7 bytes in the first block of 32 KiB.

    A message is one or several pieces, each with a checksum (4 bytes), a length (2) and a kind: whole 1,
    first 2, middle 3, last 4.
    """
    place, message = 0, b""
    while place + 7 <= len(content):
        left_in_block = 32768 - (place + 7) % 32768
        if left_in_block < 7:
            place += left_in_block
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        message += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in {1, 4}:
            yield message
            message = b""


def test_wandb_without_a_login_stays_offline_and_goes_on_under_the_same_id(tmp_path):
    folder = tmp_path / "run"
    send(["wandb"], folder, 1, 2)
    send(["wandb"], folder, 3, 4)
    records = list(wandb_records(folder))
    ids = {record.run.run_id for record in records if record.WhichOneof("record_type") == "run"}
    assert ids == {json.loads((folder / "tracking.json").read_text())["wandb"]}
    losses = {}
    for record in records:
        if record.WhichOneof("record_type") == "history":
            items = {(i.key or ".".join(i.nested_key)): json.loads(i.value_json) for i in record.history.item}
            losses[items["_step"]] = items["loss"]
    assert losses == pytest.approx({s: 10 / s for s in range(1, 5)})


def test_wandb_keeps_no_console_host_or_command_line(tmp_path, capfd):
    folder = tmp_path / "run"
    folder.mkdir()
    with open_trackers(["wandb"], folder, name="a", parameters=PARAMETERS, after_step=0) as trackers:
        sys.stdout.write("an answer of the model\n")
        trackers.scalars(1, {"loss": 1.0})
    kinds = {record.WhichOneof("record_type") for record in wandb_records(folder)}
    assert not kinds & {"output", "output_raw", "stats"}
    assert not list((folder / "wandb").rglob("wandb-metadata.json"))
    stored = b"".join(path.read_bytes() for path in (folder / "wandb").rglob("*.wandb"))
    assert b"an answer of the model" not in stored
    assert "wandb" not in capfd.readouterr().out  # nothing is asked and nothing is said


def test_wandb_online_without_a_login_is_an_error_and_no_question(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(RecipeError, match="wandb login"):
        send(["wandb"], tmp_path / "run", 1, 1)


def test_a_training_begun_anew_gets_a_curve_of_its_own(tmp_path):
    ids = []
    for _ in range(2):
        send(["mlflow"], tmp_path / "run", 1, 1)
        ids.append(json.loads((tmp_path / "run" / "tracking.json").read_text())["mlflow"])
    assert ids[0] != ids[1]


def test_a_missing_package_is_named_with_the_install_line(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wandb" else found(name))
    with pytest.raises(
        RecipeError, match=r"wandb, which is not installed(.|\n)*pip install medadapt\[tracking\]"
    ):
        check_trackers(["tensorboard", "wandb", "mlflow"])


def test_without_trackers_nothing_is_written(tmp_path):
    send([], tmp_path / "run", 1, 2)
    assert list((tmp_path / "run").iterdir()) == []


def test_nothing_of_the_data_and_no_local_path_is_handed_over(tmp_path):
    base = tmp_path / "my-base"
    base.mkdir()
    recipe = Recipe.model_validate(
        {
            "data": {"format": "typed_qa", "source": "/clinic/patients.csv", "aliases": {"mi": "infarction"}},
            "prompt": {"system": "Be brief."},
            "model": {"base": str(base)},
            "training": {"backend": "trl", "trainer": {"optim": "adamw_torch"}},
        }
    )
    parameters = tracked_parameters(recipe)
    said = json.dumps(parameters)
    assert not [word for word in ("patients", "infarction", "brief", str(tmp_path)) if word in said]
    assert parameters["model.base"] == "my-base"
    assert parameters["lora.rank"] == 16
    assert parameters["training.trainer.optim"] == "adamw_torch"
