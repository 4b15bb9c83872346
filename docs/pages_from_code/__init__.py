"""The reference pages, each a function from the code to Markdown."""
