"""Packages that only some commands need."""

from __future__ import annotations

from importlib.util import find_spec

from medadapt.core.errors import MedAdaptError
from medadapt.core.shell_command import install


def need_extra(extra: str, *packages: str) -> None:
    """Raise MedAdaptError where a package of an extra is not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MedAdaptError(
            f"This command needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed.",
            "the packages of that extra",
            f"Install them with: {install(extra)}",
        )
