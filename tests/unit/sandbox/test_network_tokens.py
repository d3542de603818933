"""The token service, and what the acquirer takes and refuses of its tokens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks import Webhook

from farthing_sandbox import cards, runtime, token_service
from farthing_sandbox.token_rules import CRYPTOGRAM_SECONDS
from tests.unit.sandbox.conftest import SECRETS, signature
from tests.unit.sandbox.test_pending import Receiver, receiver  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

APPROVED = "4242424242424242"
REPLACED = "4000009900000129"
NO_TOKEN = "4000009900000145"
TOKEN_REFUSED = "4000009900000152"
ANSWER_LOST = "4000009900000160"
SUSPENDED = "4000009900000178"
SECRET = SECRETS["tokens"]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issuers act at once."""
    monkeypatch.setattr(token_service, "ISSUER_SECONDS", 0)


def asked(
    client: Client, method: str, path: str, body: object = None, secret: str = SECRET
) -> tuple[int, dict[str, Any]]:
    answer = client.send(method, f"/token_service/v1/{path}", body, secret=secret)
    if answer["body"]:
        assert answer["headers"]["Sandbox-Signature"] == signature(answer, secret)
    return answer["statusCode"], json.loads(answer["body"] or "{}")


def provision(client: Client, number: str = APPROVED, reference: str = "T1") -> Any:
    card = {"number": number, "exp_month": 12, "exp_year": 2030}
    body = {"reference": reference, "merchant_reference": "mer-1", "card": card}
    return asked(client, "POST", "tokens", body)


def cryptogram(client: Client, charge: dict[str, Any], token: str = "T1", **more: Any) -> str:
    """For a charge that is to be made."""
    names = ("reference", "amount_cents", "currency")
    body = {"token_reference": token, **{name: charge[name] for name in names}} | more
    status, told = asked(client, "POST", "cryptograms", body)
    assert status == 200, told
    assert {name: told[name] for name in body} == body
    return str(told["cryptogram"])


def by_token(client: Client, token: dict[str, Any], text: str, **fields: Any) -> dict[str, Any]:
    """A charge by a network token, without its number."""
    body = client.authorization(**fields)
    del body["card"]
    return body | {"network_token": token | {"cryptogram": text}}


def saved(client: Client, number: str = APPROVED) -> dict[str, Any]:
    """The mark of a later use of a card that was charged before."""
    first = client.authorize(number, stored_credential={"use": "FIRST", "initiator": "CUSTOMER"})
    assert first["status"] == "APPROVED"
    named = first["network_reference"]
    return {"use": "SUBSEQUENT", "initiator": "MERCHANT", "network_reference": named}


def token_charge(client: Client, number: str = APPROVED, **fields: Any) -> dict[str, Any]:
    """The answer to a charge of a saved card by its token."""
    _, told = provision(client, number)
    body = by_token(client, told["token"], "X", stored_credential=saved(client, number), **fields)
    body["network_token"]["cryptogram"] = cryptogram(client, body)
    return client.ask("/v1/authorizations", body)


def test_a_card_gets_a_token_whose_number_checks_like_a_card_and_is_kept_nowhere(
    client: Client,
) -> None:
    status, told = provision(client)
    assert (status, told["reference"], told["status"]) == (200, "T1", "ACTIVE")
    assert told["card"] == {"last_four": "4242", "exp_month": 12, "exp_year": 2030}
    number = told["token"]["number"]
    assert number.startswith(cards.TOKEN_RANGE) and cards.passes_luhn(number) and len(number) == 16
    assert (told["token"]["exp_month"], told["token"]["exp_year"]) == (12, 2035)
    stored = json.dumps(client.stored())
    assert number not in stored and APPROVED not in stored


def test_a_reference_gets_one_token_and_means_one_card(client: Client) -> None:
    first, again = provision(client), provision(client)
    assert first[1]["token"] == again[1]["token"]
    assert sum(row["pk"]["S"] == "TOKEN#T1" for row in client.stored()) == 1
    assert provision(client, reference="T2")[1]["token"] != first[1]["token"]
    status, refused = provision(client, "5555555555554444")
    assert (status, refused["error"]["code"]) == (409, "REFERENCE_REUSED")


def test_an_issuer_may_give_none(client: Client) -> None:
    _, told = provision(client, NO_TOKEN)
    assert (told["status"], told["token"], told["card"]) == ("REFUSED", None, None)
    assert provision(client, NO_TOKEN)[1] | {"as_of": ""} == told | {"as_of": ""}
    body = {"token_reference": "T1", "reference": "R", "amount_cents": 1, "currency": "eur"}
    status, refused = asked(client, "POST", "cryptograms", body)
    assert (status, refused["error"]["code"]) == (409, "TOKEN_NOT_ACTIVE")
    assert (refused["token_reference"], refused["reference"]) == ("T1", "R")


def test_a_look_up_shows_no_number_and_says_what_is_not_there(client: Client) -> None:
    provision(client)
    status, told = asked(client, "GET", "tokens/T1")
    assert (status, told["status"], told["token"]) == (200, "ACTIVE", None)
    status, nothing = asked(client, "GET", "tokens/T9")
    assert (status, nothing["error"]["code"], nothing["reference"]) == (404, "NOT_FOUND", "T9")


def test_an_answer_that_is_lost_made_a_token_all_the_same(client: Client) -> None:
    # Given a provisioning whose answer never comes
    card = {"number": ANSWER_LOST, "exp_month": 12, "exp_year": 2030}
    body = {"reference": "T1", "merchant_reference": "mer-1", "card": card}
    answer = client.send("POST", "/token_service/v1/tokens", body, secret=SECRET)
    assert answer["headers"]["Farthing-Sandbox-Fault"] == "no-answer"
    assert "Sandbox-Signature" not in answer["headers"]
    # When it is asked for again, Then it is the token that was made
    assert asked(client, "GET", "tokens/T1")[1]["status"] == "ACTIVE"
    assert provision(client, ANSWER_LOST)[1]["status"] == "ACTIVE"


def test_the_service_and_the_acquirer_have_keys_of_their_own(client: Client) -> None:
    for path in ("tokens/T1", "tokens"):
        answer = client.send("GET", f"/token_service/v1/{path}", secret=SECRETS["acquirer"])
        assert answer["statusCode"] in {401, 404}
    answer = client.send("GET", "/v1/operations/x", secret=SECRET)
    assert answer["statusCode"] == 401


def test_a_saved_card_is_charged_by_its_token_and_the_books_say_so(client: Client) -> None:
    answer = token_charge(client, capture=True)
    assert answer["status"] == "APPROVED" and answer["network_reference"]
    rows = json.loads(
        client.send("GET", "/transactions", query={"reference": answer["reference"]})["body"]
    )["data"]
    assert [(row["operation"], row["via"]) for row in rows] == [
        ("AUTHORIZE", "NETWORK_TOKEN"),
        ("CAPTURE", "NETWORK_TOKEN"),
    ]
    assert client.follow("refund", answer)["status"] == "APPROVED"


def test_what_a_token_paid_for_is_of_its_card(client: Client) -> None:
    """Given a network reference that a charge by token got, the card may name it too."""
    answer = token_charge(client)
    named = {"use": "SUBSEQUENT", "initiator": "MERCHANT"}
    named["network_reference"] = answer["network_reference"]
    assert client.authorize(stored_credential=named)["status"] == "APPROVED"
    other = client.authorize("5555555555554444", stored_credential=named)
    assert other["decline_code"] == "63"


def test_a_token_of_another_card_cannot_go_on_with_its_use(client: Client) -> None:
    _, told = provision(client, "5555555555554444")
    body = by_token(client, told["token"], "X", stored_credential=saved(client))
    body["network_token"]["cryptogram"] = cryptogram(client, body)
    assert client.ask("/v1/authorizations", body)["decline_code"] == "63"


def test_a_cryptogram_pays_once(client: Client) -> None:
    # Given a charge by token, and another one with the same cryptogram
    _, told = provision(client)
    stored = saved(client)
    body = by_token(client, told["token"], "X", stored_credential=stored)
    body["network_token"]["cryptogram"] = text = cryptogram(client, body)
    assert client.ask("/v1/authorizations", body)["status"] == "APPROVED"
    other = by_token(client, told["token"], text, stored_credential=stored)
    # Then it is refused, and so is the first one's under another reference
    assert client.ask("/v1/authorizations", other)["decline_code"] == "T2"
    moved = body | {"reference": "another"}
    assert client.ask("/v1/authorizations", moved)["decline_code"] == "T2"


def test_the_same_request_with_a_new_cryptogram_is_the_same_request(client: Client) -> None:
    _, told = provision(client)
    body = by_token(client, told["token"], "X", stored_credential=saved(client), capture=True)
    body["network_token"]["cryptogram"] = cryptogram(client, body)
    first = client.ask("/v1/authorizations", body)
    body["network_token"]["cryptogram"] = cryptogram(client, body)
    assert client.ask("/v1/authorizations", body) == first
    assert len(client.books(reference=body["reference"])) == 2


def test_the_same_reference_by_number_is_another_request(client: Client) -> None:
    _, told = provision(client)
    body = by_token(client, told["token"], "X", stored_credential=saved(client))
    body["network_token"]["cryptogram"] = cryptogram(client, body)
    client.ask("/v1/authorizations", body)
    del body["network_token"]
    card = {"number": APPROVED, "exp_month": 12, "exp_year": 2030}
    again = client.ask("/v1/authorizations", body | {"card": card})
    assert again["error"]["code"] == "REFERENCE_REUSED"


@pytest.mark.parametrize(
    "change",
    [
        {"amount_cents": 999},
        {"currency": "usd"},
        {"reference": "another"},
        {"token_reference": "T2"},
    ],
)
def test_a_cryptogram_is_good_for_what_it_was_made_for(
    client: Client, change: dict[str, Any]
) -> None:
    _, told = provision(client)
    provision(client, reference="T2")
    body = by_token(client, told["token"], "X", stored_credential=saved(client))
    body["network_token"]["cryptogram"] = cryptogram(client, body, **change)
    assert client.ask("/v1/authorizations", body)["decline_code"] == "T2"


@pytest.mark.parametrize("seconds", [CRYPTOGRAM_SECONDS - 60, CRYPTOGRAM_SECONDS])
def test_a_cryptogram_expires(client: Client, seconds: int) -> None:
    _, told = provision(client)
    body = by_token(client, told["token"], "X", stored_credential=saved(client))
    body["network_token"]["cryptogram"] = cryptogram(client, body)
    client.move_clock(seconds)
    code = client.ask("/v1/authorizations", body)["decline_code"]
    assert code == (None if seconds < CRYPTOGRAM_SECONDS else "T2")


def test_a_tokens_number_alone_is_no_card(client: Client) -> None:
    _, told = provision(client)
    assert client.authorize(told["token"]["number"])["decline_code"] == "T2"
    made_up = by_token(client, told["token"], "NEVERISSUED")
    assert client.ask("/v1/authorizations", made_up)["decline_code"] == "T2"


def test_a_cryptogram_is_issued_for_an_active_token_and_then_only_that_pays(
    client: Client,
) -> None:
    # Given a cryptogram, and a token that is deleted afterwards
    _, told = provision(client)
    body = by_token(client, told["token"], "X", stored_credential=saved(client))
    body["network_token"]["cryptogram"] = cryptogram(client, body)
    assert asked(client, "POST", "deletions", {"reference": "T1"})[1]["status"] == "DELETED"
    # Then neither that one pays, nor is there another one
    assert client.ask("/v1/authorizations", body)["decline_code"] == "T1"
    body = {"token_reference": "T1", "reference": "R", "amount_cents": 1, "currency": "eur"}
    assert asked(client, "POST", "cryptograms", body)[0] == 409


def test_what_was_deleted_is_never_made_again(client: Client) -> None:
    provision(client)
    for reference in ("T1", "T9"):  # of which the second never was
        assert asked(client, "POST", "deletions", {"reference": reference})[0] == 200
        _, told = provision(client, reference=reference)
        assert (told["status"], told["token"]) == ("DELETED", None)
        assert asked(client, "POST", "deletions", {"reference": reference})[0] == 200


def test_a_token_may_be_refused_wherever_it_pays_and_the_number_is_not(client: Client) -> None:
    assert token_charge(client, TOKEN_REFUSED)["decline_code"] == "T1"
    stored = saved(client, TOKEN_REFUSED)
    assert client.authorize(TOKEN_REFUSED, stored_credential=stored)["status"] == "APPROVED"


def test_a_replaced_card_is_declined_by_number_and_approved_by_token(client: Client) -> None:
    assert client.authorize(REPLACED)["status"] == "APPROVED"
    stored = saved(client, REPLACED)
    assert client.authorize(REPLACED, stored_credential=stored)["decline_code"] == "54"
    assert token_charge(client, REPLACED)["status"] == "APPROVED"


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("number", "status", "card"),
    [
        (REPLACED, "ACTIVE", {"last_four": "0137", "exp_month": 12, "exp_year": 2034}),
        (SUSPENDED, "SUSPENDED", {"last_four": "0178", "exp_month": 12, "exp_year": 2030}),
    ],
)
def test_an_issuer_acts_and_the_client_is_told(
    client: Client,
    receiver: Receiver,  # noqa: F811 - the fixture
    number: str,
    status: str,
    card: dict[str, Any],
) -> None:
    # Given somebody who wants to know, and a token
    assert asked(client, "PUT", "webhook_endpoint", {"url": receiver.url})[0] == 200
    provision(client, number)
    # When the issuer's time has come, twice
    [message] = client.messages()
    assert client.wake(message, message) == []
    # Then the token is as the issuer made it, and the same was told twice, with no number in it
    told = asked(client, "GET", "tokens/T1")[1]
    assert (told["status"], told["card"]) == (status, card)
    assert len({raw for raw, _ in receiver.got}) == 1
    [fact, _] = [Webhook(SECRETS["token-webhooks"].encode()).verify(*it) for it in receiver.got]
    assert fact["type"] == "network_token.updated"
    assert fact["data"] == {"reference": "T1", "merchant_reference": "mer-1", "status": status}


@pytest.mark.usefixtures("soon")
def test_a_post_that_fails_is_made_again(
    client: Client,
    receiver: Receiver,  # noqa: F811 - the fixture
) -> None:
    asked(client, "PUT", "webhook_endpoint", {"url": receiver.url})
    provision(client, SUSPENDED)
    [message] = client.messages()
    receiver.status = 500
    assert client.wake(message) == [message["messageId"]]
    receiver.status = 200
    assert client.wake(message) == []
    assert len(receiver.got) == 2


@pytest.mark.usefixtures("soon")
def test_what_was_deleted_stays_deleted_whatever_the_issuer_does(client: Client) -> None:
    provision(client, SUSPENDED)
    asked(client, "POST", "deletions", {"reference": "T1"})
    assert client.wake(*client.messages()) == []
    assert asked(client, "GET", "tokens/T1")[1]["status"] == "DELETED"


def test_an_issuers_act_comes_after_ten_seconds(client: Client) -> None:
    provision(client, REPLACED)
    attributes = runtime.client("sqs").get_queue_attributes(
        QueueUrl=runtime.os.environ["SANDBOX_QUEUE_URL"], AttributeNames=["All"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessagesDelayed"] == "1"


CARD = {"number": APPROVED, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
TOKEN = {"number": APPROVED, "exp_month": 12, "exp_year": 2030, "cryptogram": "X"}


@pytest.mark.parametrize(
    "paying",
    [
        {},
        {"card": None, "network_token": None},
        {"card": CARD, "network_token": TOKEN},
        {"network_token": CARD},
        {"network_token": TOKEN | {"cvc": "123"}},
        {"network_token": TOKEN | {"cryptogram": ""}},
        {"network_token": TOKEN | {"cryptogram": "#"}},
    ],
)
def test_one_thing_pays_and_all_of_it(client: Client, paying: dict[str, Any]) -> None:
    body = client.authorization()
    del body["card"]
    answer = client.send("POST", "/v1/authorizations", body | paying)
    assert answer["statusCode"] == 400
    assert APPROVED not in answer["body"]
    assert client.books(reference=body["reference"]) == []
