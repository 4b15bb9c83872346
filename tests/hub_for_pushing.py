"""The stand-in of the Hub with what is needed to push: new repositories, branches, large files, commits.

Tokens: `hf_write` of the account `jane` may write to her own repositories; `hf_read` may not write; any other
is unknown.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from hub_stand_in import Handler, Repository

ACCOUNT = "jane"
LARGE = ".safetensors"


@dataclass
class OwnRepository(Repository):
    """A repository of the account, with who may read it and the commits made to it."""

    private: bool = True
    commits: int = 0


class PushHandler(Handler):
    """Adds the requests that write. What is uploaded on the way is kept in `uploaded` by its sha256."""

    uploaded: dict[str, bytes]

    def do_POST(self) -> None:  # noqa: N802 - the name the server calls
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.asked.append(f"POST {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in ("hf_write", "hf_read"):
            return self.refuse(401, "InvalidToken")
        if path == "api/validate-yaml":
            return self.json({"errors": [], "warnings": []})
        if token == "hf_read":
            return self.refuse(403, "Forbidden")
        if path == "api/repos/create":
            return self.create(json.loads(body))
        if path.endswith("/info/lfs/objects/batch"):
            return self.json(self.batch(json.loads(body)))
        owner, name, verb, revision = path.removeprefix("api/models/").split("/", 3)
        repository = self.hub.repositories[f"models/{owner}/{name}"]
        if verb == "branch":
            if revision in repository.revisions:
                return self.refuse(409, "Conflict")
            repository.revisions = (*repository.revisions, revision)
            return self.json({})
        if verb == "preupload":
            return self.json({"files": [self.mode(file) for file in json.loads(body)["files"]]})
        assert verb == "commit", path
        return self.commit(repository, f"{owner}/{name}", [json.loads(line) for line in body.splitlines()])

    def do_PUT(self) -> None:  # noqa: N802
        path = self.path.strip("/")
        length = int(self.headers.get("Content-Length") or 0)
        self.hub.__dict__.setdefault("uploaded", {})[path.rpartition("/")[2]] = self.rfile.read(length)
        self.reply(200, b"", "text/plain", {})

    def create(self, asked: dict[str, Any]) -> None:
        key = f"models/{asked['organization']}/{asked['name']}"
        if asked["organization"] != ACCOUNT:
            return self.refuse(403, "Forbidden")
        if key in self.hub.repositories:
            return self.refuse(409, "Conflict")
        self.hub.repositories[key] = OwnRepository(files={}, private=asked.get("visibility") == "private")
        return self.json({"url": f"{self.hub.url}/{asked['organization']}/{asked['name']}"})

    def mode(self, file: dict[str, Any]) -> dict[str, Any]:
        kind = "lfs" if file["path"].endswith(LARGE) else "regular"
        return {"path": file["path"], "uploadMode": kind, "shouldIgnore": False}

    def batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        objects = [
            {**entry, "actions": {"upload": {"href": f"{self.hub.url}/storage/{entry['oid']}"}}}
            for entry in asked["objects"]
        ]
        return {"transfer": "basic", "objects": objects}

    def commit(self, repository: OwnRepository, name: str, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                assert value["encoding"] == "base64"
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repository.files[value["path"]] = self.hub.__dict__["uploaded"][value["oid"]]
        repository.commits += 1
        self.json(
            {"commitUrl": f"{self.hub.url}/{name}/commit/{repository.commit}", "commitOid": repository.commit}
        )

    def info(self, repository: Repository, name: list[str]) -> dict[str, Any]:
        return super().info(repository, name) | {"private": getattr(repository, "private", False)}
