"""Where a batch's files are kept: what went to the acquirer, and what it reported."""

from __future__ import annotations

import hashlib

from farthing.settlement.batch import BatchName


def sha256_of(file: bytes) -> str:
    """What identifies a file."""
    return hashlib.sha256(file).hexdigest()


def batch_file_key(name: BatchName, sha256: str) -> str:
    """The file that went to the acquirer."""
    return f"{_folder(name)}/batch-{sha256}.csv"


def report_file_key(name: BatchName, sha256: str) -> str:
    """The file that the acquirer reported the batch with."""
    return f"{_folder(name)}/report-{sha256}.csv"


def _folder(name: BatchName) -> str:
    return f"{name.tenant.pk('SETTLEMENT')}/{name.settlement_id}"
