"""Texts made whole and comparable."""
