"""The notebook's cells run from top to bottom on a machine without a GPU, with the sample base."""

from __future__ import annotations

import json
import re
import shlex
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from shell_blocks import REPOSITORY

NOTEBOOK = REPOSITORY / "notebooks" / "qlora_on_a_free_gpu.ipynb"
SHELL_LINE = re.compile(r"^(\s*)!(.*)$", re.MULTILINE)


def cells() -> list[dict[str, Any]]:
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def as_python(source: str) -> str:
    """A cell with its `!command {name}` lines as calls of `shell`, which gets the names filled in."""
    return SHELL_LINE.sub(lambda line: f"{line[1]}shell(f{line[2]!r})", source)


def code_cells() -> list[dict[str, Any]]:
    return [cell for cell in cells() if cell["cell_type"] == "code"]


def cell_named(name: str) -> dict[str, Any]:
    return next(cell for cell in cells() if cell["id"] == name)


def execute(cell: dict[str, Any], names: dict[str, Any]) -> None:
    exec(compile(as_python("".join(cell["source"])), cell["id"], "exec"), names)


def execute_all(cells: list[dict[str, Any]], names: dict[str, Any], reached: list[str]) -> None:
    for cell in cells:
        reached.append(cell["id"])
        execute(cell, names)


def test_the_cells_run_in_order(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    offline: None,
    medadapt: Callable[[list[str]], int],
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    names: dict[str, Any] = {}

    def shell(command: str) -> None:
        words = shlex.split(command)
        assert words[0] == "medadapt", command
        names["_exit_code"] = 0 if words[1:] == ["--version"] else medadapt(words[1:])

    names["shell"] = shell
    for cell in code_cells():
        execute(cell, names)
        if "parameters" in cell["metadata"].get("tags", ()):
            names |= {"ROWS": 40, "EPOCHS": 1}

    run = tmp_path / names["RUN"]
    assert json.loads((run / "run.json").read_text())["status"] == "done", capfd.readouterr().err[-3000:]
    assert "adapter_model.safetensors" in zipfile.ZipFile(names["adapter"]).namelist()
    assert "index.html" in zipfile.ZipFile(names["report"]).namelist()

    # Other parameters in the same folder are refused; what was trained before must not be shown as their result.
    reached: list[str] = []
    names["EPOCHS"] = 2
    with pytest.raises(SystemExit, match="another RUN"):
        execute_all(code_cells()[1:], names, reached)
    assert reached[-1] == "prepare"


@pytest.mark.parametrize(("seen", "told"), [(0, "restart the session"), (1, "does not see this GPU")])
def test_a_torch_that_pip_replaced_is_told_before_anything_imports_it(
    monkeypatch: pytest.MonkeyPatch, seen: int, told: str
):
    versions = iter(["2.6.0", "2.13.0"])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("importlib.metadata.version", lambda _: next(versions))
    heard: list[str] = []
    names: dict[str, Any] = {"PACKAGE": "medadapt.whl", "HAS_GPU": True}

    def shell(command: str) -> None:
        heard.append(command)
        names["_exit_code"] = seen if command.startswith("python") else 0

    names["shell"] = shell
    with pytest.raises(SystemExit, match=told):
        execute(cell_named("install"), names)
    assert "pip uninstall --quiet --yes torchvision torchaudio" in heard


def test_mounting_the_drive_twice_names_the_same_folder(monkeypatch: pytest.MonkeyPatch):
    colab = ModuleType("google.colab")
    colab.drive = SimpleNamespace(mount=lambda _: None)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    names: dict[str, Any] = {"USE_DRIVE": True, "GATED": False, "RUN": "runs/free-gpu", "Path": PurePosixPath}

    execute(cell_named("drive"), names)
    once = names["RUN"]
    execute(cell_named("drive"), names)

    assert names["RUN"] == once == "/content/drive/MyDrive/runs/free-gpu"


def test_on_a_gpu_the_recipe_asks_for_a_hub_base_in_4_bits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    names: dict[str, Any] = {}

    execute(cell_named("parameters"), names)

    assert (names["QUANTIZATION"], names["ROWS"]) == ("nf4", None)
    assert not names["BASE"].startswith("sample:")


def test_the_notebook_is_kept_without_outputs():
    assert not [cell["id"] for cell in cells() if cell.get("outputs") or cell.get("execution_count")]


def test_a_shell_line_becomes_a_call_with_its_names_filled_in():
    heard: list[str] = []

    exec(as_python('if True:\n    !echo {NAME} "two words"\n'), {"shell": heard.append, "NAME": "one"})

    assert heard == ['echo one "two words"']
