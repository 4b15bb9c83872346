"""Repeated training seeds: same records and examples, other adapters, and the spread between them."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medadapt.cli.app import app
from medadapt.core.errors import DivergedError, MedAdaptError, RecipeError, RunFolderError, StoppedError
from medadapt.core.files import read_json, read_jsonl, write_json
from medadapt.core.progress import Silent
from medadapt.core.recipe_reading import read_recipe, recipe_from
from medadapt.core.run_folder import RunFolder
from medadapt.workflow import seeding
from medadapt.workflow.outcome import run
from medadapt.workflow.request import RunRequest
from medadapt.workflow.seeding import run_seeds
from medadapt.workflow.state import read_state
from older_runs import EARLIER, as_prepared_before
from serving_runs import make_base

WEIGHTS = "3-adapter/adapter_model.safetensors"


def values(base: Path, **sections: Any) -> dict[str, Any]:
    return {
        "name": "seeds",
        "data": {"format": "symptom_table", "source": "sample:rows/symptoms"},
        "model": {"base": str(base), "precision": "fp32"},
        "training": {"epochs": 1, "learning_rate": 1e-2, "tracking": []},
        "evaluation": {"bootstrap_samples": 100, "primary": "loss"},
    } | sections


def asked(folder: Path, base: Path, **sections: Any) -> RunRequest:
    return RunRequest(recipe=recipe_from(values(base, **sections), where="test"), folder=folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("seeds") / "base")


@pytest.fixture(scope="module")
def repeated(base: Path) -> Path:
    """A run with three seeds; tests that write into it take a copy."""
    folder = base.parent / "run"
    run_seeds(asked(folder, base), 3, Silent())
    return folder


@pytest.fixture
def own(repeated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(repeated, tmp_path / "run"))


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time of the last change and bytes of every file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_all_seeds_have_the_records_and_examples_of_the_run_and_keep_no_second_copy(repeated):
    for seed in (1, 2):
        for name in ("1-records/train.jsonl", "1-records/test.jsonl", "2-examples/examples.json"):
            assert (repeated / "seeds" / str(seed) / name).samefile(repeated / name)


def test_only_the_adapter_is_another(repeated):
    weights = [
        (folder / WEIGHTS).read_bytes() for folder in (repeated, *sorted((repeated / "seeds").glob("[12]")))
    ]
    assert len(set(weights)) == 3
    for seed in (1, 2):
        mine = repeated / "seeds" / str(seed) / "4-predictions" / "baseline.jsonl"
        assert mine.read_bytes() == (repeated / "4-predictions" / "baseline.jsonl").read_bytes()


def test_a_repetition_says_under_which_seed_it_was_trained_and_whose_records_it_has(repeated):
    state = read_json(repeated / "seeds" / "2" / "run.json")
    assert state["seeds"] == {"recipe": 2}
    assert state["records_seed"] == 0
    assert state["resume"] == f"medadapt run {repeated} --seeds 3"
    assert read_recipe(repeated / "seeds" / "2" / "recipe.yaml").seed == 2


def test_the_spread_is_that_of_the_runs_own_metrics(repeated):
    folders = (repeated, repeated / "seeds" / "1", repeated / "seeds" / "2")
    shifts = [
        read_json(folder / "5-metrics/metrics.json")["difference"]["loss"]["value"] for folder in folders
    ]
    found = read_json(repeated / "5-metrics" / "seeds.json")
    assert found["seeds"] == [0, 1, 2]
    assert list(found["difference"].values()) == shifts
    assert found["sd"] == pytest.approx(statistics.stdev(shifts))
    assert found["sd"] > 0


def test_report_and_card_show_the_spread(repeated):
    page = (repeated / "6-report" / "index.html").read_text()
    assert 'id="seeds"' in page
    assert "Trained with 3 seeds on the same records" in page
    assert "Trained with 3 seeds on the same records" in (repeated / "6-report" / "README.md").read_text()


def test_a_repetition_trains_as_a_run_of_that_seed_would(base, tmp_path):
    """On splits made elsewhere the seed decides nothing but training, so both ways must give the same bytes."""
    rows = [(f"cough {n}, fever {n % 7}", ("Cold", "Flu")[n % 2]) for n in range(30)]
    for name, part in (("train", rows[:20]), ("test", rows[20:])):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("symptoms", "disease"), *part])
    source = {name: str(tmp_path / f"{name}.csv") for name in ("train", "test")}
    data = {"format": "symptom_table", "source": source}
    run_seeds(asked(tmp_path / "both", base, data=data), 2, Silent())
    run(asked(tmp_path / "alone", base, data=data, seed=1), Silent())
    assert (tmp_path / "both/seeds/1" / WEIGHTS).read_bytes() == (tmp_path / "alone" / WEIGHTS).read_bytes()
    for name in ("baseline", "tuned"):
        path = f"4-predictions/{name}.jsonl"
        assert (tmp_path / "both/seeds/1" / path).read_bytes() == (tmp_path / "alone" / path).read_bytes()


def test_a_spread_that_was_edited_fails_the_verification(own, capsys):
    words, path = ["report", str(own), "--verify", "--json"], own / "5-metrics" / "seeds.json"
    assert app(words, standalone_mode=False) == 0
    write_json(path, read_json(path) | {"sd": 0.0123})
    capsys.readouterr()
    assert app(words, standalone_mode=False) == 3
    assert json.loads(capsys.readouterr().out)["edited"] == ["5-metrics/seeds.json"]


def test_a_second_call_changes_no_file(repeated, base):
    before = contents(repeated)
    outcome = run_seeds(asked(repeated, base), 3, Silent())
    assert outcome.ran == ()
    assert outcome.seeds == read_json(repeated / "5-metrics" / "seeds.json")
    assert contents(repeated) == before


def test_a_repetition_is_a_run_in_which_only_the_report_is_left(own):
    folder = own / "seeds" / "1"
    outcome = run(RunRequest(recipe=read_recipe(folder / "recipe.yaml"), folder=folder), Silent())
    assert outcome.ran == ("report",)


def test_one_more_seed_trains_only_that_one_and_renews_the_report(own, base):
    before = contents(own / "seeds")
    outcome = run_seeds(asked(own, base), 4, Silent())
    assert outcome.ran == ("report",)
    after = contents(own / "seeds")
    assert {name for name in after if after[name] != before.get(name)} == {
        n for n in after if n.startswith("3/")
    }
    assert "Trained with 4 seeds" in (own / "6-report" / "index.html").read_text()


def test_another_evaluation_measures_all_seeds_anew_and_trains_none(own, base):
    evaluation = {"bootstrap_samples": 100, "primary": "bits_per_byte"}
    weights = {path: path.stat().st_mtime_ns for path in own.rglob("adapter_model.safetensors")}
    outcome = run_seeds(asked(own, base, evaluation=evaluation), 3, Silent())
    assert outcome.seeds["primary"] == "bits_per_byte"
    assert {path: path.stat().st_mtime_ns for path in own.rglob("adapter_model.safetensors")} == weights


def test_a_figure_that_was_measured_anew_forgets_the_old_spread(own, base):
    run(asked(own, base, evaluation={"bootstrap_samples": 100, "primary": "bits_per_byte"}), Silent())
    assert not (own / "5-metrics" / "seeds.json").exists()
    assert "Trained with 3 seeds" not in (own / "6-report" / "index.html").read_text()

    run_seeds(asked(own, base), 3, Silent())

    assert "Trained with 3 seeds" in (own / "6-report" / "index.html").read_text()


def test_an_interrupted_repetition_goes_on_and_ends_with_the_same_adapter(own, base):
    wanted = (own / "seeds" / "2" / WEIGHTS).read_bytes()
    shutil.rmtree(own / "seeds" / "2")
    steps = own / "seeds" / "2" / "3-adapter" / "steps.jsonl"
    stop = replace(
        asked(own, base), should_stop=lambda: steps.is_file() and len(list(read_jsonl(steps))) == 2
    )

    with pytest.raises(StoppedError) as problem:
        run_seeds(stop, 3, Silent())

    assert f"medadapt run {own} --seeds 3" in problem.value.remedy
    assert read_state(RunFolder(own / "seeds" / "2")).stages["train"].status == "interrupted"
    run_seeds(asked(own, base), 3, Silent())
    assert (own / "seeds" / "2" / WEIGHTS).read_bytes() == wanted


def test_a_half_made_repetition_is_made_anew(own, base):
    shutil.rmtree(own / "seeds" / "2")
    (own / "seeds" / ".2.part" / "1-records").mkdir(parents=True)
    run_seeds(asked(own, base), 3, Silent())
    assert not (own / "seeds" / ".2.part").exists()
    assert (own / "seeds" / "2" / WEIGHTS).is_file()


def test_repetitions_on_other_records_are_never_mixed_in(own, base):
    data = {"format": "symptom_table", "source": "sample:rows/symptoms", "limit": {"rows": 28}}
    run(replace(asked(own, base, data=data), replace=True), Silent())
    with pytest.raises(
        RunFolderError, match=r"seeds/1 was trained on other records or examples than .* holds now"
    ):
        run_seeds(asked(own, base, data=data), 2, Silent())

    run_seeds(replace(asked(own, base, data=data), replace=True), 2, Silent())

    assert (own / "seeds/1/1-records/train.jsonl").samefile(own / "1-records" / "train.jsonl")
    assert read_json(own / "5-metrics" / "seeds.json")["seeds"] == [0, 1]


def test_records_of_a_repetition_that_were_changed_are_those_of_the_run_again_and_no_training_is_lost(
    own, base
):
    path, weights = own / "seeds/1/1-records/test.jsonl", own / "seeds/1" / WEIGHTS
    path.write_text(path.read_text().replace("a", "b", 1))
    before = weights.stat().st_mtime_ns

    run_seeds(asked(own, base), 3, Silent())

    assert path.samefile(own / "1-records" / "test.jsonl")
    assert weights.stat().st_mtime_ns == before


@pytest.mark.parametrize("replaced", [False, True])
def test_a_repetition_never_splits_the_data_by_its_own_seed(own, replaced):
    folder = own / "seeds" / "1"
    path = folder / "1-records/test.jsonl"
    path.write_text(path.read_text().replace("a", "b", 1))
    before = contents(own)
    recipe = read_recipe(folder / "recipe.yaml")
    alone = RunRequest(recipe=recipe, folder=folder, first="prepare", last="prepare", replace=replaced)

    with pytest.raises(
        RunFolderError, match="split by seed 0; prepare would split them by seed 1"
    ) as refused:
        run(alone, Silent())

    assert f"`medadapt run {own} --seeds 3`" in refused.value.remedy
    assert contents(own) == before


def test_repetitions_of_another_training_are_refused_without_replace(own, base):
    training = {"epochs": 1, "learning_rate": 2e-2, "tracking": []}
    run(replace(asked(own, base, training=training), replace=True), Silent())
    with pytest.raises(
        RunFolderError, match=r"seeds/1 was made from another recipe:\n  training\.learning_rate"
    ):
        run_seeds(asked(own, base, training=training), 2, Silent())


def test_repetitions_take_on_a_setting_that_changes_no_example_where_they_are_replaced(own, base):
    model = {"base": str(base), "precision": "auto"}  # read by encode, which writes the same as before
    request = replace(asked(own, base, model=model), replace=True)
    outcome = run_seeds(request, 3, Silent())
    assert outcome.seeds["seeds"] == [0, 1, 2]
    for seed in ("1", "2"):
        assert read_recipe(own / "seeds" / seed / "recipe.yaml").model.precision == "auto"
    assert run_seeds(request, 3, Silent()).ran == ()


def test_an_error_names_the_seed(own, base, monkeypatch):
    def diverge(request: RunRequest, progress: Any) -> Any:
        if request.folder != own:
            raise DivergedError("The loss is not finite.", "a finite loss", "Lower it.")
        return run(request, progress)

    monkeypatch.setattr(seeding, "run", diverge)
    with pytest.raises(DivergedError, match=r"With seed 1 \(.*seeds/1\): The loss is not finite") as problem:
        run_seeds(asked(own, base), 2, Silent())
    assert (problem.value.exit_code, problem.value.remedy) == (4, "Lower it.")


@pytest.mark.parametrize("part", [{"first": "train"}, {"last": "score"}])
def test_a_part_of_the_path_is_not_repeated(tmp_path, base, part):
    with pytest.raises(MedAdaptError, match="--seeds repeats training and measuring of a whole run"):
        run_seeds(replace(asked(tmp_path / "run", base), **part), 2, Silent())
    assert not (tmp_path / "run").exists()


def test_where_nothing_is_trained_nothing_is_repeated(tmp_path, base):
    recipe = values(base, training={"epochs": 0}) | {"model": {"base": str(base), "adapter": str(tmp_path)}}
    request = RunRequest(recipe=recipe_from(recipe, where="test"), folder=tmp_path / "run")
    with pytest.raises(RecipeError, match="all seeds would be equal"):
        run_seeds(request, 2, Silent())


def test_the_longest_name_and_the_largest_seed_make_a_valid_recipe(base, tmp_path):
    longest = asked(tmp_path, base, name="n" * 100).recipe
    recipe = seeding._recipe_with(longest, 2**63 - 1)
    assert recipe_from(json.loads(recipe.model_dump_json()), where="test") == recipe


def test_a_smoke_run_is_repeated_too(tmp_path):
    recipe = recipe_from(
        {
            "data": {"format": "symptom_table", "source": "sample:rows/symptoms"},
            "model": {"base": "facebook/opt-1.3b"},
            "seed": 2**63 - 1,
        },
        where="test",
    )
    outcome = run_seeds(RunRequest(recipe=recipe, folder=tmp_path / "run", smoke=True), 2, Silent())
    assert outcome.seeds["seeds"] == [2**63 - 1, 0]
    assert (tmp_path / "run/seeds/0/0-base").is_dir()
    assert outcome.exit_code == 0


def test_what_is_up_to_date_is_not_trained_again_where_the_rest_may_be_replaced(own, base):
    before = contents(own)
    outcome = run_seeds(replace(asked(own, base), replace=True), 3, Silent())
    assert outcome.ran == ()
    assert contents(own) == before


@pytest.mark.parametrize("given", ["replace", "gate"])
def test_the_command_that_goes_on_replaces_and_asks_for_the_gate_as_before(given, base, tmp_path):
    request = replace(asked(tmp_path / "run", base), **{given: True})
    assert seeding._command(request, 3) == f"medadapt run {tmp_path / 'run'} --seeds 3 --{given}"


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.mark.parametrize("replaced", [False, True])
def test_repetitions_on_records_of_an_earlier_version_are_kept_and_go_on(own, base, replaced):
    shutil.rmtree(own / "seeds" / "2")
    as_prepared_before(own)
    kept = [own, own / "seeds" / "1"]
    before = [contents(folder / part) for folder in kept for part in ("1-records", "2-examples", "3-adapter")]
    notes = Notes()

    outcome = run_seeds(replace(asked(own, base), replace=replaced), 3, notes)

    assert outcome.seeds["seeds"] == [0, 1, 2]
    after = [contents(folder / part) for folder in kept for part in ("1-records", "2-examples", "3-adapter")]
    assert after == before
    assert (own / "seeds/2/1-records/train.jsonl").samefile(own / "1-records" / "train.jsonl")
    assert (
        "1-records is of an earlier version of MedAdapt and stays as it is, because 3-adapter was trained on it. "
        f"To begin anew with this version, run `medadapt prepare {own} --replace` first."
    ) in notes.lines


def test_a_repetition_tells_the_version_that_made_its_records(own, base):
    shutil.rmtree(own / "seeds" / "2")
    as_prepared_before(own)
    run_seeds(asked(own, base), 3, Silent())
    versions = [
        read_state(RunFolder(folder)).stages["prepare"].inputs["version"]
        for folder in (own, own / "seeds" / "1", own / "seeds" / "2")
    ]
    assert versions == [EARLIER] * 3
