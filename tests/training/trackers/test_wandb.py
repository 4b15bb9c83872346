"""What a W&B run holds in the end, and what never reaches it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from medadapt.core.errors import DataError, RecipeError
from medadapt.training.trackers.opening import open_trackers


def wandb_records(folder: Path):
    """What W&B wrote, run after run."""
    from wandb.proto import wandb_internal_pb2

    for path in sorted((folder / "wandb").glob("offline-run-*/*.wandb")):
        for message in leveldb_log(path.read_bytes()[7:]):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(message)
            yield record


def finished_records(folder: Path, *, sessions: int) -> list:
    """All records, once W&B's own process has written the end of every session; it lags behind `finish`."""
    for _ in range(200):
        records = list(wandb_records(folder))
        if sum(record.WhichOneof("record_type") == "exit" for record in records) == sessions:
            return records
        time.sleep(0.05)
    raise AssertionError(f"after 10 seconds {folder} still lacks the end of a session")


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


def test_wandb_without_a_login_stays_offline_and_goes_on_under_the_same_id(tmp_path, send):
    folder = tmp_path / "run"
    send(["wandb"], folder, 1, 2)
    time.sleep(1.1)  # W&B names its folders by the second; no training is resumed sooner
    send(["wandb"], folder, 3, 4)
    records = finished_records(folder, sessions=2)
    ids = {record.run.run_id for record in records if record.WhichOneof("record_type") == "run"}
    assert ids == {json.loads((folder / "tracking.json").read_text())["wandb"]}
    losses = {}
    for record in records:
        if record.WhichOneof("record_type") == "history":
            items = {(i.key or ".".join(i.nested_key)): json.loads(i.value_json) for i in record.history.item}
            losses[items["_step"]] = items["loss"]
    assert losses == pytest.approx({s: 10 / s for s in range(1, 5)})


def test_wandb_learns_no_name_of_the_machine(tmp_path, send):
    send(["wandb"], tmp_path / "run", 1, 1)
    records = finished_records(tmp_path / "run", sessions=1)
    assert {record.run.host for record in records if record.WhichOneof("record_type") == "run"} == {""}


def test_a_training_that_failed_is_not_shown_as_finished(tmp_path):
    with (
        pytest.raises(DataError),
        open_trackers(["wandb"], tmp_path, name="a", parameters={}, after_step=0, note=print),
    ):
        raise DataError("no rows")
    (ending,) = (
        r.exit for r in finished_records(tmp_path, sessions=1) if r.WhichOneof("record_type") == "exit"
    )
    assert ending.exit_code == 1


WITHOUT_SERVICE = """
import sys
from pathlib import Path
import psutil
from medadapt.training.trackers.opening import open_trackers
with open_trackers(["wandb"], Path(sys.argv[1]), name="a", parameters={}, after_step=0, note=print):
    services = psutil.Process().children(recursive=True)  # wandb-core alone
    for service in services:
        service.kill()
    psutil.wait_procs(services, timeout=30)
print(len(services), "the weights are saved")
"""


def test_a_training_that_is_done_does_not_fail_when_the_process_of_wandb_is_gone(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SERVICE, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert "Weights & Biases could not be told that the training has ended" in done.stdout
    assert "1 the weights are saved" in done.stdout


def test_wandb_keeps_no_console_host_or_command_line(tmp_path, capfd):
    folder = tmp_path / "run"
    folder.mkdir()
    with open_trackers(["wandb"], folder, name="a", parameters={}, after_step=0, note=print) as trackers:
        sys.stdout.write("an answer of the model\n")
        trackers.scalars(1, {"loss": 1.0})
    kinds = {record.WhichOneof("record_type") for record in finished_records(folder, sessions=1)}
    assert not kinds & {"output", "output_raw", "stats"}
    assert not list((folder / "wandb").rglob("wandb-metadata.json"))
    stored = b"".join(path.read_bytes() for path in (folder / "wandb").rglob("*.wandb"))
    assert b"an answer of the model" not in stored
    assert "wandb" not in capfd.readouterr().out  # nothing is asked and nothing is said


def test_wandb_online_without_a_login_is_an_error_and_no_question(tmp_path, monkeypatch, send):
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(RecipeError, match="wandb login"):
        send(["wandb"], tmp_path / "run", 1, 1)
