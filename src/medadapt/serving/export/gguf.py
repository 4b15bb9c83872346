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
from typing import Any

from safetensors import safe_open

from medadapt.core.errors import ModelError
from medadapt.core.files import read_json, write_json, write_text
from medadapt.core.progress import Progress
from medadapt.report.markdown import fenced, inline
from medadapt.serving.answering import NOTICE
from medadapt.serving.command_targets import Run, need_adapter
from medadapt.serving.export.exported import Exported, GgufFile
from medadapt.serving.export.folders import EXPORT, new_folder
from medadapt.serving.export.merged import TEMPLATE, write_merged

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

    Raises ModelError where the converter refuses the model.
    """
    need_adapter(run)
    found = converter()
    with new_folder(folder, run, replace=replace_folder) as part:
        merged = write_merged(run, part / MODEL, precision=precision, device=device, progress=progress)
        kind = OUT_TYPES[merged.parity.precision]
        verified = None
        if found is not None:
            _convert([*found, MODEL, "--outfile", FILE, "--outtype", kind], part)
            verified = differences(part / FILE, part / MODEL) == [] if _reads_gguf() else None
        steps = () if found is not None else _steps(kind)
        write_text(part / "README.md", _readme(run, folder.name, steps))
        write_json(
            part / EXPORT, {"schema": 1, "to": "gguf", "file": FILE if found else None, "verified": verified}
        )
    file = folder / FILE if found is not None else None
    made = GgufFile(path=file, verified=verified, steps=steps)
    return Exported(folder=folder, parity=merged.parity, gguf=made)


def converter() -> list[str] | None:
    """The words that start llama.cpp's converter: in the folder that LLAMA_CPP names, or on the PATH."""
    if (place := os.environ.get(PLACE)) and (script := Path(place) / SCRIPT).is_file():
        return [sys.executable, str(script)]
    for name in (COMMAND, SCRIPT):
        if path := shutil.which(name):
            return [path]
    return None


def differences(file: Path, model: Path) -> list[str]:
    """What a GGUF file has otherwise than the model: its weights, closing token, chat template, how it splits text."""
    from gguf import GGUFReader

    reader = GGUFReader(str(file))
    config = read_json(model / "config.json")
    wanted: dict[str, Any] = {"tokenizer.ggml.eos_token_id": config.get("eos_token_id")}
    if (template := model / TEMPLATE).is_file():
        wanted["tokenizer.chat_template"] = template.read_text(encoding="utf-8")
    found = []
    for key, value in wanted.items():
        told = _contents(reader, key)
        if value is not None and told != value:
            found.append(f"{key}: {told!r} instead of {value!r}")
    scores = _contents(reader, "tokenizer.ggml.scores") or []
    if _contents(reader, "tokenizer.ggml.model") == "llama" and len(set(scores)) == 1:
        # llama.cpp joins pieces by their scores; the converter has none where the model has no tokenizer.model.
        found.append("tokenizer.ggml.scores: all alike, so llama.cpp splits text otherwise")
    numbers = sum(int(tensor.n_elements) for tensor in reader.tensors)
    own = _numbers(model)
    if numbers != own:
        found.append(f"{numbers:,} weights instead of {own:,}")
    return found


def _contents(reader: Any, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()


def _numbers(model: Path) -> int:
    """Weights of a model's files; where the head is the embeddings, they stand there once, as in GGUF."""
    count = 0
    for path in sorted(model.glob("*.safetensors")):
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                size = 1
                for side in file.get_slice(name).get_shape():
                    size *= side
                count += size
    return count


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


def _reads_gguf() -> bool:
    return importlib.util.find_spec("gguf") is not None


def _steps(kind: str) -> tuple[str, ...]:
    return (
        "git clone https://github.com/ggml-org/llama.cpp",
        "pip install -r llama.cpp/requirements/requirements-convert_hf_to_gguf.txt",
        shlex.join(["python", f"llama.cpp/{SCRIPT}", MODEL, "--outfile", FILE, "--outtype", kind]),
    )


def _readme(run: Run, name: str, steps: tuple[str, ...]) -> str:
    make = ["No converter was installed. In this folder:", fenced("\n".join(steps), "bash")] if steps else []
    parts = [
        f"# {inline(name)}",
        f"> **{inline(NOTICE)}**",
        f"The run {inline(run.recipe.name)} for llama.cpp: base and adapter as one model in `{MODEL}/`, and as "
        f"`{FILE}`.",
        *make,
        "To ask it in a terminal, with the prompt of the training as its chat template:",
        fenced(f"llama-cli -m {FILE} --jinja --temp 0", "bash"),
        f"`{MODEL}/parity.json` says how well the merged model agrees with base and adapter.",
        f"> **{inline(NOTICE)}**",
    ]
    return "\n\n".join(parts) + "\n"
