"""Against lm-evaluation-harness itself, in an environment of its own: 200 rows of MedMCQA, PubMedQA and MedQA each.

`MEDADAPT_LM_EVAL_PYTHON` names an interpreter that has it; without, one is made and filled from the package index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from importlib import metadata
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from medadapt.core.progress import Silent
from medadapt.core.standard_sets import NamedSource, SetName
from medadapt.workflow.asked_models import asked_run
from medadapt.workflow.harness_parity.harness import LM_EVAL, find_harness
from medadapt.workflow.harness_parity.measuring import ParityRequest, measure_parity
from medadapt.workflow.locating import locate_run
from serving_runs import make_run

pytestmark = pytest.mark.slow

SHARED_VERSIONS = ("torch", "transformers", "tokenizers", "peft", "accelerate", "datasets", "numpy")
ROWS = 200


@pytest.fixture(scope="session")
def lm_eval_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if named := os.environ.get("MEDADAPT_LM_EVAL_PYTHON"):
        return Path(named)
    folder = tmp_path_factory.mktemp("lm-eval")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    wanted = [f"{name}=={metadata.version(name).partition('+')[0]}" for name in SHARED_VERSIONS]
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", LM_EVAL, *wanted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"{LM_EVAL} cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
    return python


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> dict[SetName, Path]:
    """Two tuned runs: on stories260K, and on a random Llama with its tokenizer that reads 2,048 tokens."""
    place = tmp_path_factory.mktemp("parity-runs")
    stories = shared_data / "models" / "stories260K"
    wide = place / "wide"
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = LlamaConfig(
        vocab_size=512, num_hidden_layers=2, max_position_embeddings=2048, initializer_range=0.3,
        bos_token_id=1, eos_token_id=2, **shape,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(wide)
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(stories / file, wide / file)
    data = {"format": "multiple_choice", "source": "sample:rows/mcq"}
    of_long_texts = make_run(place / "wide-run", wide, until="train", data=data)
    return {
        "medmcqa": make_run(place / "medmcqa", stories, until="train", data=data),
        "pubmedqa": of_long_texts,
        "medqa": of_long_texts,
    }


FILES: dict[SetName, str] = {
    "medmcqa": "medmcqa/medmcqa_validation.jsonl",
    "pubmedqa": "pubmedqa/ori_pqal_not_test.json",
    "medqa": "medqa_usmle/test_4_options_part.jsonl",
}


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("name", FILES)
def test_prompts_choices_and_log_likelihoods_are_those_of_the_harness(
    name: SetName, batch_size: int, lm_eval_python: Path, runs: dict[SetName, Path], shared_data: Path
):
    request = ParityRequest(
        run=asked_run(locate_run(str(runs[name]))),
        harness=find_harness(lm_eval_python),
        models=("baseline", "tuned"),
        source=NamedSource(name=name, source=str(shared_data / FILES[name])),
        limit=ROWS,
        batch_size=batch_size,
        device="cpu",
    )

    found = measure_parity(request, Silent())

    assert found.values["n"] == ROWS
    assert found.values["prompts_equal"] == found.values["choices_equal"] == ROWS, found.values["differing"]
    assert found.values["largest_difference"] <= 1e-4
    assert found.agrees


MMLU = "question,A,B,C,D,answer\n Which organ makes bile? ,Heart,Lung,Liver,Spleen,C\nBlood?, a,b ,c,d,A\n"
LISTED = '{"A": "Heart", "B": " Lung", "C": "Liver", "D": "Spleen"}'
MEDQA = f'{{"question": "Bile? ", "options": {LISTED}, "answer_idx": "C"}}\n'


@pytest.mark.parametrize(
    ("name", "file", "text", "number"),
    [("mmlu-medical", "anatomy.csv", MMLU, 2), ("medqa", "test.jsonl", MEDQA, 1)],
)
def test_the_other_sets_are_worded_as_by_the_harness(
    name: SetName,
    file: str,
    text: str,
    number: int,
    lm_eval_python: Path,
    runs: dict[SetName, Path],
    tmp_path: Path,
):
    (tmp_path / file).write_text(text)
    request = ParityRequest(
        run=asked_run(locate_run(str(runs["medmcqa"]))),
        harness=find_harness(lm_eval_python),
        models=("baseline",),
        source=NamedSource(name=name, source=str(tmp_path / file)),
        limit=None,
        batch_size=1,
        device="cpu",
    )

    found = measure_parity(request, Silent())

    assert (found.values["n"], found.values["prompts_equal"]) == (number, number)
    assert found.agrees


def test_a_run_s_own_records_agree(lm_eval_python: Path, runs: dict[SetName, Path]):
    request = ParityRequest(
        run=asked_run(locate_run(str(runs["medmcqa"]))),
        harness=find_harness(lm_eval_python),
        models=("baseline", "tuned"),
        source=None,
        limit=None,
        batch_size=1,
        device="cpu",
    )

    assert measure_parity(request, Silent()).agrees
