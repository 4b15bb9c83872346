"""Sample data sets in all five formats, made by seed from the sample knowledge."""
