"""MedAdapt: fine-tune open language models on medical question answering, and prove whether it helped."""

__version__ = "0.1.0"
