"""Names of the files in an adapter's folder: PEFT's, and ours beside them."""

from __future__ import annotations

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
BASE = "base.json"
"""Which base the adapter belongs to."""
ASKING = "medadapt.json"
"""How the model is asked."""
TRACKING = "tracking.json"
"""By which ids a resumed training goes on in the same curves."""
