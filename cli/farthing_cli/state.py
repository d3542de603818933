"""The file by which a running local stack is found, and the lock that keeps it single.

The lock is the kernel's (flock): it goes with the process that holds it, however that ends, so a
crash never leaves a stack that "still runs". `dev.json` appears when the stack is ready and is
removed first when it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from farthing_cli.failure import Failure
from farthing_cli.project import DEV_FILE, STATE

LOCK_FILE = STATE / "lock"


@dataclass(frozen=True)
class Dev:
    """What tools, tests and examples need to know of the running local stack."""

    api_url: str
    tokens_url: str
    acquirer_url: str
    dashboard_url: str
    checkout_url: str
    shop_url: str
    aws_endpoint_url: str
    aws_region: str
    aws_access_key_id: str
    aws_secret_access_key: str
    secret_key: str
    publishable_key: str
    merchant_id: str
    other_secret_key: str
    stack_name: str
    pid: int


class Lock:
    """Held by the one process that runs the local stack."""

    def __init__(self, path: Path = LOCK_FILE) -> None:
        self._path = path
        self._descriptor = -1

    def take(self) -> None:
        """Take the lock. Raises Failure if another process holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 32, 0).decode().strip() or "unknown"
            os.close(self._descriptor)
            raise Failure(
                f"The local stack runs already (process {holder}). "
                "End it with Ctrl-C in its terminal, or use it: see .farthing/dev.json."
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def publish(dev: Dev, path: Path = DEV_FILE) -> None:
    """Write `dev` so that a reader sees all of it or nothing; only its owner can read it."""
    unfinished = path.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(dev), file, indent=2)
        file.write("\n")
    unfinished.replace(path)


def withdraw(path: Path = DEV_FILE) -> None:
    """Remove the file, if it is there."""
    path.unlink(missing_ok=True)


def running(path: Path = DEV_FILE) -> Dev:
    """The running local stack. Raises Failure if there is none."""
    try:
        dev = Dev(**json.loads(path.read_text()))
        os.kill(dev.pid, 0)  # a crash leaves the file behind
    except (FileNotFoundError, ProcessLookupError):
        raise Failure("No local stack runs. Start one with `make dev`.") from None
    return dev
