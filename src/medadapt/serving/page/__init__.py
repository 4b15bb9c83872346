"""The page in a browser: what a clinician sees, types and reads. On loopback, without anything from elsewhere."""
