"""Needed packages beside installed ones."""

from __future__ import annotations

import pytest

from medadapt.workflow.doctor.requirements import danger_of, extras_of, requirements_of, unmet

NEEDED = [
    "torch>=2.11",
    "transformers>=5.17",
    'tomli>=2; python_version < "3"',
    'gradio>=6.20; extra == "ui"',
    'medadapt[serve]; extra == "ui"',
    'fastapi>=0.135; extra == "serve"',
    'ruff>=0.11; extra == "dev"',
]
ALL = {"torch": "2.13.0+cpu", "transformers": "5.23.0", "gradio": "6.21.0", "fastapi": "0.140.0"}


def of(*, extra: str = "", **changed: str | None):
    """What is not met where these packages are installed in another version, or not at all."""
    return unmet(NEEDED, {**ALL, **changed}.get, extra=extra)


def test_versions_that_will_do_are_no_matter():
    assert of() == of(extra="ui") == of(extra="serve") == []
    assert of(torch="2.12.0.dev20260101+cu130") == []


def test_what_is_missing_or_too_old_is_told_with_what_pip_would_take():
    (missing,) = of(torch=None)
    assert (str(missing), missing.wanted) == ("torch is missing.", "torch>=2.11")
    (old,) = of(transformers="5.4.0")
    assert (str(old), old.wanted) == ("transformers 5.4.0 is installed.", "transformers>=5.17")


def test_what_an_extra_needs_is_no_matter_without_it():
    changed = {"fastapi": None, "gradio": None}
    assert of(**changed) == []
    assert [one.package for one in of(extra="serve", **changed)] == ["fastapi"]
    assert [one.package for one in of(extra="ui", **changed)] == ["gradio", "fastapi"]
    assert [one.package for one in of(extra="ui", torch=None)] == []


@pytest.mark.parametrize(
    ("package", "version", "known"),
    [
        ("transformers", "4.55.4", None),
        ("transformers", "4.56.0", "CVE-2026-4372"),
        ("transformers", "5.2.0", "CVE-2026-4372"),
        ("transformers", "5.3.0", None),
        ("torch", "2.5.1+cu124", "CVE-2025-32434"),
        ("torch", "2.6.0", "CVE-2026-24747"),
        ("torch", "2.9.1", "CVE-2026-24747"),
        ("torch", "2.10.0", None),
        ("numpy", "1.0", None),
        ("torch", None, None),
    ],
)
def test_versions_that_are_known_to_be_unsafe_are_told(package, version, known):
    found = danger_of(package, version)
    assert found is None if known is None else known in found


def test_an_unsafe_version_stands_with_what_is_not_met():
    (unsafe,) = of(transformers="5.2.0")
    assert "CVE-2026-4372" in str(unsafe)


def test_this_very_installation_has_all_that_it_needs():
    needed = requirements_of()
    assert any(line.startswith("torch") for line in needed)
    assert {"retrieval", "search", "serve", "ui"} <= set(extras_of())
    assert "dev" not in extras_of()


def test_a_package_that_is_not_installed_needs_nothing():
    assert requirements_of("no-such-package") == []
    assert extras_of("no-such-package") == []
