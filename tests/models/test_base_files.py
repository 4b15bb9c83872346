"""Bases of a hub: what is missing, gated or unreachable is told at once, and nothing is fetched twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from medadapt.core.errors import ModelError
from medadapt.models.base_files import check_weights, find_files, find_folder

COMMIT = "a" * 40
FIND = (
    "import importlib, sys\n"
    "from medadapt.core.errors import MedAdaptError\n"
    "module = importlib.import_module(f'medadapt.models.{sys.argv[1]}')\n"
    "try:\n"
    "    print(getattr(module, sys.argv[2])(sys.argv[3]))\n"
    "except MedAdaptError as problem:\n"
    "    print('REFUSED', problem)\n"
)


@dataclass
class Hub:
    """A hub with one model, on this machine."""

    address: str
    cache: Path
    files: dict[str, bytes] = field(default_factory=dict)
    refusal: str = ""
    """Error code with which questions are refused."""
    refused: str = ""
    """Only questions with this in their address are refused."""
    asked: list[str] = field(default_factory=list)

    def call(self, function: str, name: str, *, module: str = "base_files", **environment: str) -> str:
        """What a function of a module says, in a process of its own: the address is read at import."""
        done = subprocess.run(
            [sys.executable, "-c", FIND, module, function, name],
            env={**os.environ, **self._settings(), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    def _settings(self) -> dict[str, str]:
        return {
            "HF_ENDPOINT": self.address,
            "HF_HOME": str(self.cache),
            "HF_HUB_OFFLINE": "0",
            "TRANSFORMERS_OFFLINE": "0",
            "NO_PROXY": "*",
        }


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(b"")

        def do_GET(self) -> None:
            self._answer(None)

        def _answer(self, body: bytes | None) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(path)
            headers = {"X-Repo-Commit": COMMIT}
            file = path.partition(f"/resolve/{COMMIT}/")[2]
            if hub.refusal and hub.refused in path:
                return self._send(401, b"", {"X-Error-Code": hub.refusal, "X-Error-Message": "no"})
            if file in hub.files:
                content = hub.files[file]
                headers |= {"ETag": f'"{sha1(content).hexdigest()}"', "Content-Length": str(len(content))}
                return self._send(200, content if body is None else b"", headers)
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": sha1(content).hexdigest()}
                for name, content in hub.files.items()
            ]
            if "/tree/" in path:
                return self._send(200, json.dumps(tree).encode(), headers)
            siblings = [{"rfilename": name} for name in hub.files]
            model = {"id": "owner/model", "modelId": "owner/model", "sha": COMMIT, "siblings": siblings}
            return self._send(200, json.dumps(model).encode(), headers)

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    hub = Hub(address=f"http://127.0.0.1:{server.server_port}", cache=tmp_path / "cache")
    hub.files = {
        "config.json": b'{"model_type": "llama"}',
        "tokenizer.json": b"{}",
        "model.safetensors": b"weights",
        "tf_model.h5": b"never fetched",
    }
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_early_look_fetches_no_weights_and_the_late_one_only_safetensors(hub):
    assert hub.call("check_weights", "owner/model").strip() == "[]"
    assert not any(path.endswith("model.safetensors") for path in hub.asked)
    said = hub.call("find_files", "owner/model")
    assert "model.safetensors" in said
    assert not any(path.endswith(".h5") for path in hub.asked)


def test_what_is_in_the_cache_is_found_without_the_hub(hub):
    hub.call("find_files", "owner/model")
    hub.asked.clear()
    assert "model.safetensors" in hub.call("find_files", "owner/model", HF_HUB_OFFLINE="1")
    assert hub.asked == []


def test_of_an_adapter_only_its_own_files_are_fetched(hub):
    for name in ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin", "optimizer.pt"):
        hub.files[name] = b"{}"
    folder = Path(hub.call("find_adapter", "hub:owner/model", module="adapter_files").strip())
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


@pytest.mark.parametrize("refused", ["", "/resolve/"])
def test_a_gated_model_says_what_to_accept_and_where_to_log_in(hub, refused):
    hub.refusal, hub.refused = "GatedRepo", refused
    said = hub.call("find_folder", "owner/model")
    for part in ("REFUSED owner/model is gated", "huggingface.co/owner/model", "hf auth login"):
        assert part in said


def test_an_unknown_model_is_not_called_gated(hub):
    hub.refusal = "RepoNotFound"
    said = hub.call("find_folder", "owner/modle")
    assert "There is no model owner/modle" in said
    assert "gated" not in said


def test_a_model_without_safetensors_is_refused_before_anything_large_is_fetched(hub):
    hub.files["pytorch_model.bin"] = hub.files.pop("model.safetensors")
    said = hub.call("check_weights", "owner/model")
    assert "pytorch_model.bin, a pickle" in said
    assert "model.revision" in said


@pytest.mark.parametrize("offline", ["0", "1"])
def test_an_unreachable_hub_is_told_at_once(hub, offline):
    said = hub.call("find_folder", "owner/model", HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE=offline)
    assert "cannot be reached" in said
    assert "HF_HUB_OFFLINE" in said


def test_an_index_cannot_name_files_outside_of_the_folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../../secret"}}')
    with pytest.raises(ModelError, match="weight_map"):
        find_files(str(tmp_path))


def test_a_missing_shard_is_named_by_the_early_look(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-2.safetensors"}}')
    with pytest.raises(ModelError, match=r"model-2\.safetensors"):
        check_weights(str(tmp_path))


def test_a_name_that_is_neither_folder_nor_id_is_refused():
    with pytest.raises(ModelError, match="neither a folder nor a hub id"):
        find_folder("my model!")
