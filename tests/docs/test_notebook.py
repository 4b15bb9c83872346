"""The notebook's cells run from top to bottom on a machine without a GPU, with the sample base."""

from __future__ import annotations

import json
import re
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path
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


def test_the_cells_run_in_order(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    offline: None,
    medadapt: Callable[[list[str]], int],
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    def shell(command: str) -> None:
        words = shlex.split(command)
        assert words[0] == "medadapt", command
        if words[1:] != ["--version"]:
            assert medadapt(words[1:]) == 0, f"{command}\n{capfd.readouterr().err[-3000:]}"

    names: dict[str, Any] = {"shell": shell}
    for cell in cells():
        if cell["cell_type"] != "code":
            continue
        exec(compile(as_python("".join(cell["source"])), cell["id"], "exec"), names)
        if "parameters" in cell["metadata"].get("tags", ()):
            names |= {"ROWS": 40, "EPOCHS": 1}

    run = tmp_path / names["RUN"]
    assert json.loads((run / "run.json").read_text())["status"] == "done"
    assert "adapter_model.safetensors" in zipfile.ZipFile(names["adapter"]).namelist()
    assert "index.html" in zipfile.ZipFile(names["report"]).namelist()


def test_on_a_gpu_the_recipe_asks_for_a_hub_base_in_4_bits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    parameters = next(cell for cell in cells() if cell["id"] == "parameters")
    names: dict[str, Any] = {}

    exec("".join(parameters["source"]), names)

    assert (names["QUANTIZATION"], names["ROWS"]) == ("nf4", None)
    assert not names["BASE"].startswith("sample:")


def test_the_notebook_is_kept_without_outputs():
    assert not [cell["id"] for cell in cells() if cell.get("outputs") or cell.get("execution_count")]


def test_a_shell_line_becomes_a_call_with_its_names_filled_in():
    heard: list[str] = []

    exec(as_python('if True:\n    !echo {NAME} "two words"\n'), {"shell": heard.append, "NAME": "one"})

    assert heard == ['echo one "two words"']
