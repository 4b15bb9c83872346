"""A small local stand-in of the Hub's HTTP API: repositories with commits, files and their listing.

It answers what `huggingface_hub` asks when it reads a repository: its info, the tree of a commit, and HEAD and
GET of a file with the headers that the client's cache relies on. `hub(...)` starts one and points the client of
this process at it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest


def git_sha(content: bytes) -> str:
    """The id that git gives a file."""
    return hashlib.sha1(b"blob %d\x00" % len(content) + content).hexdigest()


@dataclass
class Repository:
    """Files by path, in one commit."""

    files: dict[str, bytes]
    revisions: tuple[str, ...] = ("main",)
    gated: bool = False

    @property
    def commit(self) -> str:
        """A commit id that changes with the files."""
        return hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()


@dataclass
class HubStandIn:
    """Repositories by `datasets/owner/name` or `models/owner/name`, and what was asked of the server."""

    url: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Method and path of each request, in order."""

    def dataset(self, name: str, files: dict[str, str | bytes], **options: Any) -> Repository:
        """Put a data set on the Hub, or a new commit in the place of an old one."""
        contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
        self.repositories[f"datasets/{name}"] = Repository(files=contents, **options)
        return self.repositories[f"datasets/{name}"]


class Handler(BaseHTTPRequestHandler):
    """Answers for the stand-in that the server carries."""

    protocol_version = "HTTP/1.1"
    hub: HubStandIn

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def log_message(self, *_: object) -> None:
        """Tests read `asked` instead."""

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.asked.append(f"{self.command} {path}")
        api = path.startswith("api/")
        parts = path.removeprefix("api/").split("/")
        kind = parts.pop(0) if parts[0] in ("datasets", "models") else "models"
        repository = self.hub.repositories.get("/".join([kind, *parts[:2]]))
        if repository is None:
            return self.refuse(404 if api or kind == "datasets" else 401, "RepoNotFound")
        if repository.gated:
            return self.refuse(403, "GatedRepo")
        verb, revision = (parts[2], parts[3]) if len(parts) > 3 else ("revision", "main")
        if revision not in (*repository.revisions, repository.commit):
            return self.refuse(404, "RevisionNotFound")
        if not api:
            return self.file(repository, "/".join(parts[4:]))
        return self.json(self.info(repository, parts[:2]) if verb == "revision" else self.tree(repository))

    def info(self, repository: Repository, name: list[str]) -> dict[str, Any]:
        return {
            "id": "/".join(name),
            "sha": repository.commit,
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": [{"rfilename": path} for path in repository.files],
        }

    def tree(self, repository: Repository) -> list[dict[str, Any]]:
        return [
            {"type": "file", "path": path, "size": len(content), "oid": git_sha(content)}
            for path, content in repository.files.items()
        ]

    def file(self, repository: Repository, path: str) -> None:
        content = repository.files.get(path)
        if content is None:
            return self.refuse(404, "EntryNotFound")
        headers = {"ETag": f'"{git_sha(content)}"', "X-Repo-Commit": repository.commit}
        return self.reply(200, content, "application/octet-stream", headers)

    def json(self, value: Any) -> None:
        self.reply(200, json.dumps(value).encode(), "application/json", {})

    def refuse(self, status: int, code: str) -> None:
        self.reply(status, b"{}", "application/json", {"X-Error-Code": code, "X-Error-Message": code})

    def reply(self, status: int, content: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def hub(cache: Path, patch: pytest.MonkeyPatch, handler: type[Handler] = Handler) -> Iterator[HubStandIn]:
    """A running stand-in, and the client of this process pointed at it, with `cache` as its own cache."""
    from huggingface_hub import constants, hf_api

    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (handler,), {}))
    stand_in = HubStandIn(url=f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass.hub = stand_in  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    template = "{repo_id}/resolve/{revision}/{filename}"
    patch.setattr(constants, "ENDPOINT", stand_in.url)
    patch.setattr(hf_api.api, "endpoint", stand_in.url)  # that of functions such as `list_repo_files`
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{stand_in.url}/{template}", raising=False)
    patch.setattr(constants, "HF_HUB_CACHE", str(cache))
    patch.setattr(constants, "HF_HUB_OFFLINE", False)
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
