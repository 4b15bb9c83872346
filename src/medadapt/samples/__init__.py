"""Bundled rows of every format and bundled recipes, as package data."""

from medadapt.samples.bundled import SAMPLE_OF_FORMAT, recipe_file, recipe_names, source_file

__all__ = ["SAMPLE_OF_FORMAT", "recipe_file", "recipe_names", "source_file"]
