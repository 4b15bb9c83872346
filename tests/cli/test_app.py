from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
import typer
from typer import rich_utils

from medadapt.cli.app import app
from medadapt.core.errors import ModelError

HEAVY = "torch transformers peft datasets matplotlib scipy sklearn pydantic pyarrow numpy"


def test_help_leaves_the_heavy_libraries_out():
    code = (
        "import sys\n"
        "sys.argv = ['medadapt', '--help']\n"
        "from medadapt.cli.app import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        f"print([name for name in '{HEAVY}'.split() if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_answers_at_once(medadapt):
    began = time.monotonic()
    assert medadapt("--help").code == 0
    assert time.monotonic() - began < 3  # measured 0.35 s; the rest is room for a busy machine


def commands(group, words=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield pytest.param((*words, name), command, id=" ".join((*words, name)))


@pytest.mark.parametrize(("words", "command"), commands(typer.main.get_command(app)))
def test_no_word_of_a_help_text_is_lost_as_markup(words, command, capsys, monkeypatch):
    monkeypatch.setattr(rich_utils, "MAX_WIDTH", 400)
    app([*words, "--help"], standalone_mode=False)
    shown = " ".join(capsys.readouterr().out.split())
    texts = [command.help, *(getattr(parameter, "help", None) for parameter in command.params)]
    for text in filter(None, texts):
        assert " ".join(text.replace("\\[", "[").split()) in shown


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "run",
        "search",
        "prepare",
        "encode",
        "train",
        "predict",
        "score",
        "report",
        "ask",
        "chat",
        "export",
        "push",
        "recipes list",
        "recipes copy",
    ],
)
def test_every_command_teaches_itself_with_an_example(medadapt, command):
    said = medadapt(*command.split(), "--help")
    assert said.code == 0
    assert f"Example: medadapt {command}" in said.out


def test_unknown_command_gets_the_nearest(medadapt):
    said = medadapt("prepar", "x")
    assert said.code == 2
    assert "prepare" in said.err


def test_unknown_option_gets_the_nearest(medadapt):
    said = medadapt("run", "x", "--smok")
    assert said.code == 2
    assert "--smoke" in said.err


def test_unknown_stage_is_refused_with_the_stages(medadapt):
    said = medadapt("run", "x", "--until", "trian")
    assert said.code == 2
    assert "train" in said.err


def test_a_mistake_in_the_words_of_a_command_reads_like_every_other(medadapt):
    for words in (("runn", "x"), ("run",), ("run", "x", "--relpace"), ("run", "x", "y"), ("run", "x", "-o")):
        said = medadapt(*words)
        assert said.code == 2
        assert said.err.startswith("Error: ")
        assert "Remedy: " in said.err
        assert "--help` lists what it takes" in said.err


@pytest.mark.parametrize(
    "words", [("runn", "x"), ("run",), ("run", "x", "--smok"), ("run", "x", "--until", "trian")]
)
def test_json_holds_for_mistakes_in_the_words_of_a_command_too(medadapt, words):
    said = medadapt(*words, "--json")
    assert said.code == 2
    told = json.loads(said.out)
    assert (told["status"], told["exit_code"]) == ("failed", 2)
    assert told["problem"] in said.err


def recipes_list_where(names: str) -> subprocess.CompletedProcess[str]:
    """`medadapt recipes list --json` in a process of its own, in which the recipes' names are this expression."""
    code = (
        "import sys\n"
        "sys.argv = ['medadapt', 'recipes', 'list', '--json']\n"
        "from medadapt import samples\n"
        f"samples.recipe_names = lambda: {names}\n"
        "from medadapt.cli.app import main\n"
        "main()\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("bug", "kind"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("__import__('torch').zeros(2) + __import__('torch').zeros(3)", "RuntimeError"),
    ],
)
def test_a_bug_is_exit_1_with_a_traceback_and_still_one_json_object(bug, kind):
    done = recipes_list_where(bug)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    told = json.loads(done.stdout)
    assert told["exit_code"] == 1
    assert kind in told["problem"]


@pytest.mark.parametrize("asked", ["bytearray(1 << 62)", "__import__('torch').empty(1 << 60)"])
def test_memory_that_ran_out_is_no_bug(asked):
    done = recipes_list_where(asked)
    assert done.returncode == 2
    assert "Memory ran out" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["exit_code"] == 2


def test_version_is_told(medadapt):
    assert medadapt("--version").out.startswith("medadapt ")


def test_every_mistake_of_a_recipe_is_listed_at_once(medadapt, tmp_path):
    (tmp_path / "bad.yaml").write_text(
        "data: {format: symptom_tabel, source: a.csv}\nmodel: {base: b, quantization: nf5}\n"
        "lora: {rnak: 3}\nsed: 1\n"
    )
    said = medadapt("run", "bad.yaml")
    assert said.code == 2
    for part in ("data.format", "symptom_table", "model.quantization", "lora.rnak", "'rank'", "sed"):
        assert part in said.err
    assert not (tmp_path / "runs").exists()


def test_yaml_that_builds_objects_is_refused(medadapt, tmp_path):
    (tmp_path / "bad.yaml").write_text("data: !!python/object/apply:os.system ['touch hacked']\n")
    assert medadapt("run", "bad.yaml").code == 2
    assert not (tmp_path / "hacked").exists()


def test_mistyped_recipe_name_gets_the_nearest(medadapt):
    said = medadapt("run", "symptom-diagnosis-opt")
    assert said.code == 2
    assert "symptom-diagnosis-opt-1.3b" in said.err


def test_a_closed_pipe_ends_a_command_in_silence(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "medadapt", "recipes", "schema"],
        cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(("command", "helped"), [("run", True), ("ask", False)])
def test_bundled_recipes_are_named_where_a_recipe_is_missing(medadapt, command, helped):
    said = medadapt(command)
    assert said.code == 2
    assert ("recipes list" in said.err) == helped


def test_missing_source_is_named_and_creates_nothing(medadapt, recipe_file, tmp_path):
    said = medadapt("run", recipe_file, "--set", "data.source=gone.csv")
    assert said.code == 2
    assert "gone.csv" in said.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("model.base=./gone", "./gone does not exist"),
        ("model.base=no-such/base", "no-such/base is not (completely) on this machine"),
        ("model.base=empty", "empty has no config.json"),
    ],
)
def test_a_missing_base_is_told_before_any_work(medadapt, recipe_file, tmp_path, setting, told):
    (tmp_path / "empty").mkdir()
    said = medadapt("run", recipe_file, "--set", setting)
    assert said.code == 2
    assert told in said.err
    assert "rows =" not in said.err
    assert not (tmp_path / "runs").exists()


def test_a_missing_device_is_told_before_any_work(medadapt, recipe_file, tmp_path):
    said = medadapt("run", recipe_file, "--smoke", "--device", "cuda:99")
    assert said.code == 2
    assert "--device cuda:99 is not there" in said.err
    assert not (tmp_path / "runs").exists()


def test_a_glob_can_be_set(medadapt, recipe_file, tmp_path):
    (tmp_path / "a.csv").write_text("Disease,Symptom_1\n" + "".join(f"d{n % 2},s{n}\n" for n in range(12)))
    said = medadapt("prepare", recipe_file, "-o", "r", "--set", "data.source=*.csv")
    assert said.code == 0
    assert "12 rows =" in said.err


def test_names_with_spaces_and_umlauts_work(medadapt, recipe_file, tmp_path):
    folder = tmp_path / "pä th 例"
    folder.mkdir()
    rows = ["Disease,Symptom_1", *(f"{'Grippe' if n % 2 else 'Röteln'},zeichen {n}" for n in range(12))]
    (folder / "dàta set.csv").write_text("\n".join(rows), encoding="utf-8")
    recipe_file = recipe_file.rename(folder / "ré cipe.yaml")
    said = medadapt(
        "prepare", recipe_file, "-o", folder / "rün 1", "--set", f"data.source={folder}/dàta set.csv"
    )
    assert said.code == 0
    assert "12 rows =" in said.err
    again = medadapt("prepare", folder / "rün 1")
    assert "nothing to do" in again.out


def test_error_with_json_is_one_object_on_stdout(medadapt):
    said = medadapt("run", "no/such.yaml", "--json")
    assert said.code == 2
    told = json.loads(said.out)
    assert told["exit_code"] == 2
    assert told["status"] == "failed"
    assert "no/such.yaml" in told["problem"]


def test_control_sequences_in_an_error_reach_no_terminal(medadapt):
    said = medadapt("run", "evil\x1b[31m\u202e[bold]/x.yaml")
    assert said.code == 2
    assert "\x1b" not in said.err
    assert "\u202e" not in said.err
    assert "[bold]" in said.err  # shown as it is, not read as markup


def test_unknown_device_is_refused(medadapt, recipe_file):
    said = medadapt("run", recipe_file, "--device", "gpu")
    assert said.code == 2
    assert "cuda" in said.err


def test_run_folder_in_use_is_exit_5(medadapt, recipe_file, tmp_path):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys, time\n"
            "handle = open(sys.argv[1], 'w')\n"
            "fcntl.flock(handle, fcntl.LOCK_EX)\n"
            "print('held', flush=True)\n"
            "time.sleep(100)\n",
            str(tmp_path / ".lock"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        folder = tmp_path / "busy"
        folder.mkdir()
        assert holder.stdout.readline() == "held\n"
        os.link(tmp_path / ".lock", folder / ".lock")
        said = medadapt("run", recipe_file, "-o", folder)
        assert said.code == 5
        assert str(folder) in said.err
        assert sorted(path.name for path in folder.iterdir()) == [".lock"]
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_folder_that_is_no_run_is_left_alone(medadapt, recipe_file, tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "thesis.txt").write_text("work")
    said = medadapt("run", recipe_file, "-o", folder)
    assert said.code == 2
    assert "no run folder" in said.err
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_run_of_another_recipe_is_refused_with_the_differences(medadapt, recipe_file, tmp_path):
    assert medadapt("prepare", recipe_file, "-o", "r").code == 0
    before = (tmp_path / "r/run.json").read_bytes()
    said = medadapt("run", recipe_file, "-o", "r", "--set", "lora.rank=3", "--set", "seed=5")
    assert said.code == 2
    assert "lora.rank: 16 -> 3" in said.err
    assert "seed: 0 -> 5" in said.err
    assert "--replace" in said.err
    assert (tmp_path / "r/run.json").read_bytes() == before


def test_stage_accounts_for_every_row_and_is_skipped_the_second_time(medadapt, recipe_file):
    said = medadapt("prepare", recipe_file, "-o", "r")
    assert said.code == 0
    assert "32 rows =" in said.err
    again = medadapt("prepare", "r")
    assert again.code == 0
    assert "nothing to do: all stages are up to date" in again.out


def test_stage_without_the_one_before_names_the_command(medadapt, recipe_file):
    assert medadapt("prepare", recipe_file, "-o", "r").code == 0
    said = medadapt("score", "r")
    assert said.code == 2
    assert "medadapt encode" in said.err


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("config.json", '{"model_type":', "config.json is damaged"),
        ("config.json", "[]", "config.json is damaged"),
        ("model.safetensors", None, r"model\.safetensors cannot be read: No such file"),
    ],
)
def test_a_damaged_base_is_told_before_a_folder_is_made(
    file, content, told, sample_base, recipe_file, use, tmp_path
):
    path = shutil.copytree(sample_base, tmp_path / "base") / file
    path.unlink()
    if content is None:
        path.symlink_to("a file that is gone")
    else:
        path.write_text(content)

    with pytest.raises(ModelError, match=told):
        use("run", recipe_file, "-o", tmp_path / "r", "--set", f"model.base={path.parent}")

    assert not (tmp_path / "r").exists()


def test_json_of_a_stage_is_the_only_thing_on_stdout(medadapt, recipe_file):
    said = medadapt("prepare", recipe_file, "-o", "r", "--json")
    told = json.loads(said.out)
    assert (told["exit_code"], told["status"], told["ran"]) == (0, "partial", ["prepare"])


def test_full_disk_is_exit_6_and_the_next_call_goes_on(medadapt, recipe_file, tmp_path):
    said = medadapt("prepare", recipe_file, "-o", "r", largest_file=6000)
    assert said.code == 6
    assert "Free some space" in said.err
    assert not list(tmp_path.rglob("*.part"))
    assert medadapt("prepare", recipe_file, "-o", "r").code == 0


def test_place_under_a_file_is_refused(medadapt, recipe_file):
    said = medadapt("prepare", recipe_file, "-o", "mine.yaml/run")
    assert said.code == 2
    assert "mine.yaml/run cannot be made" in said.err
