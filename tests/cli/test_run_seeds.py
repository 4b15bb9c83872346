"""`medadapt run --seeds K`: the spread is told on the card and in the JSON."""

from __future__ import annotations

import json
import shutil

import pytest

from medadapt.core.errors import MedAdaptError


def test_a_finished_run_gets_a_second_seed(use, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")

    code, out, _ = use("run", folder, "--seeds", 2, "--json")

    assert code == 0
    told = json.loads(out)
    assert told["seeds"]["seeds"] == [0, 1]
    assert told["ran"] == ["report"]
    assert told["seeds"] == json.loads((folder / "5-metrics" / "seeds.json").read_text())
    _, shown, _ = use("run", folder)
    assert "Trained with 2 seeds on the same records" in " ".join(shown.split())


def test_one_seed_is_no_repetition(medadapt, recipe_file):
    said = medadapt("run", recipe_file, "--seeds", 1)
    assert said.code == 2
    assert "--seeds" in said.err


def test_seeds_and_a_part_of_the_path_do_not_go_together(use, finished):
    with pytest.raises(MedAdaptError, match="only some stages") as problem:
        use("run", finished, "--seeds", 2, "--from", "score")
    assert problem.value.exit_code == 2
