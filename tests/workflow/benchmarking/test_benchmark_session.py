"""`medadapt benchmark` on a finished run: what is asked, what is kept, and what was seen in training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.errors import DataError, RunFolderError
from medadapt.core.files import read_json, read_jsonl
from medadapt.core.progress import Silent
from medadapt.core.records import read_records
from medadapt.core.run_folder import RunFolder
from medadapt.core.standard_sets import NamedSource
from medadapt.workflow.asked_models import asked_run
from medadapt.workflow.benchmarking.session import Benchmark, BenchmarkRequest, run_benchmark
from medadapt.workflow.beside import edited_beside
from medadapt.workflow.locating import locate_run
from serving_runs import make_base, make_run

MCQ = "sample:rows/mcq"


class Noting(Silent):
    """Keeps the notes and the pieces of work."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.started: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def start(self, task: str, total: int | None = None) -> None:  # noqa: ARG002
        self.started.append(task)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("benchmark")
    return make_run(
        place / "choice",
        make_base(place / "base"),
        until="train",
        data={"format": "multiple_choice", "source": MCQ},
        evaluation={"bootstrap_samples": 100},
    )


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "mine", ignore=shutil.ignore_patterns("checkpoints"))


@pytest.fixture
def pubmedqa(tmp_path: Path) -> Path:
    path = tmp_path / "pubmedqa.json"
    rows = {
        str(n): {
            "QUESTION": f"Does drug {n} help?",
            "CONTEXTS": [f"{'A long trial. ' * 60 if n == 0 else ''}{n} patients."],
            "final_decision": ("yes", "no", "maybe")[n % 3],
        }
        for n in range(6)
    }
    path.write_text(json.dumps(rows))
    return path


def bench(run: Path, *sources: tuple[str, str], progress: Any = None, limit: int | None = None) -> Benchmark:
    request = BenchmarkRequest(
        run=asked_run(locate_run(str(run))),
        sources=[NamedSource(name=name, source=source) for name, source in sources],  # type: ignore[arg-type]
        limit=limit,
        device="cpu",
    )
    return run_benchmark(request, progress or Silent())


def test_questions_of_the_training_data_are_flagged_and_left_out_of_the_clean_figures(run: Path):
    found = bench(run, ("medmcqa", MCQ)).sets["medmcqa"]

    seen = {
        record.id
        for split in ("train", "validation")
        for record in read_records(run / "1-records" / f"{split}.jsonl")
    }
    flagged = found["leakage"]["flagged"]
    assert {name for name, kind in flagged.items() if kind == "exact"} == seen
    assert found["leakage"]["exact"] == len(seen)
    assert found["clean"]["n"] == found["n"] - found["leakage"]["near"] > 0
    assert found["clean"]["tuned"]["accuracy"]["n"] == found["clean"]["n"]


def test_a_result_that_was_edited_is_found_whatever_is_measured_after_it(run: Path, pubmedqa: Path):
    folder = RunFolder(run)
    bench(run, ("medmcqa", MCQ))
    path = run / "5-metrics" / "benchmarks" / "medmcqa.json"
    assert edited_beside(folder) == []

    path.write_text(path.read_text().replace("not shown", "better"))
    bench(run, ("pubmedqa", str(pubmedqa)))

    assert edited_beside(folder) == ["5-metrics/benchmarks/medmcqa.json"]


def test_several_sets_are_averaged_and_pooled(run: Path, pubmedqa: Path):
    done = bench(run, ("medmcqa", MCQ), ("pubmedqa", str(pubmedqa)))

    assert done.together is not None
    assert done.together["sets"] == {"medmcqa": done.sets["medmcqa"]["n"], "pubmedqa": 6}
    folder = run / "5-metrics" / "benchmarks"
    assert {path.name for path in folder.iterdir()} == {"medmcqa.json", "pubmedqa.json", "together.json"}
    assert read_json(folder / "pubmedqa.json") == done.sets["pubmedqa"]
    assert set(done.sets["pubmedqa"]["tuned"]) == {"accuracy", "macro_f1"}
    assert done.sets["pubmedqa"]["clean"]["tuned"] is None
    assert "no question" in done.sets["pubmedqa"]["clean"]["reason"]


def test_the_mean_of_several_sets_outlives_a_later_call_that_measures_the_same(run: Path, pubmedqa: Path):
    bench(run, ("medmcqa", MCQ), ("pubmedqa", str(pubmedqa)))
    path = run / "5-metrics" / "benchmarks" / "together.json"
    before = path.read_bytes()

    bench(run, ("pubmedqa", str(pubmedqa)))
    bench(run, ("medqa", exam(run.parent / "medqa.jsonl")))

    assert path.read_bytes() == before


def test_the_mean_of_several_sets_goes_where_one_of_them_is_measured_otherwise(run: Path, pubmedqa: Path):
    bench(run, ("medmcqa", MCQ), ("pubmedqa", str(pubmedqa)))

    bench(run, ("pubmedqa", str(pubmedqa)), limit=3)

    assert not (run / "5-metrics" / "benchmarks" / "together.json").exists()


@pytest.mark.parametrize("damage", ["[]", "{", '{"sets": 1}'])
def test_a_damaged_mean_of_several_sets_is_no_reason_to_fail(damage: str, run: Path, pubmedqa: Path):
    path = run / "5-metrics" / "benchmarks" / "together.json"
    path.parent.mkdir(parents=True)
    path.write_text(damage)

    bench(run, ("pubmedqa", str(pubmedqa)))

    assert not path.exists()


def test_a_prompt_beyond_the_context_is_asked_cut_and_counted(run: Path, pubmedqa: Path):
    assert bench(run, ("pubmedqa", str(pubmedqa))).sets["pubmedqa"]["truncated"] == 1


def test_a_second_call_asks_nothing_and_says_the_same(run: Path, pubmedqa: Path):
    first = bench(run, ("pubmedqa", str(pubmedqa)))
    watching = Noting()

    second = bench(run, ("pubmedqa", str(pubmedqa)), progress=watching)

    assert second.sets == first.sets
    assert not [task for task in watching.started if "scores" in task or "likelihood" in task]
    assert [note for note in watching.notes if "6 answers are there already" in note]


def test_a_limit_draws_by_the_seed_and_a_larger_one_asks_only_the_rest(run: Path, pubmedqa: Path):
    few = bench(run, ("pubmedqa", str(pubmedqa)), limit=2).sets["pubmedqa"]
    watching = Noting()
    more = bench(run, ("pubmedqa", str(pubmedqa)), limit=5, progress=watching).sets["pubmedqa"]

    assert (few["n"], more["n"]) == (2, 5)
    assert [note for note in watching.notes if "2 answers are there already" in note]
    assert len(list(read_jsonl(run / "4-predictions" / "benchmarks" / "pubmedqa.tuned.jsonl"))) == 5


@pytest.mark.parametrize("damage", ["{", '{"id": "x"}', "[]"])
def test_damaged_answers_are_to_be_deleted_since_predict_does_not_make_them(
    damage: str, run: Path, pubmedqa: Path
):
    bench(run, ("pubmedqa", str(pubmedqa)), limit=2)
    kept = run / "4-predictions" / "benchmarks" / "pubmedqa.tuned.jsonl"
    kept.write_text(damage)

    with pytest.raises(DataError) as refused:
        bench(run, ("pubmedqa", str(pubmedqa)), limit=2)

    assert f"{kept}:1" in refused.value.problem
    assert refused.value.remedy == f"Delete {kept}; its questions are then asked again."
    kept.unlink()
    assert bench(run, ("pubmedqa", str(pubmedqa)), limit=2).sets["pubmedqa"]["n"] == 2


def test_answers_of_another_adapter_are_not_taken(run: Path, pubmedqa: Path):
    bench(run, ("pubmedqa", str(pubmedqa)))
    ledger = run / "4-predictions" / "benchmarks" / "ledger.json"
    told = read_json(ledger)
    told["pubmedqa.tuned.jsonl"]["adapter_sha256"] = "0" * 64
    ledger.write_text(json.dumps(told))
    watching = Noting()

    bench(run, ("pubmedqa", str(pubmedqa)), progress=watching)

    asked_again = {task.partition(":")[0] for task in watching.started if "likelihood" in task}
    assert asked_again == {"tuned"}


def test_the_draw_is_not_that_of_the_training_rows(run: Path):
    from medadapt.core.hashes import seeded_order
    from medadapt.workflow.standard_records import drawn

    records = list(read_records(run / "1-records" / "train.jsonl"))

    assert drawn(records, limit=len(records), seed=0) != seeded_order(records, 0, lambda record: record.id)


def test_a_run_without_an_adapter_is_refused_before_anything_is_read(run: Path):
    shutil.rmtree(run / "3-adapter")

    with pytest.raises(RunFolderError, match="no adapter"):
        bench(run, ("medmcqa", "nowhere.jsonl"))


@pytest.mark.slow
def test_a_report_built_afterwards_has_a_section_on_the_sets(run: Path, pubmedqa: Path):
    from medadapt.workflow.outcome import run as run_stages
    from medadapt.workflow.request import RunRequest

    recipe = locate_run(str(run)).recipe
    run_stages(RunRequest(recipe=recipe, folder=run), Silent())
    bench(run, ("pubmedqa", str(pubmedqa)))
    run_stages(RunRequest(recipe=recipe, folder=run, first="report", last="report", replace=True), Silent())

    assert "Standard question sets" in (run / "6-report" / "index.html").read_text(encoding="utf-8")


def exam(path: Path, *, num_rows: int = 4, asking: str = "Question") -> str:
    """MedQA in its layout with named options."""
    options = {"A": "Heart", "B": "Lung", "C": "Liver", "D": "Spleen"}
    rows = [
        {"question": f"{asking} {n}?", "options": options, "answer_idx": letter, "answer": options[letter]}
        for n, letter in enumerate(("ABCD" * num_rows)[:num_rows])
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def test_medqa_is_asked_from_beginning_to_end(run: Path, tmp_path: Path):
    found = bench(run, ("medqa", exam(tmp_path / "medqa.jsonl"))).sets["medqa"]

    assert (found["n"], found["unusable"], found["truncated"]) == (4, {}, 0)
    assert found["answers"] == dict.fromkeys("ABCD", 0.25)
    assert read_json(run / "5-metrics" / "benchmarks" / "medqa.json") == found


def test_mmlu_is_asked_from_beginning_to_end_and_small_subsets_get_no_verdict(run: Path, tmp_path: Path):
    (tmp_path / "mmlu").mkdir()
    for subset, num_rows in (("anatomy", 3), ("medical_genetics", 2)):
        lines = [f"{subset} question {n}?,Heart,Lung,Liver,Spleen,{'ABCD'[n]}\n" for n in range(num_rows)]
        (tmp_path / "mmlu" / f"{subset}_test.csv").write_text("".join(lines))

    found = bench(run, ("mmlu-medical", str(tmp_path / "mmlu"))).sets["mmlu-medical"]

    assert {name: part["n"] for name, part in found["subsets"].items()} == {
        "anatomy": 3,
        "medical_genetics": 2,
    }
    assert (found["n"], found["macro"]["num_sets"]) == (5, 2)
    reasons = {part["difference"]["accuracy"]["reason"] for part in found["subsets"].values()}
    assert reasons == {"fewer than 30 test records are too few for a claim"}


def test_another_file_of_the_set_replaces_the_answers_of_the_same_places(run: Path, tmp_path: Path):
    first, second = (exam(tmp_path / f"{asking}.jsonl", asking=asking) for asking in ("One", "Other"))
    kept = run / "4-predictions" / "benchmarks" / "medqa.tuned.jsonl"
    bench(run, ("medqa", first))
    before = {row["id"]: row["prompt_sha256"] for row in read_jsonl(kept)}

    bench(run, ("medqa", second))

    after = list(read_jsonl(kept))
    assert [row["id"] for row in after] == list(before)
    assert all(before[row["id"]] != row["prompt_sha256"] for row in after)
    watching = Noting()
    bench(run, ("medqa", second), progress=watching)
    assert [note for note in watching.notes if "4 answers are there already" in note]


def test_answers_of_a_longer_file_stay_where_a_shorter_one_is_asked(run: Path, tmp_path: Path):
    bench(run, ("medqa", exam(tmp_path / "long.jsonl", num_rows=6)))
    bench(run, ("medqa", exam(tmp_path / "short.jsonl", num_rows=4, asking="Other")))

    kept = [row["id"] for row in read_jsonl(run / "4-predictions" / "benchmarks" / "medqa.tuned.jsonl")]
    assert len(set(kept)) == len(kept) == 6


def test_the_average_of_an_earlier_call_goes_when_one_set_is_asked_alone(
    run: Path, pubmedqa: Path, tmp_path: Path
):
    folder = run / "5-metrics" / "benchmarks"
    bench(run, ("medqa", exam(tmp_path / "medqa.jsonl")), ("pubmedqa", str(pubmedqa)))
    assert (folder / "together.json").is_file()

    bench(run, ("pubmedqa", str(pubmedqa)), limit=2)

    assert {path.name for path in folder.iterdir()} == {"medqa.json", "pubmedqa.json"}
