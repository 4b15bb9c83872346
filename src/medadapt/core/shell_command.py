"""Commands as they are told to a user, to be copied into a shell as they stand."""

from __future__ import annotations

import shlex


def command(*words: object) -> str:
    """`medadapt` with these words, each in quotes where a shell would take it apart.

    >>> command("predict", "my runs/a", "--replace")
    "medadapt predict 'my runs/a' --replace"
    """
    return shlex.join(["medadapt", *map(str, words)])


def install(extra: str) -> str:
    """What installs an extra of the package; in quotes, because some shells take brackets for a pattern of files.

    >>> install("search")
    "pip install 'medadapt[search]'"
    """
    return shlex.join(["pip", "install", f"medadapt[{extra}]"])
