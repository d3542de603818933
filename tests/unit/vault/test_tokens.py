"""POST /v1/tokens: what is accepted, what is written, and what never comes back."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.access.principal import KeyKind, Mode, Principal
from farthing.clock import from_text
from farthing.errors import FarthingError
from farthing.store.errors import ConditionFailed
from farthing.vault.envelope import TokenRef
from farthing.vault.pan import Pan
from farthing.vault.rows import card_key, cvc_key
from farthing.vault.sandbox_numbers import TEST_NUMBERS
from farthing.vault.tokenise import TokenPorts, tokenise
from farthing.vault.typed_card import TypedCard, check
from farthing_sandbox.cards import BEHAVIOURS
from tests.support import lambdas
from tests.support.lambdas import Answer
from tests.support.vault import NUMBER, KeyRing, card

NOW = from_text("2026-11-22T09:00:00Z")
TAKEN = "tok_01kbe8z4qn7m3xw5rt9vkcd2hc"
ADDRESS = {"line1": "1 Main Street", "city": "Dublin", "country": "ie"}


def post(body: Any, **options: Any) -> Answer:
    return lambdas.call("tokens", "POST", "/v1/tokens", body, **options)


class Mac:
    """A fingerprint key that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def mac(self, message: bytes) -> bytes:
        self.asked.append(message)
        return b"m" * 32


def rows(table: str) -> list[dict[str, Any]]:
    name = runtime.table_names()[table]
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=name)["Items"]
    return items


def fields_of(answer: Answer) -> set[str]:
    return {problem["field"] for problem in answer.body["fields"]}


def ref_of(answer: Answer) -> TokenRef:
    return TokenRef(lambdas.principal().tenant, answer.body["token"])


@pytest.mark.usefixtures("vault")
class TestCreating:
    def test_a_card_becomes_a_token(self) -> None:
        answer = post(card(name="Ada Lovelace", billing_address=ADDRESS))

        assert answer.status == 201
        body = answer.body
        assert body["token"].startswith("tok_")
        assert (body["last_four"], body["card_brand"]) == ("4242", "visa")
        assert (body["exp_month"], body["exp_year"]) == (12, 2040)
        assert body["name"] == "Ada Lovelace"
        assert body["billing_address"] == {**ADDRESS, "country": "IE"}
        assert body["livemode"] is False
        life = from_text(body["expires_at"]) - from_text(body["created_at"])
        assert life.total_seconds() == 15 * 60
        assert NUMBER not in answer.text
        assert "cvc" not in answer.text

    def test_both_kinds_of_key_may(self) -> None:
        assert post(card(), kind=KeyKind.PUBLISHABLE).status == 201
        assert post(card(), kind=KeyKind.SECRET).status == 201

    def test_the_face_is_what_payments_read(self) -> None:
        token = post(card(name="Ada", billing_address=ADDRESS)).body["token"]

        (face,) = rows("payments")
        plain = {name: next(iter(value.values())) for name, value in face.items()}
        assert plain["entity"] == "card_face"
        assert plain["token"] == token
        assert plain["bin"] == "424242"
        assert plain["last_four"] == "4242"
        assert len(plain["fingerprint"]) == 26
        assert "claimed_by" not in plain
        assert NUMBER not in json.dumps(plain)

    def test_the_vault_row_has_no_readable_run_of_the_number(self) -> None:
        number = "5105105105105100"
        answer = post(card(number=number, cvc="739"))

        raw = repr(rows("vault"))
        runs = {number[start : start + 4] for start in range(len(number) - 3)}
        assert not [run for run in runs if run in raw]
        assert "739" not in repr(
            [row["envelope"] for row in rows("vault") if row["entity"]["S"] == "cvc"]
        )
        assert runtime.system_store().get(card_key(ref_of(answer))) is not None

    def test_the_cvc_has_a_row_of_its_own_that_ends(self) -> None:
        answer = post(card())
        item = runtime.system_store().get(cvc_key(ref_of(answer)))

        assert item is not None
        assert item["expires_at"] == answer.body["expires_at"]
        assert item["ttl"] == int(from_text(item["expires_at"]).timestamp())

    def test_without_a_cvc_there_is_no_row_for_it(self) -> None:
        answer = post(card(cvc=None))
        assert answer.status == 201
        assert runtime.system_store().get(cvc_key(ref_of(answer))) is None
        assert len(rows("vault")) == 1

    def test_the_same_card_has_the_same_fingerprint_for_one_merchant_alone(self) -> None:
        post(card())
        post(card())
        post(card(number="5555555555554444"))
        post(card(), merchant_id=lambdas.OTHER_MERCHANT)

        faces = [(row["fingerprint"]["S"], row["last_four"]["S"]) for row in rows("payments")]
        assert len(faces) == 4
        assert len(set(faces)) == 3

    def test_the_raw_mac_stays_in_the_vault(self) -> None:
        post(card())
        (mac,) = {row["fingerprint"]["B"] for row in rows("vault") if "fingerprint" in row}
        (face,) = rows("payments")
        assert mac.hex() not in repr(face)
        assert len(mac) == 32

    @pytest.mark.parametrize("there", ["CARD", "CVC", "FACE"])
    def test_nothing_is_written_over_and_nothing_by_halves(self, there: str) -> None:
        """Given one row of the three under the new token's id, none of the three is written."""
        ports = TokenPorts(
            runtime.system_store(), KeyRing(), Mac(), lambda n: b"n" * n, lambda _: TAKEN
        )
        principal, asked = lambdas.principal(), typed()
        tokenise(principal, asked, "203.0.113.7", NOW, ports)
        for table in ("vault", "payments"):
            for row in rows(table):
                if row["sk"]["S"] != there:
                    key = {"pk": row["pk"], "sk": row["sk"]}
                    name = runtime.table_names()[table]
                    boto3.client("dynamodb").delete_item(TableName=name, Key=key)
        before = rows("vault") + rows("payments")
        assert [row["sk"]["S"] for row in before] == [there]

        with pytest.raises(ConditionFailed):
            tokenise(principal, asked, "203.0.113.7", NOW, ports)
        assert rows("vault") + rows("payments") == before


WRONG_CARDS = [
    ({"number": "4242424242424241"}, "number"),
    ({"number": "4242 4242 4242 4242"}, "number"),
    ({"number": "42424242"}, "number"),
    ({"number": "4" * 20}, "number"),
    ({"number": ""}, "number"),
    ({"number": "４２４２４２４２４２４２４２４２"}, "number"),
    ({"number": 4242424242424242}, "number"),
    ({"number": ["4242424242424242"]}, "number"),
    ({"exp_month": 0}, "exp_month"),
    ({"exp_month": 13}, "exp_month"),
    ({"exp_month": 4242424242424242}, "exp_month"),
    ({"exp_month": "12"}, "exp_month"),
    ({"exp_month": 12.0}, "exp_month"),
    ({"exp_month": True}, "exp_month"),
    ({"exp_year": 2025}, "exp_year"),
    ({"exp_year": 40}, "exp_year"),
    ({"exp_year": 2090}, "exp_year"),
    ({"exp_year": 10**30}, "exp_year"),
    ({"cvc": "12"}, "cvc"),
    ({"cvc": "1234"}, "cvc"),
    ({"cvc": "12a"}, "cvc"),
    ({"cvc": 123}, "cvc"),
    ({"cvc": "4242424242424242"}, "cvc"),
    ({"cvc": ""}, "cvc"),
    ({"number": "378282246310005", "cvc": "123"}, "cvc"),
    ({"name": "4242 4242 4242 4242"}, "name"),
    ({"name": "A" * 501}, "name"),
    ({"name": "A\x00"}, "name"),
    ({"name": 7}, "name"),
    ({"billing_address": {"line2": "card 4242424242424242 12/28"}}, "billing_address.line2"),
    ({"billing_address": {"country": "Ireland"}}, "billing_address.country"),
    ({"billing_address": {"planet": "Mars"}}, "billing_address.planet"),
    ({"billing_address": "Dublin"}, "billing_address"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.usefixtures("vault")
class TestRefusing:
    @pytest.mark.parametrize(("changes", "field"), WRONG_CARDS)
    def test_a_wrong_field_is_named_and_nothing_written(
        self, changes: dict[str, Any], field: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answer = post(card() | changes)

        assert answer.status == 400, answer.text
        assert field in fields_of(answer)
        assert rows("vault") == rows("payments") == []
        for secret in ("4242424242424242", "4242424242424241", "4242 4242"):
            assert secret not in answer.text
            assert secret not in capsys.readouterr().out

    @pytest.mark.parametrize("field", ["number", "exp_month", "exp_year"])
    def test_a_missing_field_is_named(self, field: str) -> None:
        assert fields_of(post(card(**{field: None}))) == {field}

    def test_all_wrong_fields_are_named_at_once(self) -> None:
        answer = post(card(number="1", exp_month=13, cvc="x"))
        assert fields_of(answer) == {"number", "exp_month", "cvc"}

    @pytest.mark.parametrize("raw", ["", "{", "[]", '"x"', '{"number": NaN}', "null", "[" * 5000])
    def test_no_json_object_is_400(self, raw: str) -> None:
        assert post(None, raw=raw).status == 400

    def test_a_number_in_the_name_of_a_field_does_not_come_back(self) -> None:
        answer = post(card() | {NUMBER: 1})
        assert answer.status == 400
        assert NUMBER not in answer.text

    def test_a_number_in_the_path_does_not_come_back(self) -> None:
        answer = lambdas.call("tokens", "GET", f"/v1/tokens/{NUMBER}")
        assert answer.status == 404
        assert NUMBER not in answer.text

    def test_a_failure_of_ours_shows_no_number(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VAULT_KEY_ID", "12345678-1234-1234-1234-123456789012")
        answer = post(card(cvc="739"))

        assert answer.status == 500
        said = answer.text + "".join(capsys.readouterr())
        assert NUMBER not in said
        assert "739" not in said.replace(answer.body["request_id"], "")


@pytest.mark.usefixtures("vault")
class TestRateLimit:
    def test_a_publishable_key_is_stopped_before_kms(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOKENS_PER_MINUTE", "2")
        assert [post(card(), kind=KeyKind.PUBLISHABLE).status for _ in range(2)] == [201, 201]
        monkeypatch.setenv("FINGERPRINT_KEY_ID", "nobody may ask this key")

        answer = post(card(), kind=KeyKind.PUBLISHABLE)

        assert answer.status == 429
        assert answer.body["code"] == "rate_limited"
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert len(rows("payments")) == 2

    def test_wrong_cards_count_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOKENS_PER_MINUTE", "1")
        wrong = card(number="4242424242424241")
        assert post(wrong, kind=KeyKind.PUBLISHABLE).status == 400
        assert post(wrong, kind=KeyKind.PUBLISHABLE).status == 429

    def test_a_secret_key_is_not_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOKENS_PER_MINUTE", "1")
        assert [post(card()).status for _ in range(3)] == [201, 201, 201]
        assert rows("risk") == []


def typed(**changes: Any) -> TypedCard:
    body = card(**changes)
    return TypedCard(Pan(body["number"]), body["exp_month"], body["exp_year"], body.get("cvc"))


@pytest.mark.parametrize("number", sorted(TEST_NUMBERS))
def test_sandbox_numbers_pass_in_test_mode_and_not_in_live_mode(number: str) -> None:
    amex = number.startswith("37")
    played = typed(number=number, cvc="1234" if amex else "123")
    check(played, NOW, livemode=False)
    with pytest.raises(FarthingError) as refused:
        check(played, NOW, livemode=True)
    assert [problem.field for problem in refused.value.fields] == ["number"]
    assert number not in str(refused.value)


def test_whatever_the_sandbox_acts_on_is_a_sandbox_number() -> None:
    assert set(BEHAVIOURS) - TEST_NUMBERS == set()


def test_other_numbers_pass_in_live_mode() -> None:
    check(typed(number="4111111111111111"), NOW, livemode=True)


@pytest.mark.parametrize(
    ("now", "month", "year", "good"),
    [
        ("2026-11-30T23:59:59.999Z", 11, 2026, True),
        ("2026-12-01T00:00:00Z", 11, 2026, False),
        ("2026-12-01T00:30:00+01:00", 11, 2026, True),  # still November in UTC
        ("2026-11-22T09:00:00Z", 11, 2046, True),
        ("2026-11-22T09:00:00Z", 12, 2046, False),
    ],
)
def test_a_card_is_good_to_the_end_of_its_month(
    now: str, month: int, year: int, good: bool
) -> None:
    asked = typed(exp_month=month, exp_year=year)
    if good:
        check(asked, from_text(now), livemode=False)
        return
    with pytest.raises(FarthingError):
        check(asked, from_text(now), livemode=False)


def test_a_live_key_writes_into_live_mode(vault: None) -> None:
    principal = Principal("mer_a", Mode.LIVE, KeyKind.SECRET, "key_a", frozenset({"write"}))
    store = runtime.tenant_store(principal)

    mac = Mac()
    ports = TokenPorts(store, KeyRing(), mac, lambda n: b"n" * n, runtime.new_id)
    face = tokenise(principal, typed(number="4111111111111111"), "::1", NOW, ports)
    assert mac.asked == [b"fp-v1|mer_a|4111111111111111"]
    assert store.get(card_key(TokenRef(principal.tenant, face.token))) is not None
    assert {row["pk"]["S"].split("#")[1] for row in rows("vault")} == {"live"}


def test_events_are_answered(vault: None) -> None:
    """events/tokens.*.json are what `sam local invoke` sends."""
    app = lambdas.load("tokens")
    answer = app.handler(lambdas.event_of("tokens.create"), lambdas.Context())
    assert answer["statusCode"] == 201
    assert json.loads(answer["body"])["last_four"] == "4242"

    answer = app.handler(lambdas.event_of("tokens.wrong_number"), lambdas.Context())
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["fields"][0]["field"] == "number"
