"""`farthing resolve`, `unknown`, `decide`: the function on the other end is played by the test."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from rich.console import Console
from typer.testing import CliRunner, Result

from farthing_cli import recovery
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.resolver import Resolver

PART = "01m817tr88cas1byw96gkvdt72"
ADDRESS = f"mer_{PART}/test/pi_{PART}/op_{PART}"
REFUND = f"mer_{PART}/test/pi_{PART}/re_{PART}"
NOW = datetime.now(UTC)

Answer = Callable[[dict[str, Any]], Any]


class FakeLambda:
    """`invoke`, answered by the test."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.events: list[dict[str, Any]] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == "farthing-test-resolve_unknown"
        event = json.loads(Payload)
        self.events.append(event)
        said = self.answer(event)
        if isinstance(said, Exception):  # as the runtime tells it
            body = json.dumps({"errorMessage": str(said), "errorType": type(said).__name__})
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(body.encode())}
        return {"Payload": io.BytesIO(json.dumps(said).encode())}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Result, FakeLambda]]:
    """Run a command against a function that answers so."""
    monkeypatch.setattr(recovery, "console", Console(width=80))

    def run(answer: Answer, *arguments: str, typed: str = "") -> tuple[Result, FakeLambda]:
        client = FakeLambda(answer)

        resolver = Resolver(client, "farthing-test-resolve_unknown")
        monkeypatch.setattr(recovery.Resolver, "of", lambda stack: resolver)
        return CliRunner().invoke(app, list(arguments), input=typed), client

    return run


Run = Callable[..., tuple[Result, FakeLambda]]


def failure_of(result: Result) -> str:
    assert isinstance(result.exception, Failure), result.output
    text = str(result.exception)
    assert "\n" not in text
    return text


def transaction(verdict: str, **more: Any) -> dict[str, Any]:
    row = {
        "reference": PART.upper(),
        "operation": "CAPTURE",
        "intent_id": f"pi_{PART}",
        "merchant_id": f"mer_{PART}",
        "amount_cents": 1999,
        "currency": "eur",
        "verdict": verdict,
        "why": "it is so",
    }
    return row | more


def pages(*verdicts: list[dict[str, Any]]) -> Answer:
    """A function that gives these pages, one after the other."""

    def answer(event: dict[str, Any]) -> dict[str, Any]:
        number = int(event["after"] or 0)
        last = number + 1 == len(verdicts)
        return {"rows": verdicts[number], "next": None if last else str(number + 1)}

    return answer


def unresolved(**more: Any) -> dict[str, Any]:
    row = {
        "operation": ADDRESS,
        "reference": PART.upper(),
        "kind": "CAPTURE",
        "amount_cents": 1999,
        "currency": "eur",
        "created_at": (NOW - timedelta(hours=2)).isoformat(),
        "due_at": "2026-11-22T12:00:00.000Z",
        "state": "UNKNOWN",
        "requires_decision": False,
    }
    return row | more


def waiting(*rows: dict[str, Any]) -> Answer:
    """A function with these operations unresolved, which takes any decision."""

    def answer(event: dict[str, Any]) -> dict[str, Any]:
        if "list" in event:
            return {"rows": list(rows)}
        if "show" in event:
            found = [row for row in rows if row["operation"] == event["show"]]
            return found[0] if found else {"error": f"there is no operation {event['show']}"}
        return {"operation_id": f"op_{PART}", "state": event["decide"]["outcome"], "due_at": None}

    return answer


def test_without_options_it_does_what_the_schedule_does(run: Run) -> None:
    seen = {"queued": 3, "oldest_unknown_seconds": 3700, "requiring_decision": 1}
    result, client = run(lambda _: seen, "resolve")
    assert (result.exit_code, client.events) == (0, [{}])
    assert json.loads(result.output) == seen


def test_one_operation_is_looked_into_now(run: Run) -> None:
    found = {"operation_id": f"op_{PART}", "state": "UNKNOWN", "due_at": "2026-11-22T12:00:00Z"}
    result, client = run(lambda _: found, "resolve", "--operation", ADDRESS)
    assert client.events == [{"operation": ADDRESS}]
    assert result.output == f"op_{PART} is UNKNOWN, looked into again at 2026-11-22T12:00:00Z\n"


def test_since_goes_through_all_pages_and_changes_nothing_unless_told(run: Run) -> None:
    # Given
    books = pages([transaction("MATCHED")] * 3, [transaction("WOULD_ADOPT")])
    # When
    result, client = run(books, "resolve", "--since", "2026-11-22T10:00+01:00")
    # Then
    assert result.exit_code == 0
    whose = {"connector": "sandbox", "mode": "test"}
    asked = {"since": "2026-11-22T09:00:00.000Z", "apply": False, **whose}
    assert client.events == [{**asked, "after": None}, {**asked, "after": "1"}]
    assert "3 MATCHED · 1 WOULD_ADOPT" in result.output
    assert "Nothing was changed" in result.output
    assert result.output.count("19.99 EUR") == 1


def test_since_reads_the_books_of_one_merchants_account_where_each_has_its_own(run: Run) -> None:
    merchant = f"mer_{PART}"
    whose = ["--connector", "stripe", "--merchant", merchant, "--mode", "live"]
    result, client = run(pages([]), "resolve", "--since", "2026-11-22T09:00Z", *whose)
    assert result.exit_code == 0
    (asked,) = client.events
    assert (asked["connector"], asked["mode"]) == ("stripe", "live")
    assert asked["merchant_id"] == merchant


@pytest.mark.parametrize(
    "whose",
    [
        ["--connector", "stripe"],
        ["--connector", "stripe", "--merchant", "mer_x"],
        ["--merchant", f"mer_{PART}"],
        ["--connector", "another"],
    ],
)
def test_whose_books_is_said_or_nothing_is_read(run: Run, whose: list[str]) -> None:
    result, client = run(pages([]), "resolve", "--since", "2026-11-22T09:00Z", *whose)
    assert isinstance(result.exception, Failure)
    assert client.events == []


def test_what_was_done_is_shown_and_what_a_person_has_to_see_fails_the_command(run: Run) -> None:
    books = pages(
        [transaction("ADOPTED"), transaction("VOIDED"), transaction("REPORTED", intent_id=None)]
    )
    result, client = run(books, "resolve", "--since", "2026-11-22T09:00Z", "--apply")
    assert result.exit_code == 1
    assert client.events[0]["apply"] is True
    for word in ("ADOPTED", "VOIDED", "REPORTED", "it is so"):
        assert word in result.output
    assert "Nothing was changed" not in result.output


def test_a_failure_half_way_shows_what_was_done(run: Run) -> None:
    def answer(event: dict[str, Any]) -> Any:
        if event["after"]:
            return ValueError("no more")
        return {"rows": [transaction("ADOPTED")], "next": "1"}

    result, _ = run(answer, "resolve", "--since", "2026-11-22T09:00Z", "--apply")
    assert "1 ADOPTED" in result.output
    assert failure_of(result) == "resolve_unknown failed: no more"


def test_a_cursor_that_stands_still_is_no_endless_loop(run: Run) -> None:
    result, client = run(
        lambda _: {"rows": [], "next": "x"}, "resolve", "--since", "2026-11-22T09:00Z"
    )
    assert "does not get past" in failure_of(result)
    assert len(client.events) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "yesterday"], "Write it with its zone"),
        (["--since", "2026-11-22T09:00"], "Write it with its zone"),
        (["--operation", "x"], "no address"),
        (["--operation", "a/b/c/d"], "no address"),
        (["--operation", f"mer_{PART}/test/pi_{PART}/pi_{PART}"], "no address"),
        (["--operation", ADDRESS, "--since", "2026-11-22T09:00Z"], "not both"),
        (["--apply"], "belongs to --since"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_asked(
    run: Run, arguments: list[str], said: str
) -> None:
    result, client = run(lambda _: {}, "resolve", *arguments)
    assert said in failure_of(result)
    assert client.events == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ReadTimeoutError(endpoint_url="x"), "still at work"),
        (EndpointConnectionError(endpoint_url="http://x"), "Could not connect"),
        (
            ClientError({"Error": {"Code": "X", "Message": "Function not\nfound"}}, "Invoke"),
            "Function not found",
        ),
    ],
)
def test_every_failure_is_one_line(run: Run, error: Exception, said: str) -> None:
    def fail(_: dict[str, Any]) -> None:
        raise error

    result, _ = run(fail, "unknown")
    assert said in failure_of(result)


def test_unknown_lists_what_nobody_knows_the_oldest_first(run: Run) -> None:
    # Given
    rows = [
        unresolved(),
        unresolved(
            operation=REFUND,
            kind="REFUND",
            amount_cents=5,
            currency="jpy",
            created_at=(NOW - timedelta(days=8)).isoformat(),
            due_at=None,
            requires_decision=True,
        ),
    ]
    # When
    result, _ = run(waiting(*rows), "unknown")
    # Then
    refund, capture = (line for line in result.output.splitlines() if "/test/" in line)
    for word in ("8d", "REFUND", "5 JPY", "a person decides", REFUND):
        assert word in refund
    for word in ("2h", "CAPTURE", "19.99 EUR", "2026-11-22T12:00:00.000Z", ADDRESS):
        assert word in capture
    assert "farthing decide" in result.output


def test_unknown_says_when_all_is_known(run: Run) -> None:
    assert run(waiting(), "unknown")[0].output == "Every outcome is known.\n"


DECISION = ("--outcome", "approved", "--by", "Ada", "--reason", "their statement shows it")


def test_a_decision_shows_the_amount_and_asks_first(run: Run) -> None:
    there = waiting(unresolved(requires_decision=True))
    # When the answer is no
    result, client = run(there, "decide", ADDRESS, *DECISION, typed="n\n")
    assert result.exit_code == 1
    assert "CAPTURE of 19.99 EUR" in result.output
    assert client.events == [{"show": ADDRESS}]
    # When it is yes
    result, client = run(there, "decide", ADDRESS, *DECISION, typed="y\n")
    assert result.exit_code == 0
    decided = client.events[-1]["decide"]
    assert decided == {
        "operation": ADDRESS,
        "outcome": "APPROVED",
        "by": "Ada",
        "reason": "their statement shows it",
    }
    assert result.output.endswith(f"op_{PART} is APPROVED\n")


ABSENT = ("--outcome", "absent", "--by", "Ada", "--reason", "phoned", "--yes")


def test_with_yes_it_does_not_ask(run: Run) -> None:
    there = waiting(unresolved(requires_decision=True))
    result, client = run(there, "decide", ADDRESS, *ABSENT)
    assert f"The acquirer knows it as {PART.upper()}" in result.output
    assert client.events[-1]["decide"]["outcome"] == "ABSENT"


def test_what_is_still_looked_into_is_refused_before_anything_is_asked(run: Run) -> None:
    result, client = run(waiting(unresolved()), "decide", ADDRESS, *ABSENT)
    assert "asks for no decision" in failure_of(result)
    assert client.events == [{"show": ADDRESS}]


def test_who_decided_can_be_read(run: Run) -> None:
    decided = {"decided_at": "2026-11-22T12:00:00Z", "decided_by": "Ada", "reason": "phoned"}
    found = {"operation_id": f"op_{PART}", "state": "ABSENT", "decision": decided}
    result, _ = run(lambda _: found, "resolve", "--operation", ADDRESS)
    assert "decided at 2026-11-22T12:00:00Z by Ada: phoned" in result.output


def test_a_time_that_is_to_come_is_refused(run: Run) -> None:
    result, client = run(waiting(), "resolve", "--since", "2999-01-01T00:00Z")
    assert "is not over yet" in failure_of(result)
    assert client.events == []


def test_there_is_nothing_to_decide_about_what_is_known(run: Run) -> None:
    known = waiting(unresolved(state="APPROVED"))
    result, client = run(known, "decide", ADDRESS, *DECISION, "--yes")
    assert "is APPROVED: there is nothing to decide" in failure_of(result)
    assert client.events == [{"show": ADDRESS}]
    result, _ = run(known, "decide", REFUND, *DECISION, "--yes")
    assert "there is no operation" in failure_of(result)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "card 4242 4242 4242 4242"])
def test_a_decision_has_a_reason_that_may_be_kept(run: Run, reason: str) -> None:
    arguments = ("--outcome", "absent", "--by", "Ada", "--reason", reason, "--yes")
    result, client = run(waiting(unresolved()), "decide", ADDRESS, *arguments)
    assert "--reason" in failure_of(result)
    assert client.events == []


def test_an_outcome_is_one_of_two(run: Run) -> None:
    arguments = ("--outcome", "declined", "--by", "Ada", "--reason", "x")
    result, client = run(waiting(unresolved()), "decide", ADDRESS, *arguments)
    assert (result.exit_code, client.events) == (2, [])


def test_a_function_that_refuses_says_why(run: Run) -> None:
    def answer(event: dict[str, Any]) -> Any:
        return (
            unresolved(requires_decision=True)
            if "show" in event
            else {"error": "it was decided before"}
        )

    result, _ = run(answer, "decide", ADDRESS, *DECISION, "--yes")
    assert failure_of(result) == "Refused: it was decided before"


def test_an_operation_that_is_not_there_is_said(run: Run) -> None:
    result, _ = run(lambda _: LookupError(ADDRESS), "resolve", "--operation", ADDRESS)
    assert failure_of(result) == f"There is no operation {ADDRESS}."
