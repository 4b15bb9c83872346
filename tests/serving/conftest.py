"""Finished runs on bundled rows and tiny bases, made once for the whole folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from medadapt.serving.assistants import Assistant, load
from medadapt.serving.command_targets import Run, find_target, read_run
from serving_runs import diagnosis_run_in, make_run


@pytest.fixture(scope="session")
def diagnosis_run(tmp_path_factory) -> Path:
    return diagnosis_run_in(tmp_path_factory.getbasetemp() / "use")


@pytest.fixture(scope="session")
def base_folder(diagnosis_run) -> Path:
    return diagnosis_run.parent / "tiny-base"


@pytest.fixture(scope="session")
def typed_run(tmp_path_factory, base_folder) -> Path:
    data = {"format": "typed_qa", "source": "sample:rows/typed_qa"}
    return make_run(
        tmp_path_factory.mktemp("runs") / "typed",
        base_folder,
        until="predict",
        data=data,
        evaluation={"bootstrap_samples": 100, "max_new_tokens": 24},
    )


@pytest.fixture(scope="session")
def choice_run(tmp_path_factory, base_folder) -> Path:
    data = {"format": "multiple_choice", "source": "sample:rows/mcq"}
    return make_run(tmp_path_factory.mktemp("runs") / "choice", base_folder, until="predict", data=data)


@pytest.fixture(scope="session")
def hidden_run(tmp_path_factory, base_folder) -> Path:
    """Exam questions whose options are not shown, answered in writing."""
    return make_run(
        tmp_path_factory.mktemp("runs") / "hidden",
        base_folder,
        until="predict",
        data={"format": "multiple_choice", "source": "sample:rows/mcq"},
        prompt={"options": False, "answer": "text"},
        evaluation={"bootstrap_samples": 100, "method": "generate"},
    )


@pytest.fixture(scope="session")
def assistant(diagnosis_run) -> Assistant:
    return load(find_target(str(diagnosis_run)), device="cpu")


@pytest.fixture
def overflowing(diagnosis_run) -> Assistant:
    """One whose models give no numbers once they have read a tilde, as where fp16 overflows."""
    made = load(find_target(str(diagnosis_run)), device="cpu")
    (tilde,) = made.encoder.tokenizer("~", add_special_tokens=False)["input_ids"]
    made.base.model.get_input_embeddings().weight.data[tilde] = torch.nan
    return made


@pytest.fixture(scope="session")
def typed_assistant(typed_run) -> Assistant:
    return load(find_target(str(typed_run)), device="cpu")


@pytest.fixture
def run(diagnosis_run) -> Run:
    return read_run(str(diagnosis_run))
