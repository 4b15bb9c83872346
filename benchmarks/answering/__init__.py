"""Bases, ways of answering and the page of the benchmark `answering`."""
