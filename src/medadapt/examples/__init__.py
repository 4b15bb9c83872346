"""Records -> Examples: templates, masking, tokens."""
