"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.aws import fake_aws
from tests.support.stack import Stack, start


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS inside this process, with the template's tables, empty."""
    with fake_aws(monkeypatch):
        yield


@pytest.fixture
def stack(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """The whole charge path in this process."""
    yield start(monkeypatch)
