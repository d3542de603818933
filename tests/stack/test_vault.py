"""The vault's keys with real roles, real key policies and the real command line."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from farthing_cli import seed
from farthing_cli.access_table import AccessTable
from farthing_cli.seed import Merchant
from tests.stack.live import APPROVED, Answer, Live
from tests.stack.test_roles import Probe

WAIT = "15m1s"
CONTEXT = {"purpose": "probe"}
CARD_REWRAPPED = re.compile(r"\b[12] REWRAPPED")
CARD_SEALED_ANEW = re.compile(r"\b[12] REENCRYPTED")
"""The card, and its network token if the minute's tick came meanwhile."""


class Shop:
    """A merchant of its own, so that no other test loses its key."""

    def __init__(self, live: Live, merchant: Merchant) -> None:
        self.live, self.id, self._merchant = live, merchant.merchant_id, merchant

    def post(self, path: str, body: Any) -> Answer:
        return self.live.post(path, body, secret=self._merchant.secret_key)

    def token(self) -> str:
        card = {"number": APPROVED, "exp_month": 12, "exp_year": 2040, "cvc": "987"}
        secret = self._merchant.publishable_key
        answer = self.live.call("POST", "/v1/tokens", card, secret=secret, base="tokens_url")
        assert answer.status == 201, answer.text
        token: str = answer.body["token"]
        return token

    def save(self) -> str:
        customer = self.post("customers", {}).body["customer_id"]
        answer = self.post("payment_methods", {"customer_id": customer, "token": self.token()})
        method_id: str = answer.body["method_id"]
        return method_id

    def pay(self, method_id: str) -> str:
        body = {"amount_cents": 500, "currency": "eur", "confirm": True}
        answer = self.post("payment_intents", body | {"payment_method_id": method_id})
        status: str = answer.body.get("status") or answer.text
        return status

    def vault(self, *arguments: str) -> str:
        return self.live.farthing("vault", *arguments)

    def new_key(self) -> str:
        return re.findall(r"arn:aws:kms:\S+", self.vault("new-key", "--merchant", self.id))[0]

    def rewrap(self) -> str:
        return self.vault("rewrap", "--merchant", self.id, "--apply")


@pytest.fixture
def shop(live: Live) -> Shop:
    """A new merchant on the running stack."""
    return Shop(live, seed.merchant(AccessTable.of(None), "Vault"))


@pytest.fixture
def probe(live: Live) -> Iterator[Probe]:
    made = Probe(live)
    yield made
    made.remove()


def test_a_key_comes_and_another_goes_and_the_card_pays_all_the_time(
    live: Live, shop: Shop
) -> None:
    # Given a saved card under the stack's key
    kms, method_id = live.aws("kms"), shop.save()
    assert shop.pay(method_id) == "SUCCEEDED"
    # When its merchant gets a key of its own, and then another one
    first = shop.new_key()
    assert shop.pay(method_id) == "SUCCEEDED"
    assert CARD_REWRAPPED.search(shop.rewrap())
    assert shop.pay(method_id) == "SUCCEEDED"
    second = shop.new_key()
    assert "Try again at" in live.run("vault", "retire-key", first).stderr
    live.advance(WAIT)
    assert "rows are under it" in live.run("vault", "retire-key", first, "--apply", "--yes").stderr
    assert CARD_REWRAPPED.search(shop.rewrap())
    # Then the one before can go, and the card pays under the other
    assert "is deleted at" in shop.vault("retire-key", first, "--apply", "--yes", "--days", "7")
    assert kms.describe_key(KeyId=first)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert shop.pay(method_id) == "SUCCEEDED"
    assert first.rsplit("/", 1)[-1] in shop.vault("keys")
    # When it is sealed anew, Then it pays as well
    assert CARD_SEALED_ANEW.search(shop.vault("reencrypt", "--merchant", shop.id, "--apply"))
    assert shop.pay(method_id) == "SUCCEEDED"
    assert second != first


def test_a_merchant_leaves_and_nobody_opens_its_cards(live: Live, shop: Shop) -> None:
    method_id = shop.save()
    assert shop.pay(method_id) == "SUCCEEDED"
    own = shop.new_key()
    shop.rewrap()
    leave = ("vault", "offboard", "--merchant", shop.id, "--apply", "--yes")
    assert "Try again at" in live.run(*leave).stderr
    live.advance(WAIT)
    assert "is deleted at" in live.farthing(*leave)
    state = live.aws("kms").describe_key(KeyId=own)["KeyMetadata"]["KeyState"]
    assert state == "PendingDeletion"
    assert "to be deleted already" in live.farthing(*leave)


def test_a_token_that_nobody_used_is_purged(live: Live, shop: Shop) -> None:
    token = shop.token()
    key = {"pk": {"S": f"{shop.id}#test#TOK#{token}"}, "sk": {"S": "CARD"}}
    table = _environment(live, "charge")["VAULT_TABLE"]
    dynamodb = live.aws("dynamodb")
    assert "Item" in dynamodb.get_item(TableName=table, Key=key)
    live.advance("31m")
    assert json.loads(live.farthing("purge"))["odd"] == 0
    assert "Item" not in dynamodb.get_item(TableName=table, Key=key)


def test_a_key_that_is_made_later_is_used_by_whom_the_templates_is(
    live: Live, shop: Shop, probe: Probe
) -> None:
    # Given a merchant's key, and a data key that `tokens` made under it
    own, template = shop.new_key(), probe.environment("tokens")["VAULT_KEY_ID"]
    make = ["make", "kms", "generate_data_key", {"KeyId": own, "KeySpec": "AES_256"}]
    made = probe.as_("tokens", [make])
    assert made["said"] == {"make": None}
    blob = made["ciphertext"]
    decrypt = ["decrypt", "kms", "decrypt", {"KeyId": own, "CiphertextBlob": blob}]
    move = {"SourceKeyId": own, "DestinationKeyId": template, "CiphertextBlob": blob}
    rewrap = ["rewrap", "kms", "re_encrypt", move]
    encrypt = ["encrypt", "kms", "encrypt", {"KeyId": own, "Plaintext": "x"}]
    # When each function tries what it may not
    denied = "AccessDeniedException"
    said = probe.as_("charge", [decrypt, make, rewrap, encrypt])["said"]
    assert said == {"decrypt": None, "make": None, "rewrap": denied, "encrypt": denied}
    said = probe.as_("vault_keeper", [rewrap, decrypt, make, encrypt])["said"]
    assert said == {"rewrap": None, "decrypt": denied, "make": denied, "encrypt": denied}
    said = probe.as_("tokens", [decrypt, rewrap])["said"]
    assert said == {"decrypt": denied, "rewrap": denied}
    for function in ("vault_purge", "payment_intents", "resolve_unknown"):
        said = probe.as_(function, [decrypt, make, rewrap])["said"]
        assert set(said.values()) == {denied}, function


def test_the_keeper_reaches_no_key_that_does_not_name_it(live: Live, probe: Probe) -> None:
    """Somebody's own key, to which they would like the cards to come."""
    kms, template = live.aws("kms"), probe.environment("tokens")["VAULT_KEY_ID"]
    theirs = kms.create_key()["KeyMetadata"]["Arn"]
    make = ["make", "kms", "generate_data_key", {"KeyId": template, "KeySpec": "AES_256"}]
    blob = probe.as_("tokens", [make])["ciphertext"]
    move = {"SourceKeyId": template, "DestinationKeyId": theirs, "CiphertextBlob": blob}
    said = probe.as_("vault_keeper", [["rewrap", "kms", "re_encrypt", move]])["said"]
    kms.schedule_key_deletion(KeyId=theirs, PendingWindowInDays=7)
    assert said == {"rewrap": "AccessDeniedException"}


def test_the_keeper_and_the_purge_touch_what_is_theirs(probe: Probe) -> None:
    charge = probe.environment("charge")
    vault, payments = charge["VAULT_TABLE"], charge["PAYMENTS_TABLE"]
    row = {"pk": {"S": "mer_x#test#PI#pi_x"}, "sk": {"S": "INTENT"}}
    card = {"pk": {"S": "mer_x#test#TOK#tok_x"}, "sk": {"S": "CARD"}}
    read_card = ["read a card", "dynamodb", "get_item", {"TableName": vault, "Key": card}]
    delete_card = ["delete a card", "dynamodb", "delete_item", {"TableName": vault, "Key": card}]
    put = {"TableName": vault, "Item": card}
    put_card = ["put a card", "dynamodb", "put_item", put]
    pay = ["change a payment", "dynamodb", "put_item", {"TableName": payments, "Item": row}]
    secret = {"SecretId": charge["ACQUIRER_SECRET_ID"]}
    acquirer = ["read the secret", "secretsmanager", "get_secret_value", secret]
    said = probe.as_("vault_keeper", [read_card, delete_card, put_card, pay, acquirer])["said"]
    assert set(said.values()) == {"AccessDeniedException"}
    said = probe.as_("vault_purge", [delete_card, read_card, put_card, pay, acquirer])["said"]
    assert said.pop("delete a card") is None
    assert set(said.values()) == {"AccessDeniedException"}


def test_reencrypt_of_the_emulator_answers_as_kms_does(live: Live) -> None:
    kms = live.aws("kms")
    one, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    made = kms.generate_data_key(KeyId=one, KeySpec="AES_256", EncryptionContext=CONTEXT)
    told = kms.re_encrypt(
        CiphertextBlob=made["CiphertextBlob"],
        SourceKeyId=one,
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=other,
        DestinationEncryptionContext=CONTEXT,
    )
    assert (told["SourceKeyId"], told["KeyId"]) == (one, other)
    blob = {"CiphertextBlob": told["CiphertextBlob"], "EncryptionContext": CONTEXT}
    assert kms.decrypt(KeyId=other, **blob)["Plaintext"] == made["Plaintext"]
    for key in (one, other):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def _environment(live: Live, function: str) -> dict[str, str]:
    found = live.aws("lambda").get_function_configuration(
        FunctionName=f"{live.dev['stack_name']}-{function}"
    )
    variables: dict[str, str] = found["Environment"]["Variables"]
    return variables


def test_the_keeper_is_asked_by_hand(live: Live) -> None:
    name = f"{live.dev['stack_name']}-vault_keeper"
    answer = live.aws("lambda").invoke(FunctionName=name, Payload=b"{}")
    assert "count" in json.load(io.BytesIO(answer["Payload"].read()))["error"]
