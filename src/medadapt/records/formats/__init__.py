"""Rows -> drafts of records: one file for each `data.format`, and what they share."""
