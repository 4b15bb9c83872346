"""Whether a model's probabilities can be believed, and when it had better not answer. Closed tasks only."""
