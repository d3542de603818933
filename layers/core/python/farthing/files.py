"""Files that are kept as they are: batches sent to acquirers, their reports, evidence of disputes.

A file's key begins with its merchant and mode, like a row's, or with `OPERATOR#` for what concerns
many merchants. A file that stands for its content has the content's SHA-256 in its key, so putting
it twice changes nothing.
"""

from __future__ import annotations

from typing import Protocol

FILE_BYTES_MAX = 64 * 1024 * 1024
"""What one function reads into its memory at most."""


class NoSuchFile(LookupError):
    """Nothing was ever put there."""


class FileTooLarge(ValueError):
    """More than FILE_BYTES_MAX."""


class Files(Protocol):
    """Where files are."""

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Keep `content` under `key`. Raises FileTooLarge or StoreBusy."""
        ...

    def get(self, key: str) -> bytes:
        """What is kept under `key`. Raises NoSuchFile, FileTooLarge or StoreBusy."""
        ...
