"""Llama-class decoders on rows of tokens without padding, with gradients written out by hand.

`rows` says how rows lie behind each other; `norm`, `rotary`, `attention`, `projection` and `dropout` are the
parts, each with its backward pass; `layer` puts them together as one autograd function, `decoder` runs all
layers of a loaded model. The numbers are those of the model's own modules.
"""
