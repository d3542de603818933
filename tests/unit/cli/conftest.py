"""Functions of the product run inside commands here, whose output is caught and then closed."""

from __future__ import annotations

import pytest

from farthing.observe import logger


@pytest.fixture(scope="session", autouse=True)
def _one_logger_for_all() -> None:
    """The process's logger is made before any command is run, or it would write to the output of
    the first one when that is closed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POWERTOOLS_SERVICE_NAME", "test")
        logger()
