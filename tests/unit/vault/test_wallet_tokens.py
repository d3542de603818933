"""POST /v1/tokens for wallets: the shape is checked, the payload is sealed, and nobody reads it."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.clock import from_text, later
from farthing.errors import FarthingError
from farthing.store.scope import TenantScope
from farthing.vault import kms
from farthing.vault.envelope import Purpose, TokenRef, seal, unseal
from farthing.vault.open import CardUnreadable, forget_wallet, open_source
from farthing.vault.rows import card_key
from farthing.vault.source import WalletToken
from farthing.vault.typed_wallet import TypedWallet, Wallet, check
from farthing.vault.wallet_row import PAYLOAD_LIFE_SECONDS
from farthing_sandbox import wallets
from tests.support import lambdas
from tests.support.methods import sepa, tokenised, wallet
from tests.support.vault import KeyRing, card

REF = TokenRef(TenantScope("mer_a", "test"), "tok_01kbe8z4qn7m3xw5rt9vkcd2hc")
APPLE = json.loads(wallets.apple_pay("approved"))
GOOGLE = json.loads(wallets.google_pay("approved"))


def rows(table: str) -> list[dict[str, Any]]:
    name = runtime.table_names()[table]
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=name)["Items"]
    return items


def without(document: dict[str, Any], path: str) -> str:
    """The payload without one of its members; what is inside `signedMessage` is a text."""
    whole = json.loads(json.dumps(document))
    parent, _, name = path.rpartition(".")
    if parent == "signedMessage":
        signed = json.loads(whole[parent])
        del signed[name]
        whole[parent] = json.dumps(signed)
    elif parent:
        del whole[parent][name]
    else:
        del whole[name]
    return json.dumps(whole)


@pytest.mark.usefixtures("vault")
class TestCreating:
    @pytest.mark.parametrize("name", ["APPLE_PAY", "GOOGLE_PAY"])
    def test_a_payload_becomes_a_token(self, name: str) -> None:
        body = wallet(name=name)
        answer = tokenised(body)
        assert answer.status == 201
        assert (answer.body["type"], answer.body["wallet"]) == ("WALLET", name)
        names = ("last_four", "card_brand", "exp_month", "exp_year", "name", "bank", "mandate")
        assert {answer.body[each] for each in names} == {None}
        ref = TokenRef(lambdas.principal().tenant, answer.body["token"])
        now = from_text(answer.body["created_at"])
        opened = open_source(runtime.system_store(), kms.unwrapper(ref.tenant), ref, now)
        assert opened == WalletToken(name, body["payload"])
        assert body["payload"] not in repr(opened)

    def test_it_is_nowhere_but_in_the_ciphertext(self) -> None:
        answer = tokenised(wallet())
        raw = json.dumps(
            [rows("vault"), rows("payments")], default=lambda blob: bytes(blob).decode("latin-1")
        )
        for secret in (wallets.MARK, APPLE["header"]["publicKeyHash"], APPLE["signature"]):
            assert secret not in raw and secret not in answer.text

    def test_it_is_unreadable_after_its_time_whether_it_was_swept_up_or_not(self) -> None:
        answer = tokenised(wallet())
        ref = TokenRef(lambdas.principal().tenant, answer.body["token"])
        end = from_text(later(from_text(answer.body["created_at"]), seconds=PAYLOAD_LIFE_SECONDS))
        (row,) = rows("vault")
        assert int(row["ttl"]["N"]) == int(end.timestamp())
        with pytest.raises(CardUnreadable):
            open_source(runtime.system_store(), kms.unwrapper(ref.tenant), ref, end)

    def test_it_is_forgotten_once_and_nothing_else_is(self) -> None:
        """IS_A_WALLET: what a token of another kind stands for is not deleted by this."""
        store = runtime.system_store()
        for body in (wallet(), sepa(), card()):
            ref = TokenRef(lambdas.principal().tenant, tokenised(body).body["token"])
            for _ in range(2):
                forget_wallet(store, ref)
            left = store.get(card_key(ref))
            assert (left is None) is (body.get("type") == "WALLET")

    @pytest.mark.parametrize(
        "changes",
        [
            {"payload": ""},
            {"payload": "{}"},
            {"payload": "[]"},
            {"payload": "null"},
            {"payload": "no json"},
            {"payload": '{"version": "EC_v1"'},
            {"payload": json.dumps(APPLE | {"data": "é"}, ensure_ascii=False)},
            {"payload": json.dumps(APPLE) + b"\\u0000".decode("unicode_escape")},
            {"payload": json.dumps(APPLE | {"more": "x" * 8192})},
            {"payload": json.dumps(APPLE | {"data": ""})},
            {"payload": json.dumps(APPLE | {"data": 7})},
            {"payload": json.dumps(APPLE | {"header": "none"})},
            {"payload": json.dumps(APPLE | {"version": "RSA_v1"})},
            {"payload": wallets.google_pay("approved")},
            {"payload": APPLE},
            {"wallet": "SAMSUNG_PAY"},
            {"wallet": None},
            {"cvc": "123"},
        ],
    )
    def test_wrong_input_is_named_changes_nothing_and_is_not_repeated(
        self, changes: dict[str, Any]
    ) -> None:
        answer = tokenised(wallet() | changes)
        assert answer.status == 400
        (name,) = changes
        assert name in {problem["field"] for problem in answer.body["fields"]}
        assert wallets.MARK not in answer.text and "x" * 20 not in answer.text
        assert rows("vault") == [] and rows("payments") == []

    @pytest.mark.parametrize(
        ("name", "path"),
        [
            *(("APPLE_PAY", name) for name in ("version", "data", "signature", "header")),
            ("APPLE_PAY", "header.ephemeralPublicKey"),
            ("APPLE_PAY", "header.publicKeyHash"),
            ("APPLE_PAY", "header.transactionId"),
            *(("GOOGLE_PAY", name) for name in ("protocolVersion", "signature", "signedMessage")),
            ("GOOGLE_PAY", "intermediateSigningKey"),
            ("GOOGLE_PAY", "intermediateSigningKey.signedKey"),
            ("GOOGLE_PAY", "signedMessage.encryptedMessage"),
            ("GOOGLE_PAY", "signedMessage.ephemeralPublicKey"),
            ("GOOGLE_PAY", "signedMessage.tag"),
        ],
    )
    def test_a_member_that_is_missing_is_named(self, name: str, path: str) -> None:
        document = APPLE if name == "APPLE_PAY" else GOOGLE
        answer = tokenised(wallet(name=name, payload=without(document, path)))
        (problem,) = answer.body["fields"]
        assert problem["field"] == "payload"
        assert problem["message"].startswith(f"lacks {path.split('.')[0]}")


def test_other_versions_have_other_members() -> None:
    """An RSA payload of Apple's has a wrapped key, one of Google's first version no signing key."""
    header = {"wrappedKey": "k", "publicKeyHash": "h", "transactionId": "t"}
    rsa = APPLE | {"version": "RSA_v1", "header": header}
    check(TypedWallet(Wallet.APPLE_PAY, json.dumps(rsa)), livemode=False)
    first = {name: value for name, value in GOOGLE.items() if name != "intermediateSigningKey"}
    first["protocolVersion"] = "ECv1"
    check(TypedWallet(Wallet.GOOGLE_PAY, json.dumps(first)), livemode=False)


@pytest.mark.parametrize("wallet_", list(Wallet))
@pytest.mark.parametrize("word", [*wallets.BEHAVIOURS, "anything"])
def test_test_payloads_are_refused_in_live_mode(wallet_: Wallet, word: str) -> None:
    make = wallets.apple_pay if wallet_ is Wallet.APPLE_PAY else wallets.google_pay
    check(TypedWallet(wallet_, make(word)), livemode=False)
    with pytest.raises(FarthingError) as refused:
        check(TypedWallet(wallet_, make(word)), livemode=True)
    assert "test wallet" in refused.value.fields[0].message


@pytest.mark.parametrize("document", [APPLE, GOOGLE])
def test_a_real_payload_is_taken_in_live_mode(document: dict[str, Any]) -> None:
    real = json.loads(json.dumps(document).replace(wallets.MARK, "c2FuZGJveA"))
    wallet_ = Wallet.APPLE_PAY if document is APPLE else Wallet.GOOGLE_PAY
    check(TypedWallet(wallet_, json.dumps(real)), livemode=True)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8192))
def test_all_payloads_make_ciphertexts_of_one_length_and_open(secret: str) -> None:
    ring = KeyRing()
    envelope = seal(secret, Purpose.WALLET, REF, ring, os.urandom)
    assert len(envelope.ciphertext) == 8192 + 16
    assert unseal(envelope, Purpose.WALLET, REF, ring) == secret
