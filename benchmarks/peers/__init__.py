"""Our trainer and the peers side by side: the same weights, rows, order, adapter and supervised tokens."""
