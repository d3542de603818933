"""MiniStack, in a process group of its own that never outlives us.

    farthing dev ── pipe ──► guard ──► [ MiniStack ──► a worker for each function in use ]

MiniStack's workers outlive a signal to MiniStack, and it leaves their folders behind. So the guard
holds the other end of a pipe: when the pipe closes, because we asked or because we are gone, it
ends the whole group and removes the folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from farthing_cli import guard, reencrypt_quirk
from farthing_cli.failure import Failure
from farthing_cli.project import DEV_FILE, run_folder

HOST = "127.0.0.1"
PREFERRED_PORT = 4566
REGION = "us-east-1"
ACCESS_KEY_ID = "test"  # MiniStack's root; the secret is new with every start
READY_TIMEOUT_SECONDS = 30
END_TIMEOUT_SECONDS = 30

MINISTACK = (sys.executable, reencrypt_quirk.__file__)

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "SSL_CERT_FILE", "PYTHONUTF8")
"""What MiniStack and the functions may see of our environment: no AWS credentials above all."""


@dataclass
class Emulator:
    """One start of MiniStack."""

    packages: tuple[Path, ...]
    """Where the functions find what their layers hold in AWS."""
    port: int = 0
    secret_access_key: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    folder: Path = field(default_factory=lambda: run_folder(os.getpid()))
    _guard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The endpoint of every AWS service."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Start the process group; `wait` says when it answers."""
        self.port = PREFERRED_PORT if is_free(PREFERRED_PORT) else any_free_port()
        for left_by_a_crash in self.folder.parent.glob("run-*"):
            shutil.rmtree(left_by_a_crash, ignore_errors=True)
        temporary = self.folder / "tmp"
        temporary.mkdir(parents=True)
        with (self.folder / "ministack.log").open("wb") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, DEV_FILE, self.folder, *MINISTACK],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._environment(temporary),
            )

    def wait(self) -> None:
        """Return when MiniStack answers. Raises Failure if it does not."""
        give_up_at = time.monotonic() + READY_TIMEOUT_SECONDS
        while time.monotonic() < give_up_at:
            if self._guard is None or self._guard.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise Failure(f"MiniStack did not start.\n{self.log_tail()}")

    def is_alive(self) -> bool:
        """Whether the group still runs."""
        return self._guard is not None and self._guard.poll() is None

    def log_tail(self, lines_max: int = 20) -> str:
        """The end of MiniStack's own log."""
        try:
            text = (self.folder / "ministack.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines_max:])

    def end(self) -> None:
        """End every process of the group and remove its folder. Raises Failure if one is left."""
        if self._guard is None:
            return
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        try:
            self._guard.wait(END_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait(END_TIMEOUT_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)
        if not is_free(self.port):
            raise Failure(f"Something still listens on port {self.port}.")

    def _environment(self, temporary: Path) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return inherited | {
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",  # else it opens port 8883
            "LOG_LEVEL": "WARNING",
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "PYTHONPATH": os.pathsep.join(str(folder / "python") for folder in self.packages),
            "S3_DATA_DIR": str(temporary / "s3"),
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(temporary / "state"),
            "TMPDIR": str(temporary),
        }


def is_free(port: int) -> bool:
    """Whether nothing listens on `port` of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def any_free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
