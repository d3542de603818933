"""Whose turn it is to see to a token, and the rules by which the database keeps it so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from farthing.acquiring import token_wiring
from farthing.clock import from_text
from farthing.network_tokens import on_file as domain
from farthing.network_tokens.at_service import Services as AtService
from farthing.network_tokens.at_service import tend as at_service
from farthing.network_tokens.on_file import (
    MethodAddress,
    OnFile,
    Step,
    take_turn,
    turn_is,
    wanted,
)
from farthing.network_tokens.port import CardNow, IssuedToken, TokenState, TokenStatus
from farthing.network_tokens.tend import TURNS_MAX, Contended, tend
from farthing.payments.services import Services
from farthing.payments.wiring import services_of
from farthing.store import EXISTS, Condition, Item, TenantScope, Update
from farthing.vault.card import Card
from farthing.vault.pan import Pan
from farthing.vault.source import WalletToken
from tests.support.lambdas import MERCHANT
from tests.support.stack import Exchanged
from tests.unit.network_tokens.conftest import Shop
from tests.unit.network_tokens.test_life import set_at_the_service
from tests.unit.payments.test_rules import holds

TENANT = TenantScope(MERCHANT, "test")
NOW = from_text("2026-11-22T09:00:00Z")
ADDRESS = MethodAddress(TENANT, "pm_01kbe8z4qn7m3xw5rt9vkcd2hd")
ROW: Item = {"method_id": ADDRESS.method_id, "token": "tok_1", "network_token": "ACTIVE"}
DELETED = TokenState(TokenStatus.DELETED)
ACTIVE = TokenState(TokenStatus.ACTIVE, CardNow("4242", 12, 2030))


# --- what is to be done --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "step"),
    [
        ({"network_token": "PENDING"}, Step.PROVISION),
        ({"network_token": "ACTIVE"}, Step.LOOK_UP),
        ({"network_token": "SUSPENDED"}, Step.LOOK_UP),
        ({"network_token": "REFUSED"}, Step.NOTHING),
        ({"network_token": "DELETED"}, Step.NOTHING),
        ({"network_token": "DELETED", "due_pk": "p"}, Step.FORGET),
        ({"network_token": "DELETED", "due_pk": "p", "deleted_at": "t"}, Step.FORGET),
        ({"network_token": "PENDING", "deleted_at": "t"}, Step.DELETE),
        ({"network_token": "ACTIVE", "deleted_at": "t"}, Step.DELETE),
        ({"network_token": "REFUSED", "deleted_at": "t"}, Step.DELETE),
        ({"network_token": "DELETED", "deleted_at": "t"}, Step.NOTHING),
    ],
)
def test_what_is_to_be_done_follows_from_the_row(row: Item, step: Step) -> None:
    found = OnFile.of(ADDRESS, ROW | row)
    assert found is not None and found.step is step


def test_where_nobody_wanted_a_token_there_is_none() -> None:
    assert OnFile.of(ADDRESS, None) is None
    assert OnFile.of(ADDRESS, {"token": "tok_1"}) is None


def test_its_reference_is_made_of_the_methods_id_and_leads_back() -> None:
    found = OnFile.of(ADDRESS, ROW)
    assert found is not None
    assert MethodAddress.of_reference(TENANT, found.reference) == ADDRESS
    assert MethodAddress.parse(str(ADDRESS)) == ADDRESS
    for wrong in ("", "A", "PM_" + "A" * 26, "0" * 25 + "U"):
        with pytest.raises(ValueError, match="no reference"):
            MethodAddress.of_reference(TENANT, wrong)


FREE: list[tuple[Condition, list[Any], list[Any]]] = [
    (turn_is(0), [ROW, {}], [{"network_token_turn": 1}]),
    (turn_is(3), [{"network_token_turn": 3}], [{"network_token_turn": 4}, ROW, None]),
    (
        domain.turn_is_ours(OnFile(ADDRESS, "tok_1", TokenStatus.ACTIVE, turn=3)),
        [{"network_token_turn": 3}],
        [{"network_token_turn": 4}, {"network_token_turn": 3, "deleted_at": "t"}, None],
    ),
    (
        domain.turn_is_ours(OnFile(ADDRESS, "tok_1", TokenStatus.ACTIVE, turn=3, ended=True)),
        [{"network_token_turn": 3, "deleted_at": "t"}],
        [{"network_token_turn": 3}, {"network_token_turn": 4, "deleted_at": "t"}],
    ),
]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [(rule, row, True) for rule, keep, _ in FREE for row in keep]
    + [(rule, row, False) for rule, _, breaks in FREE for row in breaks],
)
def test_the_database_keeps_the_rule(rule: Condition, row: Item | None, expected: bool) -> None:
    assert holds(rule, row) is expected


# --- two at once ---------------------------------------------------------------------------------


class Told:
    """`charge`, which does something before it answers."""

    def __init__(self, state: TokenState | None, before: Any = None) -> None:
        self.state, self.before, self.calls = state, before, 0

    def tend(self, address: MethodAddress) -> TokenState | None:
        self.calls += 1
        if self.before:
            self.before()
        return self.state


class TellsOnce(Told):
    """`charge`, which answers one call and no other."""

    def tend(self, address: MethodAddress) -> TokenState | None:
        return super().tend(address) if not self.calls else None


def world(told: Told) -> Services:
    return replace(services_of(TENANT), sender=told)  # type: ignore[arg-type]


def test_what_was_learned_in_an_earlier_turn_does_not_overwrite_a_later_one(shop: Shop) -> None:
    # Given one who hears that the token is active, and stands still
    method_id = shop.with_token()
    address = MethodAddress(TENANT, method_id)

    def meanwhile() -> None:
        # When somebody else takes a turn, and hears that it is suspended
        tend(address, world(Told(TokenState(TokenStatus.SUSPENDED))))

    tend(address, world(Told(ACTIVE, meanwhile)))
    # Then the later word stands
    assert shop.token_of(method_id) == "SUSPENDED"
    assert len(shop.events(method_id)) == 2


def test_a_look_that_is_run_twice_forgets_no_number_of_a_token_that_is_active_here(
    shop: Shop,
) -> None:
    # Given a token that its issuer ended, whose news were lost
    method_id = shop.with_token()
    set_at_the_service(method_id, "DELETED")
    # When Lambda runs an earlier look once more
    state = services_of(TENANT).sender.tend(MethodAddress(TENANT, method_id))
    # Then it hears of the end, and leaves the number to whoever writes that down
    assert state is not None and state.status is TokenStatus.DELETED
    assert shop.token_of(method_id) == "ACTIVE" and shop.vault("network_token") != []


def test_a_token_that_comes_when_the_turn_is_over_is_not_kept(shop: Shop) -> None:
    method_id = shop.charged()
    store, address = services_of(TENANT).store, MethodAddress(TENANT, method_id)

    def others(method: str, path: str, answer: Exchanged) -> Exchanged:
        # Given a service that takes its time, and somebody who takes the next turn meanwhile
        shop.stack.acquirer.after = lambda method, path, answer: answer
        on_file = OnFile.of(address, store.get(address.key))
        assert on_file is not None
        store.write(take_turn(on_file, NOW))
        return answer

    shop.stack.acquirer.after = others
    shop.tick()
    # Then the number that came too late is nowhere, and the next one asks again
    assert (shop.vault("network_token"), shop.token_of(method_id)) == ([], None)


def test_a_number_that_nobody_forgot_yet_is_forgotten_by_the_next_tick(shop: Shop) -> None:
    # Given one who wrote that the token is at its end, and came no further
    method_id = shop.with_token()
    tend(MethodAddress(TENANT, method_id), world(TellsOnce(DELETED)))
    assert shop.token_of(method_id) == "DELETED" and shop.vault("network_token") != []
    # When its time has come
    shop.stack.advance(61)
    shop.tick()
    # Then the number is gone, and nobody needs to look again
    assert shop.vault("network_token") == [] and "due_pk" not in shop.row(method_id)


def test_a_number_is_not_forgotten_by_whoever_stood_still_while_others_took_a_turn(
    shop: Shop,
) -> None:
    # Given one who read the row, and stands still before the number is deleted
    method_id = shop.with_token()
    store, address = services_of(TENANT).store, MethodAddress(TENANT, method_id)
    read_then = OnFile.of(address, store.get(address.key))
    assert read_then is not None
    # When somebody else takes the next turn
    store.write(take_turn(read_then, NOW))
    token_wiring.services(address).forget(read_then)
    # Then what the first one meant to delete is left to the second
    assert shop.vault("network_token") != []


def test_a_look_that_finds_nothing_new_leaves_no_token_waiting_in_no_index(shop: Shop) -> None:
    # Given a look at an active token, and another charge that ends late meanwhile
    method_id = shop.with_token()
    address = MethodAddress(TENANT, method_id)
    known = services_of(TENANT).sender.tend(address)

    def late_approval() -> None:
        services_of(TENANT).store.write(Update(address.key, EXISTS, set=wanted(method_id, NOW)))

    tend(address, world(Told(known, late_approval)))
    # Then the row says what was learned: a token that is PENDING and not due is never asked for
    assert shop.token_of(method_id) == "ACTIVE" and "due_pk" not in shop.row(method_id)


def test_a_method_that_is_deleted_meanwhile_is_not_told_of(shop: Shop) -> None:
    method_id = shop.with_token()
    address = MethodAddress(TENANT, method_id)
    told = Told(TokenState(TokenStatus.SUSPENDED), lambda: shop.delete(method_id))
    tend(address, world(told))
    assert len(shop.events(method_id)) == 1
    assert "due_pk" in shop.row(method_id)
    shop.tick()
    assert shop.at_the_service(method_id)["status"] == "DELETED"


def test_that_a_token_lives_is_not_the_end_of_a_deleted_method(shop: Shop) -> None:
    method_id = shop.with_token()
    shop.delete(method_id)
    tend(MethodAddress(TENANT, method_id), world(Told(ACTIVE)))
    assert shop.row(method_id)["network_token"]["S"] == "ACTIVE"
    assert "due_pk" in shop.row(method_id)


def test_whoever_is_always_late_asks_again_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    method_id = shop.with_token()
    address, told = MethodAddress(TENANT, method_id), Told(ACTIVE)
    real = services_of(TENANT).store

    class Slow:
        """Somebody takes the turn between our read and our write."""

        def get(self, key: Any) -> Any:
            item = real.get(key)
            real.write(Update(key, EXISTS, add={"network_token_turn": 1}))
            return item

        def write(self, *writes: Any) -> None:
            real.write(*writes)

    slow = replace(world(told), store=Slow())  # type: ignore[arg-type]
    with pytest.raises(Contended):
        tend(address, slow)
    assert told.calls == 0
    assert int(shop.row(method_id)["network_token_turn"]["N"]) >= TURNS_MAX


def test_an_event_shows_whose_default_it_is_when_it_is_written(shop: Shop) -> None:
    # Given a customer whose default changes while the token service is asked
    method_id = shop.charged()
    address = MethodAddress(TENANT, method_id)
    other = shop.save("5555555555554444")

    def meanwhile() -> None:
        shop.stack.post(f"payment_methods/{other}/default", {})

    tend(address, world(Told(ACTIVE, meanwhile)))
    (event,) = shop.events(method_id)
    assert event["object"]["M"]["is_default"] == {"BOOL": False}


def test_a_default_that_changes_under_its_hands_is_read_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    method_id = shop.charged()
    other = shop.save("5555555555554444")
    real, changed = services_of(TENANT).store, list[bool]()

    class Changing:
        """The default changes between our read of the customer and our write."""

        def get(self, key: Any) -> Any:
            item = real.get(key)
            if key.sk == "CUSTOMER" and not changed:
                changed.append(True)
                shop.stack.post(f"payment_methods/{other}/default", {})
            return item

        def write(self, *writes: Any) -> None:
            real.write(*writes)

    changing = replace(world(Told(ACTIVE)), store=Changing())  # type: ignore[arg-type]
    tend(MethodAddress(TENANT, method_id), changing)
    (event,) = shop.events(method_id)
    assert changed and event["object"]["M"]["is_default"] == {"BOOL": False}


def test_who_cannot_say_leaves_it_due(shop: Shop) -> None:
    method_id = shop.charged()
    tend(MethodAddress(TENANT, method_id), world(Told(None)))
    row = shop.row(method_id)
    assert (row["network_token"]["S"], row["network_token_tries"]["N"]) == ("PENDING", "1")
    taken = take_turn(OnFile(ADDRESS, "tok_1", TokenStatus.PENDING), NOW)
    assert taken.set["due_at"] == "2026-11-22T09:01:00.000Z"


# --- what `charge` does of it --------------------------------------------------------------------


class Service:
    """A token service that says what it is told to say, and notes what it was asked."""

    timeout_seconds = 10

    def __init__(self, state: TokenState) -> None:
        self.state, self.asked = state, list[str]()

    def __getattr__(self, name: str) -> Any:
        def say(*_: Any) -> TokenState:
            self.asked.append(name)
            return self.state

        return say


TOKEN = IssuedToken(Pan("4000098000000001"), 12, 2035)
CARD = Card(Pan("4242424242424242"), 12, 2030)


def charge_tends(
    service: Service, row: Item, *, card: Any = CARD, holds_it: bool = False, **more: Any
) -> tuple[TokenState | None, list[str]]:
    done = list[str]()

    def note(what: str, value: Any) -> Any:
        def step(*_: Any) -> Any:
            done.append(what)
            return value

        return step

    values: dict[str, Any] = {
        "read": lambda key: ROW | row,
        "service": lambda: service,
        "claim": note("claim", None),
        "open_card": note("open", card),
        "holds": lambda _: holds_it,
        "keep": note("keep", True),
        "forget": note("forget", None),
        "seconds_left": lambda: 20.0,
    }
    return at_service(ADDRESS, AtService(**values | more)), done


def test_a_card_is_claimed_then_opened_and_its_token_kept() -> None:
    issued = TokenState(TokenStatus.ACTIVE, CardNow("4242", 12, 2030), TOKEN)
    state, done = charge_tends(Service(issued), {"network_token": "PENDING"})
    assert state == issued and done == ["claim", "open", "keep"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_token_that_could_not_be_kept_is_not_there_yet(kept: bool) -> None:
    issued = TokenState(TokenStatus.ACTIVE, None, TOKEN)
    state, _ = charge_tends(Service(issued), {"network_token": "PENDING"}, keep=lambda *_: kept)
    assert (state is not None) is kept


def test_an_answer_without_the_token_is_none() -> None:
    state, done = charge_tends(Service(ACTIVE), {"network_token": "PENDING"})
    assert state is None and "keep" not in done


def test_what_is_no_card_gets_no_token() -> None:
    service = Service(ACTIVE)
    wallet = WalletToken("apple_pay", "payload")
    state, _ = charge_tends(service, {"network_token": "PENDING"}, card=wallet)
    assert state == TokenState(TokenStatus.REFUSED) and service.asked == []


def test_without_the_time_for_an_answer_nothing_is_asked() -> None:
    service = Service(ACTIVE)
    state, done = charge_tends(service, {"network_token": "PENDING"}, seconds_left=lambda: 11.9)
    assert (state, done, service.asked) == (None, [], [])


@pytest.mark.parametrize(
    ("row", "said", "holds_it", "asked", "done"),
    [
        ({}, ACTIVE, True, ["look_up"], []),
        ({}, DELETED, True, ["look_up"], []),
        ({}, DELETED, False, ["provision"], ["claim", "open"]),
        ({"network_token": "PENDING"}, DELETED, True, ["provision"], ["claim", "open"]),
        ({"network_token": "DELETED", "due_pk": "p"}, ACTIVE, True, [], ["forget"]),
        ({"deleted_at": "t"}, DELETED, True, ["delete"], ["forget"]),
        ({"deleted_at": "t"}, ACTIVE, True, ["delete"], []),
        ({"network_token": "REFUSED"}, ACTIVE, False, [], []),
    ],
)
def test_each_step_asks_one_thing(
    row: Item, said: TokenState, holds_it: bool, asked: list[str], done: list[str]
) -> None:
    service = Service(said)
    _, did = charge_tends(service, row, holds_it=holds_it)
    assert (service.asked, did) == (asked, done)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: CardNow("42424", 12, 2030),
        lambda: CardNow("4242424242424242", 12, 2030),
        lambda: CardNow("４２４２", 12, 2030),
        lambda: CardNow("4242", 13, 2030),
        lambda: IssuedToken(Pan("123456789012"), 12, 2030),
        lambda: IssuedToken(Pan("4" * 20), 12, 2030),
        lambda: IssuedToken(Pan("400009800000000x"), 12, 2030),
        lambda: IssuedToken(Pan("4000098000000001"), 0, 2030),
        lambda: IssuedToken(Pan("4000098000000001"), 12, 99),
    ],
)
def test_a_service_cannot_make_us_keep_what_is_none(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"digits|month"):
        wrong()


def test_neither_number_nor_cryptogram_shows() -> None:
    issued = TokenState(TokenStatus.ACTIVE, None, TOKEN)
    assert TOKEN.number.reveal() not in repr(issued) + str(issued) + repr(TOKEN)
    assert issued.to_item() == {"status": "ACTIVE", "card": None}
    assert TokenState.from_item(ACTIVE.to_item()) == ACTIVE
