"""Task files: the harness's own tasks over local rows, and texts that are never templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import ModelError
from medadapt.core.records import Record
from medadapt.core.standard_sets import SetName
from medadapt.examples.templates import Wording, render_prompt
from medadapt.workflow.harness_parity.task_files import (
    GENERAL_TASK,
    MMLU_FILE,
    PUBLISHED,
    ROW,
    row_of,
    task_kind,
    write_tasks,
)

FOUR = ["Heart", "Lung", "Liver", "Spleen"]
HOSTILE = "{{ 7 * 7 }} {% raw %} ${x} !!python/object:os.system"


def exam(**values: Any) -> Record:
    given_values = {"question": "Bile?", "options": FOUR, "answer_index": 2, "answer": "Liver", **values}
    return Record(id="a", source_row=1, group="a", **given_values)


def verdict(**values: Any) -> Record:
    return exam(options=["yes", "no", "maybe"], answer_index=1, **values)


@pytest.fixture
def harness_tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "harness"
    for name in [*PUBLISHED.values(), MMLU_FILE.format(kind="mmlu_anatomy")]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("task: x\n")
    return folder


@pytest.mark.parametrize(
    ("record", "standard_set", "kind"),
    [
        (exam(), None, "medmcqa"),
        (exam(options=[*FOUR, "Eye"]), None, "general"),
        (exam(context="A man."), None, "general"),
        (verdict(context="One."), None, "pubmedqa"),
        (verdict(), None, "general"),
        (exam(), "medqa", "medqa"),
        (exam(subject="anatomy"), "mmlu-medical", "mmlu_anatomy"),
    ],
)
def test_a_record_goes_to_the_task_that_words_it_alike(
    record: Record, standard_set: SetName | None, kind: str
):
    assert task_kind(record, standard_set) == kind


def test_rows_have_the_fields_that_the_published_tasks_read():
    assert row_of(exam(), "medmcqa") == {
        "question": "Bile?", "opa": "Heart", "opb": "Lung", "opc": "Liver", "opd": "Spleen", "cop": 2,
    }  # fmt: skip
    assert row_of(exam(), "medqa") == {
        "sent1": "Bile?", "ending0": "Heart", "ending1": "Lung", "ending2": "Liver", "ending3": "Spleen", "label": 2,
    }  # fmt: skip
    assert row_of(verdict(context="One.\nTwo."), "pubmedqa") == {
        "QUESTION": "Bile?", "CONTEXTS": ["One.", "Two."], "final_decision": "no",
    }  # fmt: skip
    assert row_of(exam(), "mmlu_anatomy") == {"question": "Bile?", "choices": FOUR, "answer": 2}


def test_a_task_includes_the_published_one_and_changes_only_its_rows(tmp_path: Path, harness_tasks: Path):
    (task,) = write_tasks([exam(), exam()], tmp_path, standard_set="medmcqa", harness_tasks=harness_tasks)

    written = yaml.safe_load((tmp_path / f"{task.name}.yaml").read_text())
    assert written["include"] == str(harness_tasks / "medmcqa" / "medmcqa.yaml")
    assert not {"doc_to_text", "doc_to_choice", "doc_to_target", "description"} & written.keys()
    rows = [json.loads(line) for line in (tmp_path / f"{task.name}.jsonl").read_text().splitlines()]
    assert [row[ROW] for row in rows] == [0, 1]
    assert task.num_rows == 2


def test_records_of_several_kinds_keep_their_places(tmp_path: Path, harness_tasks: Path):
    records = [exam(), verdict(context="One."), exam(), exam(context="A man.")]

    tasks = write_tasks(records, tmp_path, standard_set=None, harness_tasks=harness_tasks)

    places = {
        task.kind: [
            json.loads(line)[ROW] for line in (tmp_path / f"{task.name}.jsonl").read_text().splitlines()
        ]
        for task in tasks
    }
    assert places == {"general": [3], "medmcqa": [0, 2], "pubmedqa": [1]}


def test_no_text_of_a_record_comes_into_a_task_file(tmp_path: Path, harness_tasks: Path):
    records = [exam(question=HOSTILE, options=[HOSTILE, "b", "c", "d"]), exam(context=HOSTILE)]

    tasks = write_tasks(records, tmp_path, standard_set=None, harness_tasks=harness_tasks)

    for task in tasks:
        assert "7 * 7" not in (tmp_path / f"{task.name}.yaml").read_text()
        assert HOSTILE in (tmp_path / f"{task.name}.jsonl").read_text()


def test_a_harness_without_the_task_is_refused(tmp_path: Path, harness_tasks: Path):
    with pytest.raises(ModelError, match="mmlu_college_biology"):
        write_tasks(
            [exam(subject="college_biology")],
            tmp_path,
            standard_set="mmlu-medical",
            harness_tasks=harness_tasks,
        )


texts = st.text(alphabet=st.characters(blacklist_categories=("Cs",)), min_size=1)


@given(question=texts, context=st.none() | texts, options=st.lists(texts, min_size=2, max_size=8))
def test_the_general_template_words_every_record_as_we_do(
    question: str, context: str | None, options: list[str]
):
    record = exam(question=question, context=context, options=options, answer_index=0)
    # As lm-evaluation-harness renders: apply_template of its utils.py.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)

    rendered = environment.from_string(str(GENERAL_TASK["doc_to_text"])).render(**row_of(record, "general"))

    ours = Wording(template="choices", system=None, options=True, answer="letter")
    assert rendered == render_prompt(record, ours)


def test_the_general_template_lists_no_options_of_a_yes_or_no_question():
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    row = row_of(verdict(), "general")

    rendered = environment.from_string(str(GENERAL_TASK["doc_to_text"])).render(**row)

    assert rendered == "Question: Bile?\nAnswer:"
    assert row["choices"] == ["yes", "no", "maybe"]
