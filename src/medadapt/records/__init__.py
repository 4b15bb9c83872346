"""Raw data -> Records, in rooms: reading, formats, cleaning, likeness; and the stage that joins them. No torch."""
