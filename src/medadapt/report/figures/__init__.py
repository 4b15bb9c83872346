"""Drawings of a run as PNG bytes, one file a kind of drawing. The same input gives the same bytes."""
