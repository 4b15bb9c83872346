"""The engine with one of its techniques switched off, or with one that was left out."""
