"""Files of a run folder that were deleted, emptied or exchanged, through the commands that read them."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.errors import MedAdaptError

VERIFY = ("report", "--verify")
COMPARE = ("compare",)
REPORT = ("report", "--replace")
RUN = ("run",)


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A finished run whose files may be damaged."""
    return shutil.copytree(finished, tmp_path / "mine")


def deleted(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


def holding(name: str, value: Any) -> Callable[[Path], None]:
    def write(run: Path) -> None:
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text(json.dumps(value))

    return write


def without(name: str, *keys: str) -> Callable[[Path], None]:
    """Take a key out of a JSON document; the keys before it say of which object."""

    def cut(run: Path) -> None:
        value = json.loads((run / name).read_text())
        inner = value
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]
        (run / name).write_text(json.dumps(value))

    return cut


def without_a_question(run: Path) -> None:
    path = run / "1-records" / "test.jsonl"
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([first, '{"id": "x"}', *rest]))


SEEDS = "5-metrics/seeds.json"
DAMAGE = {
    "data.json gone": (deleted("1-records/data.json"), [VERIFY], "data.json is missing"),
    "no leakage": (
        without("1-records/data.json", "leakage"),
        [VERIFY, COMPARE],
        "data.json .*lacks `leakage`",
    ),
    "data.json a list": (holding("1-records/data.json", []), [VERIFY, REPORT], r"data.json .*holds \[\]"),
    "examples.json a list": (
        holding("2-examples/examples.json", []),
        [REPORT],
        r"examples.json .*holds \[\]",
    ),
    "train.jsonl gone": (deleted("1-records/train.jsonl"), [VERIFY, COMPARE], "train.jsonl is missing"),
    "no question": (without_a_question, [VERIFY, COMPARE], "test.jsonl:2 .*lacks `source_row`"),
    "weights gone": (
        deleted("3-adapter/adapter_model.safetensors"),
        [VERIFY, COMPARE, ("benchmark", "--on", "medmcqa=sample:rows/mcq")],
        "adapter_model.safetensors is missing",
    ),
    "no prediction": (without("run.json", "prediction"), [VERIFY, COMPARE], "run.json .*lacks `prediction`"),
    "no vocabulary": (
        without("run.json", "prediction", "vocabulary_size"),
        [VERIFY, COMPARE],
        "run.json .*lacks `vocabulary_size` in `prediction`",
    ),
    "an empty set": (holding("5-metrics/benchmarks/medmcqa.json", {}), [REPORT], "medmcqa.json .*lacks `n`"),
    "an empty mean of sets": (
        holding("5-metrics/benchmarks/together.json", {}),
        [REPORT],
        "together.json .*lacks `sets`",
    ),
    "other seeds": (holding(SEEDS, {"x": 1}), [REPORT, RUN], "seeds.json .*lacks `seeds`"),
    "a list of seeds": (holding(SEEDS, []), [REPORT, RUN], r"seeds.json .*holds \[\]"),
    "an empty ledger": (
        holding("4-predictions/benchmarks/ledger.json", []),
        [("benchmark", "--on", "medmcqa=sample:rows/mcq", "--limit", "2", "--device", "cpu")],
        r"ledger.json .*holds \[\]",
    ),
}


@pytest.mark.parametrize(
    ("damage", "words"),
    [(damage, words) for damage, (_, commands, _) in DAMAGE.items() for words in commands],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_damaged_file_is_named_with_what_to_do(run: Path, finished: Path, use, damage: str, words):
    harm, _, told = DAMAGE[damage]
    harm(run)

    with pytest.raises(MedAdaptError, match=f"(?s){told}") as problem:
        use(words[0], run, *([finished] if words == COMPARE else words[1:]))

    assert problem.value.exit_code == 2
    assert problem.value.expected
    assert str(run) in problem.value.remedy or "Delete" in problem.value.remedy


def test_the_command_line_ends_with_2_and_no_traceback(run: Path, medadapt):
    deleted("1-records/train.jsonl")(run)

    said = medadapt("report", run, "--verify")

    assert said.code == 2
    assert "Remedy: Run `medadapt prepare" in said.err


def test_the_stage_before_is_made_again_by_the_remedy(run: Path, use):
    deleted("2-examples/examples.json")(run)
    with pytest.raises(MedAdaptError, match="files of 2-examples are missing") as problem:
        use("score", run)

    _, first, _ = problem.value.remedy.split("`", 2)
    assert use(*shlex.split(first)[1:])[0] == 0

    assert use("score", run)[0] == 0


def test_what_prepare_makes_is_made_again_by_the_remedy(run: Path, use):
    deleted("1-records/data.json")(run)
    without_a_question(run)

    use("prepare", run)

    assert use("report", run, "--verify")[0] == 0
