"""A vault on moto."""

from __future__ import annotations

import pytest

from tests.support.vault import make_keys


@pytest.fixture
def vault(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table, and the vault's keys."""
    make_keys(monkeypatch)
