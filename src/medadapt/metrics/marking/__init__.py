"""What each entrant earned on each record, and the metrics as functions of its sums."""
