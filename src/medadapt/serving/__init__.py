"""Use of what a run made: answers as they are written, terminal chat, export, the Hub."""
