"""What the vault's jobs do with bank accounts and wallets: the same as with cards."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.store import Key
from farthing.vault import kms
from farthing.vault.card_face import TOKEN_LIFE_SECONDS, card_face_key
from farthing.vault.envelope import TokenRef
from farthing.vault.face_due import GRACE_SECONDS
from farthing.vault.open import open_source
from farthing.vault.retention import SENDABLE_SECONDS
from farthing.vault.rows import card_key
from farthing.vault.source import BankAccount
from tests.support import lambdas, methods
from tests.support.lambdas import MERCHANT, Context, event_of, load
from tests.support.stack import Stack
from tests.support.vault import key_of, merchant, new_key, row_of

TENANT = lambdas.principal().tenant
TOKEN_IS_OVER = TOKEN_LIFE_SECONDS + GRACE_SECONDS + 1
GONE, KEPT = (False, False), (True, True)


def keeper(**task: Any) -> dict[str, Any]:
    answer: dict[str, Any] = load("vault_keeper").handler(task, Context())
    return answer


def purge() -> dict[str, int]:
    context = Context(remaining_milliseconds=300_000)
    answer: dict[str, int] = load("vault_purge").handler(event_of("vault_purge.schedule"), context)
    return answer


def there(token: str) -> tuple[bool, bool]:
    """Whether its row in the vault is there, and its face."""
    keys: tuple[Key, Key] = (card_key(TokenRef(TENANT, token)), card_face_key(TENANT, token))
    vault, face = (runtime.system_store().get(key) is not None for key in keys)
    return vault, face


def drain(stack: Stack) -> None:
    """A tick, and what it has put into the queue."""
    before = len(stack.looks.sent)
    methods.tick()
    for _, message in stack.looks.sent[before:]:
        methods.look(message["operation"])


def account(token: str) -> BankAccount:
    """As `charge` opens it."""
    ref = TokenRef(TENANT, token)
    store, keys = runtime.system_store(), kms.unwrapper(ref.tenant)
    opened = open_source(store, keys, ref, runtime.clock().now())
    assert isinstance(opened, BankAccount)
    return opened


def test_an_account_comes_under_another_key_and_opens(stack: Stack) -> None:
    token = methods.token(methods.sepa())
    key = new_key()
    merchant(MERCHANT, key=key)
    answer = keeper(rewrap={"apply": True, "rows": 100, "after": None})
    assert answer["counts"] == {"REWRAPPED": 1}
    assert key_of(TokenRef(TENANT, token)) == key
    assert account(token).number.reveal() == methods.PAYS


def test_a_wallet_is_left_where_it_is(stack: Stack) -> None:
    token = methods.token(methods.wallet())
    before = row_of(TokenRef(TENANT, token))
    merchant(MERCHANT, key=new_key())
    assert keeper(rewrap={"apply": True, "rows": 100, "after": None})["counts"] == {}
    assert row_of(TokenRef(TENANT, token)) == before


def test_a_token_that_nobody_claimed_goes_with_its_time(stack: Stack) -> None:
    tokens = [methods.token(methods.sepa()), methods.token(methods.wallet())]
    assert [there(token) for token in tokens] == [KEPT, KEPT]
    stack.advance(TOKEN_IS_OVER)
    assert purge()["purged"] == 2
    assert [there(token) for token in tokens] == [GONE, GONE]


def test_an_account_stays_until_its_bank_has_decided_and_no_longer(stack: Stack) -> None:
    # Given a debit of which the bank has to decide, which takes longer than a token lives
    token = methods.token(methods.sepa(methods.NEVER_DECIDES))
    intent_id = stack.pay(token=token).body["intent_id"]
    stack.advance(TOKEN_IS_OVER)
    assert purge()["purged"] == 0
    assert there(token) == KEPT
    # When it has paid, Then the account goes
    for _ in range(40):
        stack.advance(methods.DAY)
        methods.tick()
    assert stack.get(f"payment_intents/{intent_id}").body["status"] == "SUCCEEDED"
    assert purge()["purged"] == 1
    assert there(token) == GONE


def test_a_saved_account_stays_as_long_as_its_method(stack: Stack) -> None:
    token = methods.token(methods.sepa())
    customer_id = stack.post("customers", {}).body["customer_id"]
    saved = stack.post("payment_methods", {"customer_id": customer_id, "token": token})
    assert saved.status == 201
    for _ in range(30):
        stack.advance(60 * methods.DAY)
        assert purge()["closed"] == purge()["purged"] == 0
    assert there(token) == KEPT
    path = f"/v1/payment_methods/{saved.body['method_id']}"
    assert lambdas.call("payment_methods", "DELETE", path).status == 200
    stack.advance(SENDABLE_SECONDS + 1)
    assert purge()["purged"] == 1
    assert there(token) == GONE
