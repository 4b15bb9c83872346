"""The frame of an export's README.md: its name, and the notice before and after everything else."""

from __future__ import annotations

from medadapt.report.markdown import inline
from medadapt.serving.answering import NOTICE


def readme(name: str, *parts: str) -> str:
    """The text of `README.md`. Parts are Markdown: every word in them that is not ours is escaped."""
    notice = f"> **{inline(NOTICE)}**"
    return "\n\n".join([f"# {inline(name)}", notice, *parts, notice]) + "\n"
