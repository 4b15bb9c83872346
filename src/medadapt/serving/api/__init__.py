"""An API in the style of OpenAI's over one copy of the model: what clients may send, and what they get."""
