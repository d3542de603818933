"""What a command tells its user when it cannot go on."""

from __future__ import annotations


class Failure(Exception):
    """A reason to stop, in words for the user. The command prints it and exits with 1."""
