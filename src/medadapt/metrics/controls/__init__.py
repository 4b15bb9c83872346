"""What answers without having learned: what a score has to beat before it means anything."""
