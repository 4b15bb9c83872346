"""What the figures do not show, as a section of the page."""

from __future__ import annotations

from medadapt.report.inputs import ReportInputs
from medadapt.report.limits import limits
from medadapt.report.sections import Items, Section


def limits_section(inputs: ReportInputs) -> Section:
    """What was not measured, and what weakens what was."""
    return Section(anchor="limits", title="Limits", blocks=(Items(items=limits(inputs)),))
