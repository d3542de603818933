"""An answer counts only if it is the acquirer's and answers the question. The rest is unknown."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

import pytest

from farthing.settlement import sandbox
from farthing.settlement.batch import BatchName
from farthing.settlement.batch_file import batch_file
from farthing.settlement.entry import Operation
from farthing.settlement.line import Line
from farthing.settlement.ports import OutcomeUnknown, Refused
from farthing.settlement.sandbox import SandboxSettlement
from tests.unit.settlement.wire import SECRET, Asked, Reply, Server, reply, serving
from tests.unit.settlement.world import TENANT

NAME = BatchName(TENANT, "sandbox", "eur", date(2026, 11, 1))
FILE = batch_file(
    NAME.reference,
    [Line("op_1-capture", "pi_1", "r1", Operation.CAPTURE, 1000, "eur", "2026-11-01")],
)
SHA256 = hashlib.sha256(FILE).hexdigest()
ACCEPTED = {"reference": NAME.reference, "status": "ACCEPTED", "content_sha256": SHA256}
FOUND = ACCEPTED | {"reported": True}
NOT_FOUND = {"reference": NAME.reference, "error": {"code": "NOT_FOUND"}}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


def at(server: Server) -> SandboxSettlement:
    return SandboxSettlement(f"{server.url}/", lambda: SECRET)


def say(server: Server, made: Reply | None) -> SandboxSettlement:
    server.respond = lambda _: made
    return at(server)


def test_it_asks_with_the_reporting_secret_and_by_reference(server: Server) -> None:
    say(server, reply(404, NOT_FOUND)).has(NAME.reference)

    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", f"/v1/settlements/{NAME.reference}")
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"


def test_a_signed_not_found_is_an_answer(server: Server) -> None:
    there = say(server, reply(404, NOT_FOUND))
    assert not there.has(NAME.reference)
    assert there.report(NAME, ()) is None


def test_a_batch_without_a_report_yet_is_known(server: Server) -> None:
    there = say(server, reply(200, ACCEPTED | {"reported": False}))

    assert there.has(NAME.reference)
    assert there.report(NAME, ()) is None
    assert [asked.path for asked in server.asked if asked.path.endswith("/report")] == []


def test_a_report_is_a_file_as_it_came(server: Server) -> None:
    file = Reply(200, b"whatever,they,wrote")
    server.respond = lambda asked: file if asked.path.endswith("/report") else reply(200, FOUND)

    assert at(server).report(NAME, ()) == b"whatever,they,wrote"


@pytest.mark.parametrize("made", [None, reply(404, NOT_FOUND), Reply(200, b"x", signature="")])
def test_a_report_that_was_promised_and_does_not_come_is_unknown(
    server: Server, made: Reply | None
) -> None:
    server.respond = lambda asked: made if asked.path.endswith("/report") else reply(200, FOUND)

    with pytest.raises(OutcomeUnknown):
        at(server).report(NAME, ())


UNKNOWN = [
    None,
    reply(200, FOUND | {"reference": "another"}),
    reply(200, [FOUND]),
    reply(401, {"error": {"code": "UNAUTHORIZED"}}),
    reply(404, {"error": {"code": "NO_SUCH_ROUTE"}}),
    reply(404, {"error": "NOT_FOUND"}),
    reply(404, {"error": {"code": "NOT_FOUND"}}),
    reply(404, NOT_FOUND | {"reference": "another"}),
    reply(429, {"error": {"code": "SLOW_DOWN"}}),
    reply(302, FOUND),
    reply(500, {}),
    Reply(502, b"<html>"),
    Reply(200, b"not json"),
    Reply(200, b'{"reference": "\xff"}'),
    Reply(404, json.dumps(NOT_FOUND).encode(), signature=""),
    Reply(404, json.dumps(NOT_FOUND).encode(), signature="0" * 64),
    Reply(404, json.dumps(NOT_FOUND).encode(), signature="\xe9"),
]


@pytest.mark.parametrize("made", UNKNOWN)
def test_whatever_is_no_answer_of_the_acquirer_is_unknown(
    server: Server, made: Reply | None
) -> None:
    with pytest.raises(OutcomeUnknown):
        say(server, made).has(NAME.reference)
    with pytest.raises(OutcomeUnknown):
        at(server).report(NAME, ())
    with pytest.raises(OutcomeUnknown):
        at(server).submit(NAME.reference, FILE)


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_signed_refusal_is_definite(server: Server, status: int) -> None:
    refusal = {"error": {"code": "REFERENCE_REUSED", "message": "…"}}

    with pytest.raises(Refused, match="REFERENCE_REUSED"):
        say(server, reply(status, refusal)).submit(NAME.reference, FILE)


def test_an_unsigned_refusal_is_unknown(server: Server) -> None:
    unsigned = Reply(400, b'{"error": {"code": "MALFORMED"}}', signature="")

    with pytest.raises(OutcomeUnknown):
        say(server, unsigned).submit(NAME.reference, FILE)


def test_a_refusal_without_a_code_is_unknown(server: Server) -> None:
    with pytest.raises(OutcomeUnknown):
        say(server, reply(400, {})).submit(NAME.reference, FILE)


def test_an_acceptance_of_another_batch_is_unknown(server: Server) -> None:
    with pytest.raises(OutcomeUnknown):
        say(server, reply(200, ACCEPTED | {"reference": "another"})).submit(NAME.reference, FILE)
    with pytest.raises(OutcomeUnknown):
        say(server, reply(200, ACCEPTED | {"status": "RECEIVED"})).submit(NAME.reference, FILE)
    with pytest.raises(OutcomeUnknown):
        say(server, reply(200, ACCEPTED | {"content_sha256": "0" * 64})).submit(
            NAME.reference, FILE
        )


def test_silence_is_unknown_after_the_timeout(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "ANSWER_TIMEOUT_SECONDS", 0.1)

    def sleep(_: Asked) -> Reply | None:
        time.sleep(0.3)
        return None

    server.respond = sleep
    with pytest.raises(OutcomeUnknown, match=r"deadline|Timeout"):
        at(server).submit(NAME.reference, FILE)
    assert len(server.asked) == 1  # it does not try again by itself


@contextmanager
def dripping(head: bytes, drop: bytes) -> Iterator[str]:
    """Who answers `head` at once, and then `drop`, ten times a second, for two seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with suppress(OSError), listening.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(head)
                for _ in range(20):
                    time.sleep(0.1)
                    connection.sendall(drop)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n"),
    ],
)
def test_an_answer_that_drips_ends_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, head: bytes, drop: bytes
) -> None:
    monkeypatch.setattr(sandbox, "ANSWER_TIMEOUT_SECONDS", 0.4)

    with dripping(head, drop) as url:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="deadline"):
            SandboxSettlement(url, lambda: SECRET).has(NAME.reference)
        assert time.monotonic() - started < 1


def test_what_nobody_waits_for_any_more_is_not_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a name that takes longer to resolve than the deadline, nothing arrives afterwards."""
    monkeypatch.setattr(sandbox, "ANSWER_TIMEOUT_SECONDS", 0.1)
    resolve, resolved = socket.getaddrinfo, threading.Event()

    def slowly(*asked: Any, **more: Any) -> Any:
        time.sleep(0.3)
        resolved.set()
        return resolve(*asked, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with pytest.raises(OutcomeUnknown, match="deadline"):
        say(server, reply(200, ACCEPTED)).submit(NAME.reference, FILE)

    assert resolved.wait(2)
    time.sleep(0.3)
    assert [asked.body for asked in server.asked if asked.body] == []


def test_nobody_there_is_unknown() -> None:
    with serving() as gone:
        pass
    with pytest.raises(OutcomeUnknown):
        at(gone).has(NAME.reference)


def test_an_answer_that_is_too_long_is_unknown(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "ANSWER_BYTES_MAX", 10)

    with pytest.raises(OutcomeUnknown, match="too long"):
        say(server, reply(200, FOUND)).has(NAME.reference)
