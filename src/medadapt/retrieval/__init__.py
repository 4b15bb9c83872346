"""Passages that may help with a question: where they come from, how they are found, how they stand in a prompt."""
