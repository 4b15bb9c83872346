"""`medadapt doctor`: is this machine ready, and what is in the way?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from medadapt.cli import options
from medadapt.cli.console import plain, print_json, results
from medadapt.core.shell_command import install

if TYPE_CHECKING:
    from medadapt.models.device_check import DeviceCheck
    from medadapt.workflow.doctor.examination import Complaint, Examination

NOT_READY = 2
"""Exit code where something stops the work: what it is can be mended by the user."""


def doctor(as_json: options.Json = False) -> None:
    """Look at this machine: packages, devices, room on the disk. Says what is in the way, with its remedy.

    Small products are computed on every device, with plain and with packed weights. Nothing is downloaded or changed.
    Exit code 2 when something stops the work.

    Example: medadapt doctor
    """
    from medadapt.workflow.doctor.examination import examine

    found = examine()
    code = NOT_READY if found.problems else 0
    if as_json:
        print_json({**asdict(found), "exit_code": code})
    else:
        _show(found)
    raise typer.Exit(code)


def _show(found: Examination) -> None:
    facts = Table.grid(padding=(0, 2))
    facts.add_row("system", plain(f"{found.system}, Python {found.versions['python']}"))
    for number, device in enumerate(found.devices):
        facts.add_row("" if number else "devices", _device(device, is_auto=number == 0))
    for number, room in enumerate(found.rooms):
        facts.add_row(
            "" if number else "disk",
            plain(f"{room.free / 2**30:.0f} GiB free for {room.what}: {room.folder}"),
        )
    facts.add_row(
        "hub", "not reached: HF_HUB_OFFLINE is set" if found.offline else "reached where a recipe names it"
    )
    packages = {name: version for name, version in found.versions.items() if name != "python"}
    facts.add_row("packages", plain(", ".join(f"{name} {version}" for name, version in packages.items())))
    facts.add_row("extras", _extras(found.extras))
    results.print(facts)
    for complaint in found.problems:
        results.print(_told("Problem", "bold red", complaint), soft_wrap=True)
    for complaint in found.advice:
        results.print(_told("Note", "bold yellow", complaint), soft_wrap=True)
    if not found.problems:
        results.print(plain("Ready. `medadapt demo` shows the whole path in a few minutes.", "bold green"))


def _device(device: DeviceCheck, *, is_auto: bool) -> Text:
    facts = device.facts
    memory = f"{facts.total_memory / 2**30:.0f} GiB"
    threads = f", {facts.threads} threads" if facts.type == "cpu" else ""
    packed = [kind for kind, why in device.packed.items() if why is None]
    works = (
        f"weights in {', '.join([device.precision, *packed])}"
        if device.problem is None
        else "does not compute"
    )
    return plain(f"{device.device}: {facts.name}, {memory}{threads}; {works}{' (auto)' if is_auto else ''}")


def _extras(extras: dict[str, tuple[str, ...]]) -> Text:
    there = [name for name, lacking in extras.items() if not lacking]
    lines = [", ".join(there) or "none"]
    lines += [f"not {name}: {install(name)}" for name, lacking in extras.items() if lacking]
    return plain("\n".join(lines))


def _told(word: str, style: str, complaint: Complaint) -> Text:
    return Text.assemble((f"{word}: ", style), plain(f"{complaint.problem} {complaint.remedy}"))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="This machine")(doctor)
