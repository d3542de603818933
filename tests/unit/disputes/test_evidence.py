"""Evidence: collected, checked, sent once; and what others may not see or change."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
import pytest

from farthing.disputes.evidence import TEXT_LENGTH_MAX
from tests.support.lambdas import OTHER_MERCHANT, call
from tests.unit.disputes.conftest import LOSES, PDF, WINS, Court

RECEIPT = {
    "purpose": "receipt",
    "name": "receipt.pdf",
    "content_type": "application/pdf",
    "content": PDF,
}


def spied(court: Court) -> list[dict[str, Any]]:
    """The bodies of evidence as the acquirer gets them."""
    seen: list[dict[str, Any]] = []
    ask = court.stack.acquirer.ask

    def spy(method: str, path: str, body: bytes | None = None, *more: Any, **named: Any) -> Any:
        if path.endswith("/evidence") and body is not None:
            seen.append(json.loads(body))
        return ask(method, path, body, *more, **named)

    court.stack.acquirer.ask = spy  # type: ignore[method-assign]
    return seen


def test_it_is_collected_until_it_is_sent(court: Court) -> None:
    dispute = court.opened()
    # When evidence comes in parts
    first = court.answer(dispute, {"product_description": "a book", "shipping_carrier": "DHL"})
    assert first.status == 200, first.text
    second = court.answer(dispute, {"product_description": "two books", "files": [RECEIPT]})
    third = court.answer(dispute, {"shipping_carrier": ""})
    # Then it is kept, what came later in place of what came before, and nothing is sent
    assert third.body["evidence"]["texts"] == {"product_description": "two books"}
    (kept,) = second.body["evidence"]["files"]
    assert (kept["purpose"], kept["name"], kept["size_bytes"]) == ("receipt", "receipt.pdf", 18)
    assert court.look(dispute)["evidence"] == third.body["evidence"]
    assert court.answers_sent() == []
    # and the document is among its merchant's files, once
    (row,) = court.stack.items("dispute")
    begin = f"{row['merchant_id']['S']}#test#DISPUTES#{dispute['dispute_id']}/"
    listed = boto3.client("s3").list_objects_v2(Bucket="files")["Contents"]
    assert [one["Key"] for one in listed] == [begin + kept["sha256"]]
    # When it is submitted, Then all of it goes, once
    seen = spied(court)
    assert court.answer(dispute, {"submit": True}).body["status"] == "UNDER_REVIEW"
    (body,) = seen
    assert body["text"] == {"product_description": "two books"}
    assert base64.b64decode(body["files"][0]["content"]) == base64.b64decode(PDF)
    late = court.answer(dispute, {"product_description": "three"})
    assert (late.status, late.body["code"]) == (409, "dispute_not_answerable")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"submit": True}, "body"),
        ({"customer_name": 7}, "customer_name"),
        ({"story": "x"}, "story"),
        ({"uncategorized_text": "x" * (TEXT_LENGTH_MAX + 1)}, "uncategorized_text"),
        ({"uncategorized_text": "\x00"}, "uncategorized_text"),
        ({"files": [RECEIPT | {"content": "no base64!"}]}, "files.0"),
        ({"files": [RECEIPT | {"content": ""}]}, "files.0"),
        ({"files": [RECEIPT | {"content_type": "text/html"}]}, "files.0.content_type"),
        ({"files": [RECEIPT | {"content_type": "image/png"}]}, "files.0.content"),
        ({"files": [RECEIPT | {"purpose": "selfie"}]}, "files.0.purpose"),
        ({"files": [RECEIPT | {"name": "../../etc"}]}, "files.0.name"),
        ({"files": [RECEIPT, RECEIPT]}, "body"),
        ({"files": None}, "files"),
        ({"submit": "yes"}, "submit"),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    court: Court, body: dict[str, Any], field: str
) -> None:
    dispute = court.opened()
    refused = court.answer(dispute, body)
    assert refused.status == 400, refused.text
    assert [one["field"] for one in refused.body["fields"]] == [field]
    assert court.look(dispute)["evidence"] == {"texts": {}, "files": []}
    assert court.answers_sent() == []


def test_too_much_is_refused(court: Court) -> None:
    dispute = court.opened()
    texts = ("billing_address", "customer_name", "shipping_address", "uncategorized_text")
    much = {name: "x" * TEXT_LENGTH_MAX for name in texts}
    assert court.answer(dispute, much).body["code"] == "invalid_request"
    huge = base64.b64encode(b"%PDF-" + bytes(4 * 1024 * 1024)).decode()
    refused = court.answer(dispute, {"files": [RECEIPT | {"content": huge}]})
    assert refused.status == 400


def test_as_much_as_may_be_is_kept_and_comes_again_for_its_key(court: Court) -> None:
    dispute = court.opened()
    texts = ("billing_address", "customer_name", "shipping_address")
    much = {name: "\N{GRINNING FACE}" * TEXT_LENGTH_MAX for name in texts}
    kept = court.answer(dispute, much, key="k")
    assert (kept.status, court.answer(dispute, much, key="k").text) == (200, kept.text)
    assert court.look(dispute)["evidence"]["texts"] == much


def test_a_card_number_is_refused(court: Court) -> None:
    dispute = court.opened()
    refused = court.answer(dispute, {"customer_communication": "my card 4242 4242 4242 4242"})
    assert (refused.status, refused.body["code"]) == (400, "card_number_in_text")


def test_the_same_key_sends_once_and_gets_the_same_answer(court: Court) -> None:
    dispute = court.opened()
    body = {**WINS, "submit": True}
    first = court.answer(dispute, body, key="k")
    again = court.answer(dispute, body, key="k")
    assert (again.status, again.text) == (first.status, first.text)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert court.answers_sent() == ["evidence"]
    other = court.answer(dispute, {**LOSES, "submit": True}, key="k")
    assert (other.status, other.body["code"]) == (422, "idempotency_key_reused")
    # A draft's key is one too
    other_dispute = court.opened()
    kept = court.answer(other_dispute, {"customer_name": "Ada"}, key="d")
    assert court.answer(other_dispute, {"customer_name": "Ada"}, key="d").text == kept.text


def test_without_a_key_nothing_is_answered(court: Court) -> None:
    dispute = court.opened()
    path = f"/v1/disputes/{dispute['dispute_id']}"
    for verb, body in (("evidence", WINS), ("accept", {})):
        refused = call("disputes", "POST", f"{path}/{verb}", body)
        assert (refused.status, refused.body["code"]) == (400, "idempotency_key_missing")


def test_another_merchant_sees_and_changes_nothing(court: Court) -> None:
    dispute = court.opened()
    theirs: dict[str, Any] = {"merchant_id": OTHER_MERCHANT}
    dispute_id = dispute["dispute_id"]
    assert court.stack.get(f"disputes/{dispute_id}", **theirs).status == 404
    assert court.stack.get("disputes", **theirs).body["data"] == []
    intent = {"payment_intent_id": dispute["payment_intent_id"]}
    assert court.stack.get("disputes", query=intent, **theirs).body["data"] == []
    assert court.stack.get("disputes", query={"starting_after": dispute_id}, **theirs).status == 400
    assert court.answer(dispute, {**WINS, "submit": True}, **theirs).status == 404
    assert court.accept(dispute, **theirs).status == 404
    assert court.look(dispute)["status"] == "NEEDS_RESPONSE"
    # A key that may only read answers nothing
    read_only = court.answer(dispute, WINS, scopes="read")
    assert (read_only.status, read_only.body["code"]) == (403, "forbidden")


def test_the_list_filters(court: Court) -> None:
    first, second = court.opened(), court.opened(1091)
    court.accept(first)

    def listed(**query: str) -> list[str]:
        answer = court.stack.get("disputes", query=query)
        assert answer.status == 200, answer.text
        return [one["dispute_id"] for one in answer.body["data"]]

    both = sorted((first["dispute_id"], second["dispute_id"]), reverse=True)
    assert listed() == both
    assert listed(limit="1") == both[:1]
    assert listed(starting_after=both[0]) == both[1:]
    assert listed(status="LOST") == [first["dispute_id"]]
    assert listed(stage="INQUIRY", currency="eur") == [second["dispute_id"]]
    assert listed(currency="usd") == []
    assert listed(due_before="2100-01-01T00:00:00Z") == [second["dispute_id"]]
    assert listed(due_before="2020-01-01T00:00:00Z") == []
    of_first = {"payment_intent_id": first["payment_intent_id"]}
    assert listed(**of_first) == [first["dispute_id"]]
    assert listed(**of_first, status="WON") == []
    for wrong in ({"status": "OPEN"}, {"due_before": "soon"}, {"payment_intent_id": "x"}):
        assert court.stack.get("disputes", query=wrong).status in {400, 404}
