"""Each event through its function in Lambda's own image: the same file, the same assertion."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.expected import EXPECTED, assert_expected
from tests.support.template import ROOT

INVOKE_SECONDS_MAX = 300

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_function_answers_its_event(name: str) -> None:
    ran = subprocess.run(
        [Path(sys.executable).parent / "farthing", "invoke", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=INVOKE_SECONDS_MAX,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert_expected(name, json.loads(ran.stdout.strip().splitlines()[-1]))
