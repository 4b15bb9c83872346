"""The files beside the code agree with it: lock, documents and their examples."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from medadapt.core.recipe_reading import recipe_from

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *(REPOSITORY / "src").rglob("*.md")]
)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {normal(name): version for name, version in pairs}


def project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_lock_pins_exact_versions_without_a_local_suffix():
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in pins().values())


APART = {"parity"}
"""Extras for an environment of their own: lm-evaluation-harness brings dozens of packages that nothing else needs."""


def test_the_lock_holds_every_dependency_in_an_allowed_version():
    table = project()["project"]
    extras = table["optional-dependencies"]
    wanted = [
        *table["dependencies"],
        *(r for name, extra in extras.items() if name not in APART for r in extra),
    ]
    locked = pins()

    for requirement in map(Requirement, wanted):
        if requirement.name == table["name"]:
            continue  # one extra that includes others
        assert requirement.specifier.contains(locked[normal(requirement.name)]), requirement


def test_no_typer_is_allowed_that_lacks_the_module_of_exceptions_that_the_command_line_imports():
    """It came with 0.27.2; outside of the lock pip keeps whatever typer is allowed and there."""
    typer = next(one for one in map(Requirement, project()["project"]["dependencies"]) if one.name == "typer")
    assert not typer.specifier.contains("0.27.1")


def test_the_recipe_in_the_readme_is_valid():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", readme, flags=re.DOTALL)

    assert examples
    for example in examples:
        recipe_from(yaml.safe_load(example), where="README.md")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_between_documents_lead_somewhere(document: Path):
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))

    broken = [target for target in targets if "://" not in target and not (document.parent / target).exists()]

    assert not broken


def test_the_layers_in_the_architecture_page_are_those_that_are_checked():
    contract = next(c for c in project()["tool"]["importlinter"]["contracts"] if c["id"] == "downward")
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")

    layers = "\n".join(layer.replace("medadapt.", "") for layer in contract["layers"])

    assert f"```\n{layers}\n```" in page


@pytest.mark.parametrize("room", ["records", "metrics"])
def test_the_rooms_in_the_architecture_page_are_those_that_are_checked(room: str):
    contract = next(c for c in project()["tool"]["importlinter"]["contracts"] if c["id"] == room)
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")

    assert f"{room}:  {' > '.join(contract['layers'])}\n" in page


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_page_names_all_rooms_without_torch(name: str):
    contract = next(c for c in project()["tool"]["importlinter"]["contracts"] if c["id"] == "light")
    *rooms, last = [f"`{module.removeprefix('medadapt.')}`" for module in contract["source_modules"]]
    words = " ".join((REPOSITORY / name).read_text(encoding="utf-8").split())

    assert f"{', '.join(rooms)} and {last} import no torch" in words
