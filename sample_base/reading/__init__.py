"""Running text for the sample base model: prose about the sample knowledge, and everyday English."""
