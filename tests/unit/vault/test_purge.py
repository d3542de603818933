"""Cards go when nobody needs them, by the clock; and nothing that can still be sent goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from farthing import runtime
from farthing.acquiring.sandbox import NoUsableAnswer
from farthing.payments.recovery import GIVEN_UP_SECONDS
from farthing.store import EXISTS, Delete, Key, Update
from farthing.store.table import DynamoStore
from farthing.vault import purge, retention
from farthing.vault.card_face import TOKEN_LIFE_SECONDS, card_face_key
from farthing.vault.envelope import TokenRef
from farthing.vault.face_due import GRACE_SECONDS
from farthing.vault.open import CardUnreadable
from farthing.vault.retention import SENDABLE_SECONDS
from farthing.vault.rows import card_key, cvc_key
from tests.support import lambdas
from tests.support.lambdas import MERCHANT, Context, event_of, load
from tests.support.stack import ANSWER_NEVER_COMES, DECLINED, FIRST_IS_LOST, Stack
from tests.support.vault import NUMBER, opened

TENANT = lambdas.principal().tenant
TOKEN_IS_OVER = TOKEN_LIFE_SECONDS + GRACE_SECONDS + 1
DAY = 86_400


def run() -> dict[str, int]:
    """One tick."""
    context = Context(remaining_milliseconds=300_000)
    answer: dict[str, int] = load("vault_purge").handler(event_of("vault_purge.schedule"), context)
    return answer


def ref(token: str) -> TokenRef:
    return TokenRef(TENANT, token)


def there(token: str) -> dict[str, bool]:
    """Which rows of a card are there."""
    store, of = runtime.system_store(), ref(token)
    keys = {"card": card_key(of), "cvc": cvc_key(of), "face": card_face_key(TENANT, token)}
    return {name: store.get(key) is not None for name, key in keys.items()}


GONE = {"card": False, "cvc": False, "face": False}
KEPT = {"card": True, "cvc": False, "face": True}


def save(stack: Stack, token: str, **more: Any) -> str:
    customer = stack.post("customers", {}).body["customer_id"]
    body = {"customer_id": customer, "token": token}
    answer = stack.post("payment_methods", body)
    assert answer.status == 201, answer.text
    method_id: str = answer.body["method_id"]
    return method_id


def delete(stack: Stack, method_id: str) -> None:
    answer = lambdas.call("payment_methods", "DELETE", f"/v1/payment_methods/{method_id}")
    assert answer.status == 200, answer.text


# --- tokens --------------------------------------------------------------------------------------


def test_a_token_that_nobody_claimed_cannot_be_opened_after_its_time(stack: Stack) -> None:
    token = stack.token()
    assert opened(ref(token)) == NUMBER
    stack.advance(TOKEN_LIFE_SECONDS + 60)
    assert run() == {"kept": 0, "closed": 0, "purged": 0, "odd": 0}
    assert there(token)["card"]
    stack.advance(GRACE_SECONDS)
    assert run()["purged"] == 1
    assert there(token) == GONE
    with pytest.raises(CardUnreadable):
        opened(ref(token))


@pytest.mark.parametrize("more", [{}, {"number": DECLINED}, {"capture_method": "MANUAL"}])
def test_a_card_that_paid_goes_with_its_time(stack: Stack, more: dict[str, str]) -> None:
    number = more.pop("number", None)
    token = stack.token(number) if number else stack.token()
    paid = stack.pay(token=token, **more)
    stack.advance(TOKEN_IS_OVER)
    assert run()["purged"] == 1
    assert there(token) == GONE
    # What follows needs no card
    if paid.status == 201 and not more:
        assert stack.refund(paid.body["intent_id"]).status == 201
    if more:
        path = f"payment_intents/{paid.body['intent_id']}/capture"
        assert stack.post(path, {}).body["status"] == "SUCCEEDED"


def test_a_payment_that_is_asked_for_again_after_the_purge_is_answered_as_before(
    stack: Stack,
) -> None:
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}
    first = stack.post("payment_intents", body, key="k")
    stack.advance(TOKEN_IS_OVER)
    run()
    again = stack.post("payment_intents", body, key="k")
    assert (again.status, again.body) == (201, first.body)
    other = stack.post("payment_intents", body)
    assert (other.status, other.body["code"]) == (400, "token_not_usable")


def test_a_payment_whose_outcome_is_not_known_keeps_its_card_and_is_sent_again(
    stack: Stack,
) -> None:
    # Given a charge that was lost on its way, and an acquirer that nobody can ask for an hour
    token = stack.token(FIRST_IS_LOST)
    stack.acquirer.before = broken
    answer = stack.pay(token=token)
    assert answer.status == 202
    for _ in range(3):
        stack.advance(TOKEN_IS_OVER)
        assert run()["purged"] == 0
        assert there(token) == KEPT
    # When the acquirer can be asked, Then the card is there to be sent, or it ends without it
    stack.acquirer.before = lambda method, path: None
    stack.advance(3600)
    resolved = stack.get(f"payment_intents/{answer.body['intent_id']}")
    assert resolved.body["status"] in {"SUCCEEDED", "PROCESSING", "FAILED"}
    for _ in range(20):
        stack.advance(3600)
        stack.get(f"payment_intents/{answer.body['intent_id']}")
        run()
    assert there(token) == GONE


def broken(method: str, path: str) -> None:
    raise NoUsableAnswer


def test_a_payment_that_waits_for_a_person_keeps_its_card(stack: Stack) -> None:
    token = stack.token(ANSWER_NEVER_COMES)
    stack.acquirer.before = broken
    intent_id = stack.pay(token=token).body["intent_id"]
    stack.advance(GIVEN_UP_SECONDS + DAY)
    assert stack.get(f"payment_intents/{intent_id}").body["status_detail"] == "REQUIRES_DECISION"
    run()
    assert there(token) == KEPT


def test_a_payment_that_was_not_sent_may_try_its_token_again(stack: Stack) -> None:
    """Given one that was not sent, and a tick in its fifteen minutes."""
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}
    stack.charge.fail = refused
    assert stack.post("payment_intents", body, key="k").status == 503
    stack.charge.fail = lambda moment: None
    stack.advance(TOKEN_LIFE_SECONDS - 60)
    run()
    assert stack.post("payment_intents", body, key="k").status == 201


def refused(moment: str) -> None:
    raise EndpointConnectionError(endpoint_url="x")


# --- saved cards ---------------------------------------------------------------------------------


def test_a_saved_card_stays_as_long_as_its_method(stack: Stack) -> None:
    token = stack.token(exp_year=2040)
    method_id = save(stack, token)
    stack.advance(TOKEN_IS_OVER)
    assert run()["kept"] == 1
    for _ in range(4):
        stack.advance(31 * DAY)
        assert run()["kept"] == 1
    assert there(token) == KEPT
    assert stack.pay(payment_method_id=method_id).status == 201


def test_a_cvc_goes_at_the_first_look_whatever_becomes_of_its_card(stack: Stack) -> None:
    token = stack.token()
    save(stack, token)
    assert there(token)["cvc"]
    stack.advance(TOKEN_IS_OVER)
    run()
    assert there(token) == KEPT


def test_a_deleted_methods_card_goes_when_nothing_can_be_sent_with_it(stack: Stack) -> None:
    token = stack.token()
    method_id = save(stack, token)
    stack.advance(TOKEN_IS_OVER)
    run()
    delete(stack, method_id)
    stack.advance(SENDABLE_SECONDS - 60)
    assert run()["purged"] == 0 and there(token) == KEPT
    stack.advance(61)
    assert run()["purged"] == 1 and there(token) == GONE


def test_what_was_begun_with_a_method_before_it_was_deleted_is_sent_again(stack: Stack) -> None:
    # Given a payment by a saved card that was lost on its way
    token = stack.token(FIRST_IS_LOST)
    method_id = save(stack, token)
    answer = stack.pay(payment_method_id=method_id)
    assert answer.status == 202
    # When the method is deleted, and a tick comes, and it is looked into
    delete(stack, method_id)
    run()
    stack.advance(30)
    resolved = stack.get(f"payment_intents/{answer.body['intent_id']}")
    # Then it is sent with that card
    assert resolved.body["status"] == "SUCCEEDED"


def test_one_that_expired_long_ago_can_pay_no_more_and_then_goes(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPIRED_CARD_MONTHS", "2")
    token = stack.token(exp_month=12, exp_year=runtime.clock().now().year)
    method_id = save(stack, token)
    new = {"amount_cents": 5, "currency": "eur", "payment_method_id": method_id}
    begun = stack.post("payment_intents", new).body["intent_id"]
    # When it has expired, but not for long enough
    stack.advance(65 * DAY)
    run()
    assert stack.pay(payment_method_id=method_id).status == 201
    # When it has
    stack.advance(60 * DAY)
    assert run()["closed"] == 1
    # Then it says why it cannot pay, at once and where a payment names it already
    refusals = [
        stack.pay(payment_method_id=method_id),
        stack.post(f"payment_intents/{begun}/confirm", {}),
    ]
    for refusal in refusals:
        assert (refusal.status, refusal.body["code"]) == (400, "invalid_request"), refusal.text
        assert "expired" in refusal.body["detail"]
    assert there(token) == KEPT
    stack.advance(SENDABLE_SECONDS + 1)
    assert run()["purged"] == 1
    assert there(token) == {"card": False, "cvc": False, "face": True}
    # And it can be shown and deleted
    assert stack.get(f"payment_methods/{method_id}").status == 200
    delete(stack, method_id)
    stack.advance(SENDABLE_SECONDS + 1)
    assert run()["purged"] == 1
    assert there(token) == GONE


# --- how it is found -----------------------------------------------------------------------------


def test_every_face_has_its_time_from_the_beginning(stack: Stack) -> None:
    stack.token()
    (face,) = stack.items("card_face")
    assert face["due_pk"]["S"].startswith("CARD#")
    assert face["due_at"]["S"] > face["expires_at"]["S"]


def test_what_the_index_shows_decides_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an index that still shows a token as it was, and it was saved since."""
    token = stack.token()
    (shown,) = runtime.system_store().scan("payments").items
    save(stack, token)
    stack.advance(TOKEN_IS_OVER)
    page = runtime.system_store().query("payments", shown["pk"])
    page.items[:] = [shown]
    monkeypatch.setattr(
        DynamoStore, "query_index", lambda self, table, index, pk, **more: only(page, shown, pk)
    )
    run()
    assert there(token) == KEPT


def only(page: Any, shown: dict[str, Any], pk: str) -> Any:
    return page if pk == shown["due_pk"] else replace(page, items=[])


def test_a_card_that_fails_holds_up_nobody_and_comes_up_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [stack.token() for _ in range(4)]
    stack.advance(TOKEN_IS_OVER)
    real = purge.decide

    def decide(facts: Any) -> Any:
        if facts.face["token"] == tokens[0]:
            raise RuntimeError("no luck")
        return real(facts)

    with monkeypatch.context() as patch:
        patch.setattr(purge, "decide", decide)
        with pytest.raises(purge.PurgeIncomplete, match="1 beside 3"):
            run()
    assert [there(token)["card"] for token in tokens] == [True, False, False, False]
    assert run()["purged"] == 0
    stack.advance(retention.AGAIN_SECONDS + 1)
    assert run()["purged"] == 1


def test_a_card_whose_holder_is_lost_is_kept_and_told_of(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a restore of the payments table."""
    token = stack.token()
    intent_id = stack.pay(token=token).body["intent_id"]
    runtime.system_store().write(
        Delete(Key("payments", TENANT.pk("PI", intent_id), "INTENT"), EXISTS)
    )
    stack.advance(TOKEN_IS_OVER)
    assert run()["odd"] == 1
    assert there(token) == KEPT
    assert [vars(record).get("token_id") for record in caplog.records].count(token) == 1


def test_a_face_whose_card_is_gone_already_goes(stack: Stack) -> None:
    """As after a restore of the payments table: the vault has forgotten it."""
    token = stack.token()
    for key in (card_key(ref(token)), cvc_key(ref(token))):
        runtime.system_store().write(Delete(key, EXISTS))
    stack.advance(TOKEN_IS_OVER)
    assert run()["purged"] == 1
    assert there(token) == GONE


def test_every_row_of_a_card_goes_whatever_kind_it_is(stack: Stack) -> None:
    token = stack.token()
    another = Key("vault", card_key(ref(token)).pk, "SOMETHING_NEW")
    runtime.system_store().write(
        Update(another, retention.WHATEVER_IS_THERE, set={"entity": "something_new"})
    )
    stack.advance(TOKEN_IS_OVER)
    run()
    assert runtime.system_store().get(another) is None


def test_the_age_of_the_oldest_is_told(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.token()
    stack.advance(TOKEN_IS_OVER + 3600)
    run()
    said = capsys.readouterr().out
    assert '"OldestCardToPurgeSeconds":[360' in said
    run()
    assert '"OldestCardToPurgeSeconds":[0' in capsys.readouterr().out


def test_audit_rows_stay(stack: Stack) -> None:
    stack.pay()
    stack.advance(TOKEN_IS_OVER)
    run()
    rows = boto3.client("dynamodb").scan(TableName="VaultTable")["Items"]
    assert [row["entity"]["S"] for row in rows] == ["audit"]
    assert rows[0]["pk"]["S"].startswith(f"{MERCHANT}#test#AUDIT#")
