"""Typer commands: parse, call, show. The only folder that prints."""
