"""Keys and cards in the simulator: the checks can fail, and what is said to happen does."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError

from farthing.clock import from_text
from tests.simulation import profiles
from tests.simulation.acquirer_faults import Behaviour
from tests.simulation.aws.kms import ARN, DAY_SECONDS, Keys
from tests.simulation.aws.table import WriteRecord
from tests.simulation.custodian import Custodian
from tests.simulation.faults import Faults
from tests.simulation.gateway import KEPT_SECONDS
from tests.simulation.invariants import text
from tests.simulation.receiver import Manners
from tests.simulation.run import Run, begin
from tests.simulation.scenarios import GOLDEN, TOKENED, Stage
from tests.simulation.vault_watch import VaultWatch, cards_are_there, envelope_of
from tests.simulation.violation import Violation
from tests.support.lambdas import MERCHANT

Item = dict[str, Any]


@cache
def played() -> tuple[Run, list[Custodian]]:
    """The golden path of the keys, at its end, and who looked after them."""
    run = begin(
        0, faults=Faults(), scenario=GOLDEN["keys"], behaviour=Behaviour(), manners=Manners()
    )
    custodians: list[Custodian] = []
    real = Stage.custodian

    def custodian(stage: Stage, merchant_id: str = MERCHANT) -> Custodian:
        custodians.append(real(stage, merchant_id))
        return custodians[-1]

    run.stage.custodian = custodian.__get__(run.stage)  # type: ignore[method-assign]
    with run.world:
        run.play()
    return run, custodians


def rows(table: str) -> dict[Any, Item]:
    found: dict[Any, Item] = played()[0].world.tables.tables[table].rows
    return found


def cards() -> list[tuple[Any, Item]]:
    return [(key, row) for key, row in rows("vault").items() if text(row, "entity") == "card"]


# --- what happens --------------------------------------------------------------------------------


def test_the_golden_path_ends_with_one_key_less_and_every_saved_card_under_the_last() -> None:
    run, (custodian,) = played()
    first, second = custodian.given
    assert custodian.retired == [first]
    assert run.world.keys.is_usable(second) and not run.world.keys.is_usable(first)
    mine = [row for key, row in cards() if key[0].startswith(MERCHANT)]
    assert {envelope_of(row)["wrapped_by"] for row in mine} == {second}
    assert len(mine) == 2 + TOKENED and all("sealed_at" in row for row in mine)


def test_tokens_that_nobody_used_are_purged_and_their_cvcs() -> None:
    """Cards, accounts and wallets."""
    left = rows("vault").values()
    saved = {"card", "bank_account", "network_token", "audit"}
    assert {text(row, "entity") for row in left} == saved
    stocks = played()[0].setting.stocks.values()
    tokens = {token for stock in stocks for token in (*stock.tokens, *stock.wallets)}
    tokens |= {one for stock in stocks for many in stock.accounts.values() for one in many}
    kept = {text(row, "token") for row in left if text(row, "entity") != "audit"}
    assert tokens and not tokens & kept


@pytest.mark.parametrize("profile", profiles.OF_CARDS, ids=lambda profile: profile.name)
def test_a_profile_does_what_it_is_named_after(profile: profiles.Profile) -> None:
    done = {"re_encrypt": 0, "generate_data_key": 0, "delete_item(vault)": 0, "faults": 0}
    for seed in range(6):
        run = begin(seed, **profile.arguments(seed))
        with run.world:
            run.play()
        for call in run.world.calls:
            for name in done:
                done[name] += call.endswith(name)
        done["faults"] += sum(1 for _, what in run.world.coverage.counts if what != "reached")
    assert done["faults"] > 3
    rotates = "key" in profile.name
    assert done["re_encrypt" if rotates else "delete_item(vault)"] > 20
    assert not rotates or done["generate_data_key"] > 5


def test_the_gateway_knows_a_merchants_key_a_minute_late() -> None:
    run = begin(1, faults=Faults(), behaviour=Behaviour(), manners=Manners())
    told: list[dict[str, str]] = []

    def work() -> None:
        authorizer, custodian = run.world.authorizer, run.stage.custodian()
        told.append(authorizer.settings(MERCHANT, "test"))
        custodian.give()
        run.world.scheduler.sleep(KEPT_SECONDS - 1)
        told.append(authorizer.settings(MERCHANT, "test"))
        run.world.scheduler.sleep(1)
        told.append(authorizer.settings(MERCHANT, "test"))

    with run.world:
        run.world.spawn("custodian", work)
        run.world.run(seconds=KEPT_SECONDS * 2)
    keys = [json.loads(one["settings"])["vault_key_id"] for one in told]
    assert keys[:2] == [None, None]
    assert keys[2]


def test_a_key_to_be_deleted_is_gone_after_its_days() -> None:
    clock = [0.0]
    keys = Keys(b"x", lambda: clock[0])
    key = keys.create_key()
    made = keys.generate_data_key(KeyId=key, NumberOfBytes=32)["CiphertextBlob"]
    assert keys.delete(ARN + key, 7) == keys.delete(key, 30) == 7 * DAY_SECONDS
    codes = []
    for at in (0.0, 7 * DAY_SECONDS - 1, 7 * DAY_SECONDS):
        clock[0] = at
        with pytest.raises(ClientError) as refused:
            keys.decrypt(CiphertextBlob=made, KeyId=key)
        codes.append(refused.value.response["Error"]["Code"])
    assert codes == [*["KMSInvalidStateException"] * 2, "NotFoundException"]
    with pytest.raises(ValueError, match="6 days"):
        keys.delete(key, 6)


# --- the checks can fail: at rest ----------------------------------------------------------------


def at_rest(
    change: Callable[[dict[Any, Item], dict[Any, Item]], None] = lambda payments, vault: None,
) -> list[str]:
    """What is wrong with the cards of the golden path, after a change."""
    run, _ = played()
    payments, vault = dict(rows("payments")), dict(rows("vault"))
    change(payments, vault)
    found = cards_are_there(payments.values(), vault, run.world.keys, run.setting.canaries.numbers)
    return [str(violation) for violation in found]


def with_envelope(row: Item, **changes: Any) -> Item:
    return {**row, "envelope": {"M": row["envelope"]["M"] | changes}}


def test_the_golden_path_breaks_nothing() -> None:
    assert at_rest() == []


def test_a_card_that_is_lost() -> None:
    key, _ = cards()[0]
    (said,) = at_rest(lambda payments, vault: vault.pop(key) and None)
    assert "a face, and no card" in said


def test_a_card_that_nobody_will_purge() -> None:
    _, card = cards()[0]

    def change(payments: dict[Any, Item], vault: dict[Any, Item]) -> None:
        for key, row in list(payments.items()):
            if text(row, "entity") == "card_face" and text(row, "token") == text(card, "token"):
                del payments[key]

    (said,) = at_rest(change)
    assert "a card, and no face" in said


def test_a_card_under_a_key_that_went() -> None:
    (key, card), (_, (custodian,)) = cards()[0], played()

    def change(payments: dict[Any, Item], vault: dict[Any, Item]) -> None:
        vault[key] = with_envelope(card, wrapped_by={"S": custodian.retired[0]})

    (said,) = at_rest(change)
    assert "cannot be used" in said


@pytest.mark.parametrize("part", ["ciphertext", "nonce", "wrapped_key"])
def test_a_card_that_does_not_open(part: str) -> None:
    (key, card), (_, other) = cards()[:2]

    def change(payments: dict[Any, Item], vault: dict[Any, Item]) -> None:
        vault[key] = with_envelope(card, **{part: other["envelope"]["M"][part]})

    (said,) = at_rest(change)
    assert "does not open" in said


# --- the checks can fail: at a write -------------------------------------------------------------


def watched(process: str | None = "charge#1") -> VaultWatch:
    run, _ = played()
    now = run.world.scheduler.now
    payments = rows("payments").values()
    return VaultWatch(
        lambda: run.watch, lambda: payments, run.world.keys, lambda: now, lambda: process
    )


def broken(*records: WriteRecord, watch: VaultWatch | None = None) -> str:
    with pytest.raises(Violation) as violation:
        (watch or watched())(records)
    return str(violation.value)


def test_what_changes_an_envelope() -> None:
    (key, card), (_, (custodian,)) = cards()[0], played()
    template = ARN + played()[0].world.key_id("VaultKey")
    rewrapped = with_envelope(card, wrapped_by={"S": template})
    anew = with_envelope(card, ciphertext={"B": b"anew"})
    gone = with_envelope(card, wrapped_by={"S": custodian.retired[0]})
    moved = with_envelope(anew, wrapped_by={"S": template})
    half = {name: value for name, value in rewrapped.items() if name != "token"}
    for good in (rewrapped, anew):
        watched()([WriteRecord("vault", key, card, good)])
    assert "to be deleted" in broken(WriteRecord("vault", key, card, gone))
    assert "under another key" in broken(WriteRecord("vault", key, card, moved))
    assert "no whole row" in broken(WriteRecord("vault", key, None, half))
    other = {**rewrapped, "exp_year": {"N": "2099"}}
    assert "exp_year" in broken(WriteRecord("vault", key, card, other))
    watch = watched()
    watch([WriteRecord("vault", key, card, anew)])
    assert "came back" in broken(WriteRecord("vault", key, anew, card), watch=watch)


def faces() -> dict[str, tuple[Any, Item]]:
    return {
        text(row, "token"): (key, row)
        for key, row in rows("payments").items()
        if text(row, "entity") == "card_face"
    }


def test_what_deletes_a_card() -> None:
    key, card = cards()[0]
    face_key, face = faces()[text(card, "token")]
    deleted = WriteRecord("vault", key, card, None)
    assert "its face stays" in broken(deleted)
    assert "is saved" in broken(WriteRecord("payments", face_key, face, None), deleted)
    now = played()[0].world.scheduler.now
    late = {"S": "2099-01-01T00:00:00.000Z"}
    token = {name: value for name, value in face.items() if name != "claimed_by"}
    young = WriteRecord("payments", face_key, token | {"expires_at": late}, None)
    assert "lives until" in broken(young, deleted)
    over = {"S": "2026-01-01T00:00:00.000Z"}
    assert from_text(over["S"]).timestamp() < now
    watched()([WriteRecord("payments", face_key, token | {"expires_at": over}, None), deleted])


def test_what_deletes_a_card_that_may_still_be_sent() -> None:
    key, card = cards()[0]
    face_key, face = faces()[text(card, "token")]
    run, _ = played()
    payment = next(iter(run.watch.payments.values()))
    operation_id, operation = next(iter(payment.operations.items()))
    payment.operations[operation_id] = operation | {
        "state": {"S": "UNKNOWN"},
        "token": card["token"],
    }
    try:
        records = (
            WriteRecord("payments", face_key, face, None),
            WriteRecord("vault", key, card, None),
        )
        assert "may still need it" in broken(*records)
    finally:
        payment.operations[operation_id] = operation


def test_an_opening_without_an_audit_row() -> None:
    _, card = cards()[0]
    context = {"purpose": "pan", "token": text(card, "token")}
    audit = {"entity": {"S": "audit"}, "purpose": {"S": "REENCRYPT"}, "token": card["token"]}
    put = WriteRecord("vault", ("AUDIT", "1"), None, audit)
    for who, good in (("charge#1", True), (None, True), ("charge#2", False)):
        process: list[str | None] = [who]
        watch = watched()
        watch._process = lambda process=process: process[0]  # type: ignore[misc]
        watch([put])
        process[0] = "charge#1"
        if good:
            watch.opened(context)
            continue
        with pytest.raises(Violation, match="no audit row"):
            watch.opened(context)
    watched().opened(context | {"purpose": "cvc"})
    watched(None).opened(context)
