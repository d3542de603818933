"""Runs one command in a process group and ends the whole group when the pipe on stdin closes.

Started as a script with nothing but the standard library:

    guard.py FILE FOLDER COMMAND...

The pipe closes when our parent closes it or dies, so nothing is left behind even after a `kill -9`
of the parent. FILE, which says that COMMAND runs, is removed at once, and FOLDER at the end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

GRACE_SECONDS = 2.0


def main(file: str, folder: str, command: list[str]) -> None:
    """Run `command` until it ends or the pipe does, then end its group."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def when_done(wait: Callable[[], object]) -> None:
        wait()
        over.set()

    for wait in (sys.stdin.buffer.read, child.wait):
        threading.Thread(target=when_done, args=(wait,), daemon=True).start()
    over.wait()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(file)
    signal_group(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    signal_group(child.pid, signal.SIGKILL)  # the workers outlive the child
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # the thread that reads stdin may still wait


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal every process of a group, if any is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
