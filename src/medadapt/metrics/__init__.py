"""Predictions -> Metrics: scores, intervals, paired tests, controls. No torch."""
