"""The implementations that are compared: moto in this process, MiniStack on the local stack."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.simulation.conformance.backends import Backend, ministack, moto, our_fake
from tests.stack.conftest import live
from tests.stack.live import Live

__all__ = ["live"]


@pytest.fixture
def ours() -> Backend:
    """The fake."""
    return our_fake()


@pytest.fixture
def on_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """moto."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield moto()


@pytest.fixture
def on_ministack(live: Live) -> Iterator[Backend]:
    """MiniStack, with nothing of ours left behind."""
    backend = ministack(live)
    yield backend
    backend.remove()


@pytest.fixture
def name() -> str:
    """A name that nothing else has on a stack that others use too."""
    return f"conformance-{uuid.uuid4().hex[:8]}"
