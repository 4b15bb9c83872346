"""Raw data -> Records: sources, readers, formats, cleaning, splits and leakage. No torch."""
