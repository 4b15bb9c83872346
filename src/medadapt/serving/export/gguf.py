"""A run as one GGUF file, made by llama.cpp's own converter where it is installed, and read back.

Without the converter the merged model is there, and its README says the exact commands.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from medadapt.core.errors import ModelError
from medadapt.core.files import write_json, write_text
from medadapt.core.home_folder import in_home
from medadapt.core.progress import Progress
from medadapt.report.markdown import fenced, inline
from medadapt.serving.command_targets import Run
from medadapt.serving.export.exported import Exported, GgufFile
from medadapt.serving.export.folders import EXPORT, name_of, new_folder
from medadapt.serving.export.merged import write_merged
from medadapt.serving.export.readme import readme
from medadapt.serving.export.trained_prompt import CheckedTemplate, need_template, trained_prompt

MODEL, FILE = "model", "model.gguf"
SCRIPT, COMMAND = "convert_hf_to_gguf.py", "convert-hf-to-gguf"
PLACE = "LLAMA_CPP"
"""Names the folder of llama.cpp's sources."""
OUT_TYPES = {"bf16": "bf16", "fp16": "f16", "fp32": "f32"}
LONGEST_MESSAGE = 600


def export_gguf(
    run: Run,
    folder: Path,
    *,
    precision: str | None = None,
    device: str = "auto",
    replace_folder: bool = False,
    progress: Progress,
) -> Exported:
    """Write `model/`, `README.md` and, where a converter is installed, `model.gguf` into `folder`.

    Raises ModelError where the prompt cannot be written as a template, and where the converter refuses the model.
    """
    code = trained_prompt(run).asking.model.trust_remote_code
    found = converter()
    with new_folder(folder, run, replace=replace_folder) as part:
        merged = write_merged(run, part / MODEL, precision=precision, device=device, progress=progress)
        checked = need_template(merged.checked)
        kind = OUT_TYPES[merged.parity.precision]
        if found is None:
            made = GgufFile(path=None, verified=None, steps=_steps(kind))
        else:
            _convert([*found, MODEL, "--outfile", FILE, "--outtype", kind], part)
            made = _looked_into(part, folder / FILE, code=code)
        write_text(part / "README.md", _readme(run, name_of(folder), checked, made.steps))
        write_json(
            part / EXPORT,
            {"schema": 1, "to": "gguf", "file": FILE if made.path else None, "verified": made.verified,
             "differences": made.differences, "tensors_compared": made.compared, "template_checked_on": checked.n},
        )  # fmt: skip
    return Exported(folder=folder, parity=merged.parity, gguf=made)


def converter() -> list[str] | None:
    """The words that start llama.cpp's converter, from any folder: it is where LLAMA_CPP says, or on the PATH."""
    place = os.environ.get(PLACE)
    if place and (script := in_home(place).resolve() / SCRIPT).is_file():
        return [sys.executable, str(script)]
    for name in (COMMAND, SCRIPT):
        if path := shutil.which(name):
            return [str(Path(path).absolute())]
    return None


def _looked_into(part: Path, path: Path, *, code: bool) -> GgufFile:
    if importlib.util.find_spec("gguf") is None:
        return GgufFile(path=path, verified=None, steps=())
    from medadapt.serving.export.gguf_check import check_gguf

    found = check_gguf(part / FILE, part / MODEL, code=code)
    return GgufFile(
        path=path,
        verified=not found.differences,
        differences=found.differences,
        compared=f"{found.compared} of {found.tensors}",
        steps=(),
    )


def _convert(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode or not (folder / FILE).is_file():
        last = " ".join((done.stderr or done.stdout).split())[-LONGEST_MESSAGE:]
        raise ModelError(
            f"llama.cpp's converter refused the model: {last}",
            "an architecture and a tokenizer that llama.cpp knows",
            "Use --to merged, or a newer llama.cpp. It knows the tokenizers of most published models, and not that of "
            "the sample base.",
        )


def _steps(kind: str) -> tuple[str, ...]:
    return (
        "git clone https://github.com/ggml-org/llama.cpp",
        "pip install -r llama.cpp/requirements/requirements-convert_hf_to_gguf.txt",
        shlex.join(["python", f"llama.cpp/{SCRIPT}", MODEL, "--outfile", FILE, "--outtype", kind]),
    )


def _readme(run: Run, name: str, checked: CheckedTemplate, steps: tuple[str, ...]) -> str:
    make = ["No converter was installed. In this folder:", fenced("\n".join(steps), "bash")] if steps else []
    return readme(
        name,
        f"The run {inline(run.recipe.name)} for llama.cpp: base and adapter as one model in `{MODEL}/`, and as "
        f"`{FILE}`.",
        *make,
        "To ask it in a terminal, with the prompt of the training as its chat template:",
        fenced(f"llama-cli -m {FILE} --jinja --temp 0", "bash"),
        checked.in_words(),
        f"`{MODEL}/parity.json` says how well the merged model agrees with base and adapter, and `{EXPORT}` what the "
        "file has otherwise than the model.",
    )
