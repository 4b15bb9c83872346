"""`medadapt benchmark`: both models of a run on published question sets."""
