"""The packages that are needed, beside those that are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PACKAGE = "medadapt"
FOR_DEVELOPERS = "dev"
"""An extra that no command needs."""

InstalledVersion = Callable[[str], str | None]
"""The version of a package that is installed, None where it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """Versions of a package that are known to be unsafe."""

    package: str
    versions: str
    why: str


DANGERS = (
    Danger(
        package="transformers",
        versions=">=4.56.0,<5.3.0",
        why="a base's config.json can run code, whatever trust_remote_code says (CVE-2026-4372)",
    ),
    Danger(
        package="torch",
        versions="<2.6.0",
        why="reading another tool's weights can run code, also with weights_only (CVE-2025-32434)",
    ),
    Danger(
        package="torch",
        versions=">=2.6.0,<2.10.0",
        why="reading another tool's weights can corrupt memory, also with weights_only (CVE-2026-24747)",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """A package that is not as it is needed."""

    package: str
    wanted: str
    """As pip takes it: the name with the versions that are needed."""
    installed: str | None
    danger: str | None = None
    """What is known of the installed version."""

    def __str__(self) -> str:
        there = (
            f"{self.package} {self.installed} is installed"
            if self.installed
            else f"{self.package} is missing"
        )
        return f"{there}{f': {self.danger}' if self.danger else ''}."


def installed_version(name: str) -> str | None:
    """Of the environment that runs this; nothing is imported."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def requirements_of(package: str = PACKAGE) -> list[str]:
    """As its metadata has them; none where it is used without being installed."""
    try:
        return metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []


def extras_of(package: str = PACKAGE) -> list[str]:
    """The extras that commands need, by name."""
    try:
        named = metadata.metadata(package).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []
    return sorted(set(named) - {FOR_DEVELOPERS})


def unmet(requirements: Iterable[str], installed: InstalledVersion, *, extra: str = "") -> list[Unmet]:
    """What every user needs, or what an extra needs on top, and is not there or not in a version that will do."""
    parsed = [Requirement(line) for line in requirements]
    return list(_unmet(parsed, installed, extra=extra))


def _unmet(requirements: list[Requirement], installed: InstalledVersion, *, extra: str) -> Iterator[Unmet]:
    for needed in requirements:
        if not _belongs_to(needed, extra):
            continue
        if canonicalize_name(needed.name) == PACKAGE:  # an extra that is made of others
            for other in sorted(needed.extras):
                yield from _unmet(requirements, installed, extra=other)
            continue
        version = installed(needed.name)
        if version is None or not needed.specifier.contains(version, prereleases=True):
            yield Unmet(
                package=needed.name,
                wanted=f"{needed.name}{needed.specifier}",
                installed=version,
                danger=danger_of(needed.name, version),
            )


def danger_of(package: str, version: str | None) -> str | None:
    """What is known to be unsafe about a version."""
    if version is None:
        return None
    known = [
        danger.why
        for danger in DANGERS
        if danger.package == package and SpecifierSet(danger.versions).contains(version, prereleases=True)
    ]
    return "; ".join(known) or None


def _belongs_to(needed: Requirement, extra: str) -> bool:
    """Whether every user needs it on this machine, or with `extra` those who asked for that extra alone."""
    if needed.marker is None:
        return not extra
    without = needed.marker.evaluate({"extra": ""})
    return needed.marker.evaluate({"extra": extra}) and not without if extra else without
