"""POST /v1/tokens for bank accounts: what is accepted and written, and what never comes back."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.access.principal import KeyKind, Mode, Principal
from farthing.clock import from_text
from farthing.errors import FarthingError
from farthing.store.scope import TenantScope
from farthing.vault.account_row import account_item, open_account
from farthing.vault.envelope import EnvelopeRefused, Purpose, TokenRef, seal, unseal
from farthing.vault.mandate import Mandate, mandate_reference
from farthing.vault.open import open_source
from farthing.vault.pan import Pan
from farthing.vault.sandbox_numbers import TEST_ACCOUNTS
from farthing.vault.source import BankAccount
from farthing.vault.tokenise import Fingerprinted
from farthing.vault.typed_account import TypedAccount, check, passes_aba
from farthing_sandbox import banks
from tests.support import lambdas, methods
from tests.support.methods import ach, sepa, tokenised
from tests.support.vault import KeyRing

NOW = from_text("2026-11-22T09:00:00Z")
REF = TokenRef(TenantScope("mer_a", "test"), "tok_01kbe8z4qn7m3xw5rt9vkcd2hc")
IBAN = "FR1420041010050500013M02606"
KNOWN = Fingerprinted(b"m", "1", None)


def rows(table: str) -> list[dict[str, Any]]:
    name = runtime.table_names()[table]
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=name)["Items"]
    return items


def fields_of(body: dict[str, Any]) -> set[str]:
    return {problem["field"] for problem in body["fields"]}


@pytest.mark.usefixtures("vault")
class TestCreating:
    def test_an_iban_becomes_a_token(self) -> None:
        answer = tokenised(sepa("fr14 2004 1010 0505 0001 3m02 606"))

        assert answer.status == 201
        body = answer.body
        assert (body["type"], body["last_four"], body["name"]) == ("BANK", "2606", "Ada Lovelace")
        assert body["card_brand"] is body["exp_month"] is body["exp_year"] is None
        assert body["bank"] == {"scheme": "SEPA", "country": "FR", "account_type": None}
        assert body["wallet"] is None
        assert body["mandate"] == {
            "reference": mandate_reference(body["token"]),
            "accepted_at": "2026-05-04T08:00:00.000Z",
            "ip_address": "203.0.113.7",
        }
        assert len(body["mandate"]["reference"]) == 26
        assert "2004" not in answer.text and "cvc" not in answer.text

    def test_an_american_account_becomes_one_too(self) -> None:
        body = tokenised(ach("12345678901234567")).body
        assert (body["last_four"], body["bank"]["scheme"]) == ("4567", "ACH")
        assert body["bank"] == {"scheme": "ACH", "country": "US", "account_type": "CHECKING"}
        savings = tokenised(ach(account_type="SAVINGS")).body
        assert savings["bank"]["account_type"] == "SAVINGS"

    def test_who_makes_a_token_in_a_browser_is_who_agrees(self) -> None:
        mandate = {"accepted_at": "2026-05-04T08:00:00Z"}
        browser = tokenised(sepa(mandate=mandate)).body["mandate"]
        server = tokenised(sepa(mandate=mandate), kind=KeyKind.SECRET).body["mandate"]
        assert (browser["ip_address"], server["ip_address"]) == ("203.0.113.7", None)

    def test_a_browser_cannot_say_from_where_it_agreed(self) -> None:
        mandate = {"accepted_at": "2026-05-04T08:00:00Z", "ip_address": "198.51.100.9"}
        browser = tokenised(sepa(mandate=mandate)).body["mandate"]
        server = tokenised(sepa(mandate=mandate), kind=KeyKind.SECRET).body["mandate"]
        assert (browser["ip_address"], server["ip_address"]) == ("203.0.113.7", "198.51.100.9")

    def test_the_number_is_nowhere_but_in_the_ciphertext(self) -> None:
        answer = tokenised(sepa(IBAN))
        raw = json.dumps(
            [rows("vault"), rows("payments")], default=lambda blob: bytes(blob).decode("latin-1")
        )
        runs = {IBAN[at : at + 5] for at in range(len(IBAN) - 4)}
        assert not [run for run in runs if run in raw or run in answer.text]
        ref = TokenRef(lambdas.principal().tenant, answer.body["token"])
        opened = open_source(runtime.system_store(), _kms(ref), ref, NOW)
        assert isinstance(opened, BankAccount)
        assert (opened.number.reveal(), opened.routing_number) == (IBAN, None)
        assert opened.holder == "Ada Lovelace"
        assert opened.mandate == Mandate(**answer.body["mandate"])
        assert IBAN not in repr(opened) and "Lovelace" not in repr(opened)

    def test_a_number_and_its_routing_number_come_back_as_they_went_in(self) -> None:
        answer = tokenised(ach("0044"))
        ref = TokenRef(lambdas.principal().tenant, answer.body["token"])
        opened = open_source(runtime.system_store(), _kms(ref), ref, NOW)
        assert isinstance(opened, BankAccount)
        assert (opened.number.reveal(), opened.routing_number) == ("0044", methods.ROUTING_NUMBER)
        assert opened.account_type == "CHECKING"

    def test_the_same_account_has_the_same_fingerprint_and_other_merchants_another(self) -> None:
        def fingerprints(merchant_id: str) -> set[str]:
            for _ in range(2):
                tokenised(sepa(IBAN), merchant_id=merchant_id)
            faces = [row for row in rows("payments") if row["pk"]["S"].startswith(merchant_id)]
            return {face["fingerprint"]["S"] for face in faces}

        ours, theirs = fingerprints(lambdas.MERCHANT), fingerprints(lambdas.OTHER_MERCHANT)
        assert len(ours) == len(theirs) == 1 and ours != theirs

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            (sepa("DE89370400440532013001"), {"iban"}),
            (sepa("US64SVBKUS6S3300958879"), {"iban"}),
            (sepa(""), {"iban"}),
            (sepa("4242424242424242"), {"iban"}),
            (sepa(7), {"iban"}),  # type: ignore[arg-type]
            (ach("123"), {"account_number"}),
            (ach("1" * 18), {"account_number"}),
            (ach("12A4"), {"account_number"}),
            (ach("１２３４"), {"account_number"}),
            (ach(routing_number="123456789"), {"routing_number"}),
            (ach(routing_number="990000003"), {"routing_number"}),
            (ach(routing_number="11000000"), {"routing_number"}),
            (ach("123", routing_number="1"), {"account_number", "routing_number"}),
            (ach(account_type="OTHER"), {"account_type"}),
            (ach(account_number=None), {"body"}),
            (ach(routing_number=None), {"body"}),
            (ach(iban=methods.PAYS), {"body"}),
            (sepa(account_type="SAVINGS"), {"body"}),
            (sepa(holder_name=None), {"holder_name"}),
            (sepa(holder_name=" "), {"holder_name"}),
            (sepa(holder_name="x" * 71), {"holder_name"}),
            (sepa(holder_name="DE89 3704 0044 0532 0130 00"), {"holder_name"}),
            (sepa(mandate=None), {"mandate"}),
            (sepa(mandate={}), {"mandate.accepted_at"}),
            (sepa(mandate={"accepted_at": "today"}), {"mandate.accepted_at"}),
            (sepa(mandate={"accepted_at": "2026-05-04T08:00:00"}), {"mandate.accepted_at"}),
            (sepa(mandate={"accepted_at": "2999-01-01T00:00:00Z"}), {"mandate.accepted_at"}),
            (sepa(mandate={"accepted_at": "2019-01-01T00:00:00Z"}), {"mandate.accepted_at"}),
            (
                sepa(mandate={"accepted_at": "2026-05-04T08:00:00Z", "ip_address": "x"}),
                {"mandate.ip_address"},
            ),
            (sepa(cvc="123"), {"cvc"}),
            (sepa(number="4242424242424242"), {"number"}),
            (sepa() | {"type": "SAVINGS"}, {"type", "number", "exp_month", "exp_year", "iban"}),
        ],
    )
    def test_wrong_input_is_named_changes_nothing_and_is_not_repeated(
        self, body: dict[str, Any], fields: set[str]
    ) -> None:
        answer = tokenised(body)
        assert answer.status == 400
        assert fields <= fields_of(answer.body)
        assert rows("vault") == [] and rows("payments") == []
        number = str(body.get("iban") or body.get("account_number") or "none of them")
        assert len(number) < 5 or number not in answer.text

    def test_a_type_that_there_is_not_says_which_are(self) -> None:
        (problem,) = [p for p in tokenised({"type": "CASH"}).body["fields"] if p["field"] == "type"]
        assert problem["message"] == "is one of CARD, BANK, WALLET"


def _kms(ref: TokenRef) -> Any:
    from farthing.vault import kms

    return kms.unwrapper(ref.tenant)


def typed(iban: str, **more: Any) -> TypedAccount:
    return TypedAccount(Pan(iban), "Ada", "2026-05-04T08:00:00Z", **more)


@pytest.mark.parametrize("number", sorted(TEST_ACCOUNTS))
def test_test_accounts_are_refused_in_live_mode_and_taken_in_test_mode(number: str) -> None:
    routing, _, account = number.rpartition("/")
    one = typed(account, routing_number=Pan(routing) if routing else None)
    check(one, NOW, livemode=False)
    with pytest.raises(FarthingError) as refused:
        check(one, NOW, livemode=True)
    assert "test account" in refused.value.fields[0].message


def test_the_sandboxs_accounts_are_those_that_are_refused() -> None:
    american = {f"{banks.ROUTING_NUMBER}/{number}" for number in banks.ACCOUNTS}
    assert {*banks.IBANS, *american} == TEST_ACCOUNTS


def test_a_real_account_is_taken_in_live_mode() -> None:
    check(typed("DE89370400440532013000"), NOW, livemode=True)


@pytest.mark.parametrize(
    ("digits", "right"),
    [
        ("110000000", True),
        ("021000021", True),
        ("121000358", True),
        ("021000022", False),
        ("000000000", False),
        ("999999992", False),
    ],
)
def test_a_routing_number_checks_itself(digits: str, right: bool) -> None:
    assert passes_aba(digits) is right


@given(st.integers(0, 8), st.integers(1, 9), st.sampled_from(["021000021", "121000358"]))
def test_one_wrong_digit_of_a_routing_number_is_noticed(place: int, more: int, right: str) -> None:
    wrong = right[:place] + str((int(right[place]) + more) % 10) + right[place + 1 :]
    assert not passes_aba(wrong)


# --- sealed ---------------------------------------------------------------------------------------


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ/", min_size=1, max_size=34))
def test_all_accounts_make_ciphertexts_of_one_length_and_open(secret: str) -> None:
    ring = KeyRing()
    envelope = seal(secret, Purpose.BANK_ACCOUNT, REF, ring, os.urandom)
    assert len(envelope.ciphertext) == 34 + 16
    assert unseal(envelope, Purpose.BANK_ACCOUNT, REF, ring) == secret
    for other in (Purpose.PAN, Purpose.CVC, Purpose.WALLET):
        with pytest.raises(EnvelopeRefused):
            unseal(envelope, other, REF, ring)


@pytest.mark.parametrize("secret", ["", "A" * 35, "de89", "DE89 ", "１２"])
def test_nothing_else_is_sealed_as_one(secret: str) -> None:
    with pytest.raises(ValueError, match="bank_account"):
        seal(secret, Purpose.BANK_ACCOUNT, REF, KeyRing(), os.urandom)


def test_an_account_of_another_token_does_not_open() -> None:
    ring, account = KeyRing(), typed(IBAN)
    sealed = seal(account.secret(), Purpose.BANK_ACCOUNT, REF, ring, os.urandom)
    item = account_item(REF, account, sealed, Mandate("M", "2026"), KNOWN, NOW)
    assert open_account(item, REF, ring).number.reveal() == IBAN
    with pytest.raises(EnvelopeRefused):
        open_account(item, TokenRef(REF.tenant, "tok_other"), ring)


def test_nothing_of_what_is_typed_shows() -> None:
    account = typed(IBAN, routing_number=Pan("110000000"))
    assert IBAN not in repr(account) and "110000000" not in repr(account)
    assert "Ada" not in repr(account)
    principal = Principal("mer_a", Mode.TEST, KeyKind.SECRET, "k", frozenset())
    assert principal.livemode is False
