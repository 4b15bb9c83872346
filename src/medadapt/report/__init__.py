"""Metrics -> Report: sections as plain data first, then HTML, figures and the model card. No torch."""
