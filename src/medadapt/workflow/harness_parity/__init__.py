"""The same records through lm-evaluation-harness, and whether its numbers are ours."""
