"""Which records say the same, exactly or nearly: duplicates, groups and leakage."""
