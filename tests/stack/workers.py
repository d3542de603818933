"""The processes in which the emulator runs the functions: real ones, stopped and killed from here.

    Tx-1 ──► claim ──► acquirer's books ──► answer ──► Tx-2
               │              │
               │              └─ seen in its public books: now the worker is killed
               └─ seen in the vault: the worker waits for `charge`, and the acquirer is held so long

Nothing is left to luck: while the acquirer is stopped its answer cannot overtake the kill, and a
worker that is stopped can read no answer.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.stack.live import Answer, Live

PATIENCE_SECONDS = 20
POLL_SECONDS = 0.1
ACQUIRER = "sandbox_acquirer"


@dataclass(frozen=True)
class Halted:
    """A function's processes that stand still, and the request that waits for them."""

    pids: list[int]
    asked: Future[Answer]


@contextmanager
def halted(live: Live, function: str, ask: Callable[[], Answer], *, sent: Callable[[], bool],
           done: Callable[[], bool]) -> Iterator[Halted]:  # fmt: skip
    """Halt `function`, which waits for `charge`: the acquirer has done it, nobody wrote it down.

    `sent`: charge holds its claim. `done`: it is in the acquirer's books. Who is not killed goes
    on afterwards.
    """
    with ThreadPoolExecutor(1) as pool:
        live.books("pi_none")  # wakes it
        with stopped(workers(live, ACQUIRER)):
            asked = pool.submit(ask)
            wait_until(sent, "nothing was sent")
            pids = workers(live, function)
            signal_all(pids, signal.SIGSTOP)
        try:
            wait_until(done, "the acquirer did nothing")
            yield Halted(pids, asked)
        finally:
            signal_all([pid for pid in pids if is_there(pid)], signal.SIGCONT)


@dataclass(frozen=True)
class Crash:
    """Which processes of a function were killed, and what its caller was told."""

    killed: list[int]
    answer: Answer


def crash(live: Live, function: str, ask: Callable[[], Answer], *, sent: Callable[[], bool],
          done: Callable[[], bool]) -> Crash:  # fmt: skip
    """Kill `function` between what the acquirer did and what is to be written of it."""
    with halted(live, function, ask, sent=sent, done=done) as at_work:
        kill(live, function, at_work.pids)
        return Crash(at_work.pids, at_work.asked.result())


def crash_while_it_waits(
    live: Live, function: str, ask: Callable[[], Answer], *, done: Callable[[], bool]
) -> Crash:
    """Kill `function` as soon as the acquirer has done what no answer will ever tell."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        wait_until(done, "the acquirer did nothing")
        doomed = workers(live, function)
        kill(live, function, doomed)
        return Crash(doomed, asked.result())


def crash_before_sending(
    live: Live, ask: Callable[[], Answer], *, begun: Callable[[], bool]
) -> Crash:
    """Kill `charge` before it does anything. `begun`: Tx-1 is written."""
    wake_charge(live)
    doomed = workers(live, "charge")
    with ThreadPoolExecutor(1) as pool, stopped(doomed):
        asked = pool.submit(ask)
        wait_until(begun, "nothing was begun")
        time.sleep(1)  # between Tx-1 and the invoke nothing can be seen from outside
        kill(live, "charge", doomed)
        return Crash(doomed, asked.result())


def wake_charge(live: Live) -> None:
    """Have it look for nothing, so that it has a process."""
    nothing = {"task": "LOOK_UP", "operation": f"{live.dev['merchant_id']}/test/pi_none/op_none"}
    live.aws("lambda").invoke(
        FunctionName=f"{live.dev['stack_name']}-charge", Payload=json.dumps(nothing).encode()
    )


def workers(live: Live, function: str) -> list[int]:
    """The processes that run a function of this stack now. At least one does."""
    name = f"run-{live.dev['pid']}/tmp/ministack-lambda-{live.dev['stack_name']}-{function}-"
    listed = subprocess.run(
        ["ps", "-axwwo", "pid=,command="], capture_output=True, text=True, check=True
    )
    found = [int(line.split()[0]) for line in listed.stdout.splitlines() if name in line]
    assert found, f"nobody runs {function}"
    return found


def kill(live: Live, function: str, doomed: list[int]) -> None:
    """SIGKILL. They were there, and they are gone."""
    assert set(doomed) <= set(workers(live, function))
    signal_all(doomed, signal.SIGKILL)
    wait_until(lambda: not any(map(is_there, doomed)), "they live")


def is_there(pid: int) -> bool:
    """Whether the process runs. One that waits to be buried by its parent does not."""
    asked = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(asked.stdout.strip()) and not asked.stdout.strip().startswith("Z")


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """They stand still, as a process does whose machine is too busy, and go on afterwards."""
    signal_all(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        signal_all([pid for pid in pids if is_there(pid)], signal.SIGCONT)


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # the emulator ends idle ones
            os.kill(pid, number)


def wait_until(is_so: Callable[[], bool], else_: str, seconds: float = PATIENCE_SECONDS) -> float:
    """How long it took. Fails the test if it takes too long."""
    began_at = time.monotonic()
    while not is_so():
        assert time.monotonic() - began_at < seconds, f"after {seconds} s {else_}"
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began_at
