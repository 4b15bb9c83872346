"""The first five minutes: offline, in one command, and never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from medadapt.cli.progress import LineProgress
from medadapt.core.errors import DiskError, MedAdaptError, RecipeError, RunFolderError, StoppedError
from medadapt.core.files import read_json
from medadapt.metrics.controls.rules import CONTROLS
from medadapt.samples import bundled_base
from medadapt.workflow import demo
from medadapt.workflow.demo import FinishedDemo
from medadapt.workflow.outcome import Outcome
from small_disk import files_up_to

SMALL = [
    word
    for override in ("data.limit.rows=60", "training.epochs=1", "evaluation.bootstrap_samples=100")
    for word in ("--set", override)
]
"""The demo in seconds."""
CALLED_OUT = 99
OFFLINE = f"""
import os, sys
from pathlib import Path
from medadapt.samples import bundled_base

def refuse(event, given):
    asks = event in {{"socket.getaddrinfo", "socket.gethostbyname"}}
    if asks or (event in {{"socket.connect", "socket.sendto"}} and isinstance(given[1], tuple)):
        sys.stderr.write(f"network: {{event}} {{given[1:]}}\\n")
        os._exit({CALLED_OUT})

sys.addaudithook(refuse)
from medadapt.cli.app import main
main()
"""
"""`medadapt`, in a process that ends when it asks for a connection or an address."""


@pytest.fixture(scope="module")
def finished_demo(tmp_path_factory) -> Path:
    """A folder in which `medadapt demo` has run, without a network."""
    place = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, "demo", *SMALL],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env=environment | {"COLUMNS": "80", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    (place / "out.txt").write_text(done.stdout, encoding="utf-8")
    (place / "err.txt").write_text(done.stderr, encoding="utf-8")
    return place


@pytest.fixture
def here(finished_demo, tmp_path, monkeypatch) -> Path:
    """A folder of one's own with a copy of the finished demo."""
    shutil.copytree(finished_demo / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def empty(tmp_path, monkeypatch, sample_base) -> Path:
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_demo_needs_no_network_and_shows_what_it_found(finished_demo):
    out, err = ((finished_demo / name).read_text(encoding="utf-8") for name in ("out.txt", "err.txt"))
    metrics = read_json(finished_demo / "runs/demo/5-metrics/metrics.json")

    assert err.startswith("The sample base, a small model that comes with MedAdapt, learns to name")
    verdict = metrics["difference"]["accuracy"]["verdict"].upper()
    assert f" {verdict}   Diagnosis from symptoms, sample:base, {metrics['n']} test records" in out
    for name in ("Base model", "Tuned model", "Most frequent answer", "Nearest training record"):
        assert f"\n{name} " in out
    assert "word for word" in out  # what is known of leakage
    assert f"Report: {(finished_demo / 'runs/demo/6-report/index.html').resolve()}" in out
    assert out.count("  Right answer: ") == 2
    assert "medadapt chat runs/demo" in out
    assert "not a medical device" in out


def test_second_call_does_nothing_and_shows_the_same(here, use, finished_demo):
    before = (here / "runs/demo/run.json").read_bytes()
    code, out, _ = use("demo", *SMALL)
    assert code == 0
    assert "nothing to do" in out
    assert out.split("\n", 1)[1].split("Report: ")[0] in (finished_demo / "out.txt").read_text(
        encoding="utf-8"
    )
    assert (here / "runs/demo/run.json").read_bytes() == before


def test_json_is_the_only_thing_on_stdout(here, use):
    code, out, _ = use("demo", *SMALL, "--json")
    told = json.loads(out)
    assert (code, told["exit_code"], told["task"]) == (0, 0, "symptoms")
    assert set(told["controls"]) == {*CONTROLS}
    assert told["leakage"]["exact"] == 0
    assert [set(question) for question in told["questions"]] == [
        {"question", "options", "reference", "baseline", "tuned"}
    ] * 2


@pytest.mark.parametrize("words", [["--task", "qa"], ["--task", "qa", "--json"], ["--all", "--json"]])
def test_a_demo_ends_with_the_gravest_exit_code_of_its_tasks(words, empty, use, monkeypatch):
    def ended(task, request, _):
        outcome = Outcome(
            folder=request.folder, status="done", smoke=False, ran=(), skipped=(), metrics=None, findings=(),
            report=None, exit_code=3 if task == "qa" else 0,
        )  # fmt: skip
        return FinishedDemo(task=task, outcome=outcome, on_samples=True, questions=())

    monkeypatch.setattr(demo, "run_demo", ended)
    assert use("demo", *words)[0] == 3


def test_two_ways_to_name_tasks_are_refused(empty, use):
    with pytest.raises(MedAdaptError, match="both given"):
        use("demo", "--task", "qa", "--all")


def test_ctrl_c_in_training_saves_and_the_same_command_goes_on(empty, use, monkeypatch):
    told = LineProgress.advance

    def stop(progress, steps=1, figures=""):
        told(progress, steps, figures)
        if "loss" in figures:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(LineProgress, "advance", stop)
    with pytest.raises(StoppedError) as stopped:
        use("demo", *SMALL)
    assert stopped.value.signal_exit_code == 130
    assert "`medadapt demo --set data.limit.rows=60" in stopped.value.remedy
    steps = (empty / "runs/demo/3-adapter/steps.jsonl").read_text()
    assert steps

    monkeypatch.setattr(LineProgress, "advance", told)
    code, out, _ = use("demo", *SMALL)

    assert "up to date, skipped: prepare, encode" in out
    assert (empty / "runs/demo/3-adapter/steps.jsonl").read_text().startswith(steps)
    assert read_json(empty / "runs/demo/run.json")["status"] == "done"
    assert code == max((f["exit_code"] for f in metrics_of(empty)["findings"]), default=0)


def test_ctrl_c_outside_of_a_stage_names_the_command_that_goes_on(empty, use, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("medadapt.cli.show_demo.show_opening", interrupted)
    with pytest.raises(StoppedError) as stopped:
        use("demo", "--task", "qa", "-o", "my demo")
    assert "`medadapt demo --task qa -o 'my demo'` goes on" in stopped.value.remedy


def test_folder_without_write_permission_is_exit_6(empty, use, monkeypatch):
    put_base_beside(empty, monkeypatch)
    empty.chmod(0o555)
    with as_nobody(), pytest.raises(DiskError, match="Permission denied") as refusal:
        use("demo", *SMALL)
    assert "-o" in refusal.value.remedy
    assert not (empty / "runs").exists()


def test_earlier_run_of_another_user_is_exit_6(here, use, monkeypatch):
    put_base_beside(here, monkeypatch)
    for path in (here, *here.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with as_nobody(), pytest.raises(DiskError, match="runs/demo cannot be written"):
        use("demo", *SMALL)


def test_full_disk_is_exit_6_and_the_same_command_goes_on(empty, use):
    with files_up_to(60_000), pytest.raises(DiskError, match=r"runs/demo"):
        use("demo", *SMALL)
    assert not list(empty.rglob("*.part"))
    use("demo", *SMALL)
    assert read_json(empty / "runs/demo/run.json")["status"] == "done"


def test_foreign_folder_is_refused_and_left_alone(empty, use):
    (empty / "runs/demo").mkdir(parents=True)
    (empty / "runs/demo/thesis.txt").write_text("work")
    with pytest.raises(RunFolderError, match="is no run folder") as refusal:
        use("demo")
    assert "-o" in refusal.value.remedy
    assert [path.name for path in (empty / "runs/demo").iterdir()] == ["thesis.txt"]


def test_damaged_earlier_run_is_told_with_the_way_out(here, use):
    (here / "runs/demo/run.json").write_text('{"schema": 1,')
    with pytest.raises(RunFolderError, match="damaged") as refusal:
        use("demo", *SMALL)
    assert "-o" in refusal.value.remedy


def test_missing_and_damaged_files_of_an_earlier_run_are_made_again(here, use):
    (here / "runs/demo/5-metrics/metrics.json").write_text("{")
    (here / "runs/demo/4-predictions/tuned.jsonl").unlink()
    before = read_json(here / "runs/demo/run.json")["stages"]["score"]["outputs"]
    _, out, _ = use("demo", *SMALL)
    assert "up to date, skipped: prepare, encode, train" in out
    assert read_json(here / "runs/demo/run.json")["stages"]["score"]["outputs"] == before


def test_run_of_another_recipe_is_refused_with_the_differences(here, use):
    with pytest.raises(RunFolderError, match=r"training\.epochs: 1\.0 -> 2\.0") as refusal:
        use("demo", *SMALL, "--set", "training.epochs=2")
    assert "--replace" in refusal.value.remedy


def test_a_setting_that_one_task_does_not_have_stops_all_before_the_first_runs(empty, use):
    with pytest.raises(RecipeError, match=r"evaluation\.max_new_tokens"):
        use("demo", "--all", "--set", "evaluation.max_new_tokens=8")
    assert not (empty / "runs").exists()


@pytest.mark.slow
def test_all_tasks_run_one_after_the_other_and_end_in_a_table(empty, use):
    _, out, _ = use("demo", "--all", *SMALL)
    table = out.rsplit("best control", 1)[1]
    for task in ("symptoms", "typed_qa", "dialogues", "qa", "mcq"):
        assert f"\n {task} " in table
    assert sorted(path.name for path in (empty / "runs").iterdir()) == [
        "demo", "demo-dialogues", "demo-mcq", "demo-qa", "demo-typed_qa",
    ]  # fmt: skip


def put_base_beside(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base where another user can read it: the folders above belong to whoever runs the tests."""
    shutil.copytree(bundled_base.BASE, place / "base")
    for path in (place / "base").iterdir():
        path.chmod(0o644)
    monkeypatch.setattr(bundled_base, "BASE", Path("base"))


def metrics_of(place: Path) -> dict:
    return read_json(place / "runs/demo/5-metrics/metrics.json")


@contextmanager
def as_nobody():
    """With the rights of a user who owns nothing; root may read and write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
