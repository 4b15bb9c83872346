"""The shell around the path: order of stages, caching, run folder, lock, smoke runs."""
