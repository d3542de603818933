"""The product's logger goes back to its tests when a simulation's test is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation import logs


@pytest.fixture(autouse=True)
def real_logs() -> Iterator[None]:
    yield
    logs.uninstall()
