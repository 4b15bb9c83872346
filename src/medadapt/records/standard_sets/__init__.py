"""Published question sets in their own layouts -> records, worded as they were published."""
