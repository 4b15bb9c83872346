"""The base model, its quantisation and precision, the device, LoRA and the fingerprint."""

import logging

# bitsandbytes reports a missing optional kernel while it is imported; nothing is wrong without it.
logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)
