"""Opening a card: only as itself, the CVC for minutes only, and only behind a claim."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from farthing import runtime
from farthing.clock import from_text
from farthing.store import EXISTS, NOT_CREATED, ConditionFailed, Put, Update
from farthing.store.scope import TenantScope
from farthing.vault import kms
from farthing.vault.claim import AlreadyClaimed, claim_to_send
from farthing.vault.envelope import TokenRef
from farthing.vault.open import CardUnreadable, forget_cvc, open_source
from farthing.vault.rows import audit_key, card_key, cvc_key
from tests.support import lambdas
from tests.support.threads import one_call_at_a_time
from tests.support.vault import NUMBER, card

TENANT = lambdas.principal().tenant
NOW = from_text("2026-11-22T09:00:00Z")


@pytest.fixture
def ref(vault: None) -> TokenRef:
    """A card in the vault."""
    return TokenRef(TENANT, token())


def token(**changes: Any) -> str:
    made: str = lambdas.call("tokens", "POST", "/v1/tokens", card(**changes)).body["token"]
    return made


def opened(ref: TokenRef, **options: Any) -> Any:
    now = options.pop("now", runtime.clock().now())
    return open_source(runtime.system_store(), kms.unwrapper(ref.tenant), ref, now, **options)


def test_number_expiry_and_cvc_come_back(ref: TokenRef) -> None:
    found = opened(ref)
    assert found.number.reveal() == NUMBER
    assert (found.exp_month, found.exp_year, found.cvc) == (12, 2040, "123")


def test_a_saved_card_is_opened_without_its_cvc(ref: TokenRef) -> None:
    assert opened(ref, with_cvc=False).cvc is None


def test_a_card_typed_without_cvc_has_none(vault: None) -> None:
    assert opened(TokenRef(TENANT, token(cvc=None))).cvc is None


def test_the_cvc_is_unreadable_after_its_time_though_the_row_is_there(ref: TokenRef) -> None:
    item = runtime.system_store().get(cvc_key(ref))
    assert item is not None
    end = from_text(item["expires_at"])
    assert opened(ref, now=end - timedelta(milliseconds=1)).cvc == "123"
    assert opened(ref, now=end).cvc is None
    assert opened(ref, now=end).number.reveal() == NUMBER


def test_a_forgotten_cvc_is_gone_and_can_be_forgotten_again(ref: TokenRef) -> None:
    forget_cvc(runtime.system_store(), ref)
    forget_cvc(runtime.system_store(), ref)
    assert runtime.system_store().get(cvc_key(ref)) is None
    assert opened(ref).cvc is None


@pytest.mark.parametrize(
    "other",
    [
        TokenRef(TENANT, "tok_01kbe8z4qn7m3xw5rt9vkcd2hc"),
        TokenRef(TenantScope(lambdas.OTHER_MERCHANT, "test"), "tok_01kbe8z4qn7m3xw5rt9vkcd2hc"),
    ],
)
def test_a_row_that_was_moved_stays_shut(ref: TokenRef, other: TokenRef) -> None:
    """Given a card's row copied to another token, or another merchant."""
    store = runtime.system_store()
    item = store.get(card_key(ref))
    assert item is not None
    store.write(Put(card_key(other), item, NOT_CREATED))
    with pytest.raises(CardUnreadable):
        opened(other)


def test_two_cards_with_swapped_envelopes_stay_shut(ref: TokenRef) -> None:
    store = runtime.system_store()
    other = TokenRef(TENANT, token(number="5555555555554444"))
    mine, theirs = store.get(card_key(ref)), store.get(card_key(other))
    assert mine is not None and theirs is not None
    for one, item in ((ref, theirs), (other, mine)):
        store.write(Update(card_key(one), when=EXISTS, set={"envelope": item["envelope"]}))
    for one in (ref, other):
        with pytest.raises(CardUnreadable):
            opened(one)


def test_a_number_in_the_cvc_row_is_not_read_as_cvc(ref: TokenRef) -> None:
    store = runtime.system_store()
    item = store.get(card_key(ref))
    assert item is not None
    store.write(Update(cvc_key(ref), when=EXISTS, set={"envelope": item["envelope"]}))
    with pytest.raises(CardUnreadable):
        opened(ref)


def test_no_card_is_unreadable(vault: None) -> None:
    with pytest.raises(CardUnreadable):
        opened(TokenRef(TENANT, "tok_01kbe8z4qn7m3xw5rt9vkcd2hc"))


def claim(fence: int = 1, claim_id: str = "clm_a", tenant: TenantScope = TENANT) -> None:
    claim_to_send(
        runtime.system_store(),
        tenant,
        reference="op_1",
        fence=fence,
        claim_id=claim_id,
        who="request-1",
        purpose="authorize",
        now=NOW,
    )


def test_the_claim_says_who_when_and_what_for(vault: None) -> None:
    claim()
    item = runtime.system_store().get(audit_key(TENANT, "op_1", 1))
    assert item is not None
    assert item["sk"] == "00000001"
    assert (item["who"], item["purpose"]) == ("request-1", "authorize")
    assert item["claimed_at"] == "2026-11-22T09:00:00.000Z"


def test_a_second_claim_is_refused_and_changes_nothing(vault: None) -> None:
    claim()
    with pytest.raises(AlreadyClaimed):
        claim(claim_id="clm_b")
    item = runtime.system_store().get(audit_key(TENANT, "op_1", 1))
    assert item is not None and item["claim_id"] == "clm_a"


def test_a_claim_whose_answer_was_lost_is_still_ours(vault: None) -> None:
    claim()
    claim()


def test_a_higher_fence_and_another_merchant_claim_for_themselves(vault: None) -> None:
    claim()
    claim(fence=2, claim_id="clm_b")
    claim(claim_id="clm_c", tenant=TenantScope(lambdas.OTHER_MERCHANT, "test"))


def test_of_many_claims_at_once_one_wins(vault: None, monkeypatch: pytest.MonkeyPatch) -> None:
    one_call_at_a_time(monkeypatch)

    def attempt(number: int) -> bool:
        try:
            claim(claim_id=f"clm_{number}")
        except (AlreadyClaimed, ConditionFailed):
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
