"""Intervals, resampling and paired tests: how sure a number is."""
