"""Source files, here or on the Hub -> rows, whatever their layout."""
