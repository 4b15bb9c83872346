"""What the Hub's client raises -> an error that says what to do about it."""

from __future__ import annotations

from medadapt.core.errors import DataError, first_line
from medadapt.records.reading.hub_address import HubAddress


def hub_problem(address: HubAddress, revision: str | None, problem: Exception) -> DataError:
    """Tells a gated, absent, private or unreachable data set and a wrong revision apart."""
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    match problem:
        case GatedRepoError():
            return DataError(
                f"{address.repo} is gated, and this machine is not logged in with an account that may use it.",
                "an account that accepted the terms of the data set",
                f"Accept the terms on https://huggingface.co/datasets/{address.repo}, then log in with "
                "`hf auth login` (or set HF_TOKEN).",
            )
        case RepositoryNotFoundError():
            return DataError(
                f"There is no data set {address.repo} on the Hub, or it is private and this machine is not "
                "logged in with access to it.",
                "hub:owner/name of a data set",
                "Correct data.source; for a private data set log in with `hf auth login` (or set HF_TOKEN).",
            )
        case RevisionNotFoundError():
            return DataError(
                f"{address.repo} has no revision '{revision}'.",
                "a branch, tag or commit of the data set",
                "Correct data.revision.",
            )
        case LocalEntryNotFoundError():
            return DataError(
                f"{address.repo} is not (completely) on this machine, and the Hub cannot be reached.",
                "the data set in the local cache, or a connection to the Hub",
                "Connect and repeat (unset HF_HUB_OFFLINE if it is set), or name a local file as data.source.",
            )
    return DataError(
        f"{address.repo} could not be fetched from the Hub ({first_line(problem)}).",
        "a connection to the Hub that holds",
        "Repeat the command: what is already there is not fetched again.",
    )
