"""Redeploying: code that Python cannot read goes nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from farthing_cli import redeploy
from farthing_cli.failure import Failure


def test_a_file_that_does_not_compile_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redeploy, "ROOT", tmp_path)
    (tmp_path / "right.py").write_text("x = 1\n")
    redeploy.check_syntax(tmp_path)
    (tmp_path / "wrong.py").write_text("x = 1\ny = (\n")
    with pytest.raises(Failure, match=r"wrong\.py:2: "):
        redeploy.check_syntax(tmp_path)
