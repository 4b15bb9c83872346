"""Metrics -> Report: puts the page, its figures and the model card together and writes them."""

from __future__ import annotations

from pathlib import Path

from medadapt.core.files import whole_file, write_text
from medadapt.report import wording
from medadapt.report.benchmarks_section import benchmarks_section
from medadapt.report.calibration_section import calibration_section
from medadapt.report.card import proof_card
from medadapt.report.contrast_section import contrast_section
from medadapt.report.controls_section import controls_section
from medadapt.report.data_section import data_section
from medadapt.report.errors_section import errors_section
from medadapt.report.examples_section import examples_section
from medadapt.report.forgetting_section import forgetting_section
from medadapt.report.html import render
from medadapt.report.inputs import ReportInputs
from medadapt.report.labels_section import labels_section
from medadapt.report.leakage_section import leakage_section
from medadapt.report.limits_section import limits_section
from medadapt.report.model_card import model_card
from medadapt.report.passages_section import passages_section
from medadapt.report.protocol_line import protocol_line
from medadapt.report.protocol_section import protocol_section
from medadapt.report.result_sections import groups_section, lengths_section
from medadapt.report.scoring_section import scoring_section
from medadapt.report.search_section import search_section
from medadapt.report.sections import Banner, Figure, Page
from medadapt.report.seeds_section import seeds_section
from medadapt.report.training_section import training_section
from medadapt.report.written_section import written_section

__all__ = ["ReportInputs", "build_report", "report_page"]

FIGURE_FILES = (
    "training_loss.png",
    "learning_curve.png",
    "confusion_matrix_baseline.png",
    "confusion_matrix_tuned.png",
    "right_wrong_matrix.png",
    "error_length.png",
    "reliability.png",
    "risk_coverage.png",
    "search_curves.png",
)
"""Every drawing there can be; those that do not apply to a run are not written."""


def build_report(inputs: ReportInputs, folder: Path) -> list[Path]:
    """Write `index.html`, `figures/*.png` and `README.md` (the model card); returns their paths.

    The same inputs give the same bytes. Figures of an earlier report that no longer apply are removed.
    """
    page = report_page(inputs)
    drawn = {
        block.file: block.png
        for section in page.sections
        for block in section.blocks
        if isinstance(block, Figure)
    }
    written = [folder / "index.html", folder / "README.md"]
    for name in FIGURE_FILES:
        path = folder / "figures" / name
        if name in drawn:
            with whole_file(path, "wb") as file:
                file.write(drawn[name])
            written.append(path)
        else:
            path.unlink(missing_ok=True)
    write_text(folder / "README.md", model_card(inputs))
    write_text(folder / "index.html", render(page))
    return written


def report_page(inputs: ReportInputs) -> Page:
    """The whole report as plain data: what an expert asks first comes first, and last how it was made."""
    card = proof_card(inputs.metrics, inputs.seeds)
    sections = [
        controls_section(inputs),
        leakage_section(inputs),
        seeds_section(inputs.seeds),
        groups_section(inputs),
        calibration_section(inputs),
        written_section(inputs),
        contrast_section(inputs),
        scoring_section(inputs),
        benchmarks_section(inputs),
        passages_section(inputs),
        forgetting_section(inputs),
        errors_section(inputs),
        limits_section(inputs),
        labels_section(inputs),
        lengths_section(inputs),
        search_section(inputs.search),
        training_section(inputs),
        data_section(inputs),
        examples_section(inputs),
        protocol_section(inputs),
    ]
    name = str(inputs.run.get("name") or inputs.recipe.get("name") or "run")
    version = ((inputs.metrics.get("protocol") or {}).get("versions") or {}).get("medadapt")
    return Page(
        title=name,
        notice=wording.NOT_A_MEDICAL_DEVICE,
        banners=_banners(inputs),
        card=card,
        protocol=protocol_line(inputs),
        sections=tuple(section for section in sections if section is not None and section.blocks),
        footer=f"Written by MedAdapt{f' {version}' if version else ''}.",
    )


def _banners(inputs: ReportInputs) -> tuple[Banner, ...]:
    banners = []
    if inputs.run.get("smoke"):
        text = (
            "The base model is tiny and random and the data cut down: this run shows that every stage works. "
            "Its numbers mean nothing."
        )
        banners.append(Banner(tone="warning", title="Smoke run", text=text))
    for finding in proof_card(inputs.metrics).findings:
        text = " ".join(part for part in (finding.problem, finding.remedy) if part)
        banners.append(Banner(tone="bad" if finding.failed else "warning", title=finding.title, text=text))
    return tuple(banners)
