"""An adapter to the Hub: one commit, private unless asked otherwise, nothing sent before all is checked.

The token comes from `HF_TOKEN` or from `hf auth login`; it is never an option and never in a recipe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from medadapt.core.errors import MedAdaptError, first_line
from medadapt.serving.upload import Upload

REPOSITORY = re.compile(r"[^/\s]+/[^/\s]+")
NOTHING_LOST = "Nothing of the run was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """Where the adapter lies now."""

    url: str
    commit: str
    created: bool
    """False where the repository was there and its files were updated."""
    private: bool


def check_repository(repository: str) -> None:
    """Raise MedAdaptError unless this is `user/name` as the Hub allows it."""
    try:
        validate_repo_id(repository)
        possible = REPOSITORY.fullmatch(repository) is not None
    except HFValidationError:
        possible = False
    if not possible:
        raise MedAdaptError(
            f"--to {repository} names no repository of the Hub.",
            "user/name, of letters, digits, `-`, `_` and `.`",
            "Write it like --to my-name/my-adapter.",
        )


def push(files: Sequence[Upload], repository: str, *, public: bool, revision: str | None = None) -> Pushed:
    """Create the repository where it is missing and put all files there in one commit.

    `revision` is a branch, made where it is missing. Raises MedAdaptError where the Hub cannot be reached or
    says no, and where the repository is there and not as private as asked.
    """
    if get_token() is None:
        raise MedAdaptError(
            "This machine is not logged in to the Hub.",
            "a token that may write",
            "Log in with `hf auth login`, or set HF_TOKEN. --dry-run shows the files without one.",
        )
    api = HfApi()
    with _told_plainly(repository):
        private = _visibility(api, repository)
        created = private is None
        if private is None:
            api.create_repo(repository, private=not public)
            private = not public
        elif private == public:
            raise _other_visibility(repository, private=private)
        if revision is not None:
            api.create_branch(repository, branch=revision, exist_ok=True)
        done = api.create_commit(
            repository,
            [
                CommitOperationAdd(path_in_repo=file.name, path_or_fileobj=file.content)  # bytes or a path
                for file in files
            ],
            commit_message="Adapter made with MedAdapt",
            revision=revision,
        )
    return Pushed(url=f"{api.endpoint}/{repository}", commit=done.oid, created=created, private=private)


def _visibility(api: HfApi, repository: str) -> bool | None:
    """Whether the repository is private; None where there is none."""
    try:
        return bool(api.repo_info(repository).private)
    except RepositoryNotFoundError:
        return None


def _other_visibility(repository: str, *, private: bool) -> MedAdaptError:
    if private:
        return MedAdaptError(
            f"{repository} is there and private, although --public was given. Nothing was sent.",
            "a repository that is public, or a new one",
            "Leave out --public, or make it public in its settings on the Hub first.",
        )
    return MedAdaptError(
        f"{repository} is there and public: everybody could read the adapter. Nothing was sent.",
        "a private or a new repository",
        "Add --public if that is meant, or choose another name.",
    )


@contextmanager
def _told_plainly(repository: str) -> Iterator[None]:
    """Errors of the Hub and of the way to it as errors that say what to do."""
    try:
        yield
    except HfHubHTTPError as problem:
        raise _refused(repository, problem) from problem
    except OfflineModeIsEnabled as problem:
        raise MedAdaptError(
            f"The Hub may not be reached: HF_HUB_OFFLINE is set. {NOTHING_LOST}",
            "a connection to the Hub",
            "Unset HF_HUB_OFFLINE and repeat. --dry-run needs no network.",
        ) from problem
    except ValueError as problem:  # the client's word for an answer of the Hub that it cannot use
        raise MedAdaptError(
            f"The Hub did not take the files ({first_line(problem)}). {NOTHING_LOST}",
            "files that the Hub accepts",
            "Repeat the command later.",
        ) from problem
    except (HTTPError, ConnectionError, TimeoutError) as problem:
        raise MedAdaptError(
            f"The Hub cannot be reached ({first_line(problem)}). {NOTHING_LOST}",
            "a connection to the Hub",
            "Connect and repeat the command. --dry-run needs no network.",
        ) from problem


def _refused(repository: str, problem: HfHubHTTPError) -> MedAdaptError:
    status = getattr(problem.response, "status_code", None)
    said = problem.server_message or first_line(problem)
    ways: dict[int | None, tuple[str, str, str]] = {
        401: (
            "The Hub does not know this token",
            "a valid token",
            "Log in again with `hf auth login`, or correct HF_TOKEN.",
        ),
        403: (
            f"This token may not write to {repository}",
            f"a token with the right to write to {repository.partition('/')[0]}",
            "Make a token with write access on the Hub, or choose another name.",
        ),
        404: (
            f"The Hub has no {repository} for this account",
            "your own user name or one of your organisations",
            "Correct --to.",
        ),
        409: (
            f"{repository} was changed or made by somebody else at the same time",
            "a repository that only this command writes to",
            "Repeat the command.",
        ),
    }
    what, expected, remedy = ways.get(
        status, ("The Hub refused the files", "a request that the Hub accepts", "Repeat the command later.")
    )
    return MedAdaptError(f"{what} ({said}). {NOTHING_LOST}", expected, remedy)
