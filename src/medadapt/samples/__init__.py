"""Sample data sets of every format, a few rows of each, and bundled recipes, as package data."""

from medadapt.samples.bundled import SAMPLE_OF_FORMAT, recipe_file, recipe_names, rows_source, source_file

__all__ = ["SAMPLE_OF_FORMAT", "recipe_file", "recipe_names", "rows_source", "source_file"]
