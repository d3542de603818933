"""A running local stack: the one that `make dev` runs, or one of our own for this test run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from farthing_cli.project import DEV_FILE, ROOT
from tests.stack.live import Live
from tests.stack.receiver import Receiver

START_SECONDS_MAX = 240
STOP_SECONDS_MAX = 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("stack")
    # The scan looks at what all the others left behind.
    items.sort(key=lambda item: item.path.name == "test_scan.py")


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The stack. Started and ended here unless one runs already."""
    if DEV_FILE.exists():
        yield Live(json.loads(DEV_FILE.read_text()))
        return
    log = tmp_path_factory.mktemp("stack") / "farthing-dev.log"
    with log.open("w") as output:
        dev = subprocess.Popen(
            [Path(sys.executable).parent / "farthing", "dev"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "FARTHING_PORT": os.environ.get("FARTHING_PORT", "18080")},
        )
        try:
            _wait_until_ready(dev, log)
            yield Live(json.loads(DEV_FILE.read_text()))
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(STOP_SECONDS_MAX)


def _wait_until_ready(dev: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(START_SECONDS_MAX * 5):
        if DEV_FILE.exists():
            return
        if dev.poll() is not None:
            pytest.fail(f"farthing dev ended:\n{log.read_text()}")
        time.sleep(0.2)
    pytest.fail(f"farthing dev was not ready in {START_SECONDS_MAX} s:\n{log.read_text()}")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A merchant's webhook endpoint on this machine."""
    with Receiver.start() as running:
        yield running
