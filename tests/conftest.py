"""Fixtures that every test may use."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.aws import fake_aws
from tests.support.stack import Stack, start

# How long an example takes says something about the machine, and nothing about what is tested.
settings.register_profile("farthing", deadline=None)
settings.load_profile("farthing")

# The fakes make many objects that live for a test; looking for cycles as often as Python does takes
# a fourteenth of the time.
gc.set_threshold(50_000, 20, 100)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS inside this process, with the template's tables, empty."""
    with fake_aws(monkeypatch):
        yield


@pytest.fixture
def stack(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """The whole charge path in this process."""
    yield start(monkeypatch)
