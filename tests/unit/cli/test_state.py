"""The file that says that a local stack runs, and the lock that keeps it single."""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path

import pytest

from farthing_cli import state
from farthing_cli.failure import Failure

DEV = state.Dev(
    api_url="http://127.0.0.1:8080",
    tokens_url="http://127.0.0.1:8081",
    acquirer_url="http://127.0.0.1:8080/acquirer",
    dashboard_url="http://127.0.0.1:8080/dashboard",
    checkout_url="http://127.0.0.1:8080/checkout",
    shop_url="http://127.0.0.1:8082",
    aws_endpoint_url="http://127.0.0.1:4566",
    aws_region="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="secret",
    secret_key="sk_test_1",
    publishable_key="pk_test_1",
    merchant_id="mer_1",
    other_secret_key="sk_test_2",
    stack_name="farthing-local",
    pid=os.getpid(),
)


def test_what_was_published_is_read_and_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    # Given
    path = tmp_path / "dev.json"
    # When
    state.publish(DEV, path)
    # Then
    assert state.running(path) == DEV
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_without_the_file_nothing_runs(tmp_path: Path) -> None:
    path = tmp_path / "dev.json"
    state.withdraw(path)
    with pytest.raises(Failure, match="No local stack runs"):
        state.running(path)


def test_a_file_that_a_crash_left_behind_is_no_stack(tmp_path: Path) -> None:
    # Given: a process that has ended and been collected
    ended = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(ended, 0)
    path = tmp_path / "dev.json"
    state.publish(dataclasses.replace(DEV, pid=ended), path)
    # Then
    with pytest.raises(Failure, match="No local stack runs"):
        state.running(path)


def test_the_lock_is_held_once_and_can_be_given_back(tmp_path: Path) -> None:
    # Given
    first, second = state.Lock(tmp_path / "lock"), state.Lock(tmp_path / "lock")
    first.take()
    # When, Then
    with pytest.raises(Failure, match=f"runs already \\(process {os.getpid()}\\)"):
        second.take()
    first.release()
    second.take()
    second.release()
