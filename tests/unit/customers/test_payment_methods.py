"""Payment methods: saved from a token that is used up by it, listed, preferred, deleted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from farthing import runtime
from farthing.errors import FarthingError
from farthing.payments import payment_methods
from farthing.payments.payment_method import METHOD_SAVED, method_key
from farthing.payments.payment_methods import NewMethod
from farthing.store import NOT_CREATED, Check, ConditionFailed, Key, Put, Update
from farthing.vault.card_face import card_face_key, claim
from tests.support import lambdas
from tests.unit.customers.conftest import Shop

TENANT = lambdas.principal().tenant
UNKNOWN = "pm_01kbe8z4qn7m3xw5rt9vkcd2hd"
UNKNOWN_TOKEN = "tok_01kbe8z4qn7m3xw5rt9vkcd2hc"
UNKNOWN_CUSTOMER = "cus_01kbe8z4qn7m3xw5rt9vkcd2ha"


class TestSaving:
    def test_a_token_becomes_a_payment_method(self, shop: Shop) -> None:
        customer_id, token = shop.customer(), shop.token()
        answer = shop.save(customer_id, token=token)

        assert answer.status == 201
        assert answer.body["method_id"].startswith("pm_")
        expected = {
            "customer_id": customer_id,
            "type": "CARD",
            "last_four": "4242",
            "card_brand": "visa",
            "exp_month": 12,
            "exp_year": 2040,
            "billing_address": {"city": "Dublin"},
            "is_default": True,
            "tokenized_card_id": token,
            "network_token": None,
            "livemode": False,
        }
        assert expected.items() <= answer.body.items()
        assert shop.get(answer.body["method_id"]).body == answer.body
        customer = shop.customer_of(customer_id)
        assert customer["default_payment_method_id"] == answer.body["method_id"]

    def test_the_row_has_what_payments_read(self, shop: Shop) -> None:
        method_id = shop.method(shop.customer())
        row = runtime.system_store().get(method_key(TENANT, method_id))
        assert row is not None
        wanted = "token last_four card_brand bin fingerprint exp_month exp_year customer_id"
        assert set(wanted.split()) <= set(row)
        assert not {"deleted_at", "network_reference"} & set(row)

    def test_a_billing_address_of_its_own(self, shop: Shop) -> None:
        answer = shop.save(shop.customer(), billing_address={"city": "Cork", "country": "ie"})
        assert answer.body["billing_address"] == {"city": "Cork", "country": "IE"}

    def test_one_token_makes_one_method(self, shop: Shop) -> None:
        customer_id, token = shop.customer(), shop.token()
        assert shop.save(customer_id, token=token).status == 201
        for customer in (customer_id, shop.customer()):
            again = shop.save(customer, token=token)
            assert (again.status, again.body["code"]) == (400, "token_not_usable")
        assert len(shop.defaults(customer_id)[0]) == 1

    def test_a_token_that_paid_cannot_be_saved(self, shop: Shop) -> None:
        token = shop.token()
        now = runtime.clock().now()
        runtime.system_store().write(claim(TENANT, token, "pi_1", now))
        assert shop.save(shop.customer(), token=token).body["code"] == "token_not_usable"

    def test_a_saved_token_cannot_pay(self, shop: Shop) -> None:
        token = shop.token()
        shop.method(shop.customer(), token=token)
        with pytest.raises(ConditionFailed):
            runtime.system_store().write(claim(TENANT, token, "pi_1", runtime.clock().now()))
        face = runtime.system_store().get(card_face_key(TENANT, token))
        assert face is not None and "expires_at" not in face

    def test_an_expired_token_is_refused(self, shop: Shop) -> None:
        answer = shop.save(shop.customer(), token=shop.token(life_seconds=0))
        assert answer.body["code"] == "token_not_usable"
        assert "expired" in answer.body["detail"]

    @pytest.mark.parametrize("token", [UNKNOWN_TOKEN, "x", "tok_#", "4242424242424242"])
    def test_an_unknown_token_is_refused(self, shop: Shop, token: str) -> None:
        answer = shop.save(shop.customer(), token=token)
        assert (answer.status, answer.body["code"]) == (400, "token_not_usable")
        assert "4242424242424242" not in answer.text

    def test_what_is_anothers_is_as_nothing(self, shop: Shop, other_shop: Shop) -> None:
        assert shop.save(other_shop.customer()).status == 404
        assert shop.save(UNKNOWN_CUSTOMER).status == 404
        assert shop.save("4242424242424242").status == 404
        assert shop.save(shop.customer(), token=other_shop.token()).status == 400

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"type": "BANK"}, "type"),
            ({"type": "WALLET"}, "type"),
            ({"type": None}, "type"),
            ({"customer_id": 7}, "customer_id"),
            ({"token": 4242424242424242}, "token"),
            ({"is_default": "yes"}, "is_default"),
            ({"is_default": 1}, "is_default"),
            ({"billing_address": {"line1": "4242424242424242"}}, "billing_address.line1"),
            ({"number": "4242424242424242"}, "number"),
        ],
    )
    def test_a_wrong_field_is_named(self, shop: Shop, fields: dict[str, Any], field: str) -> None:
        answer = shop.save(shop.customer(), **fields)
        assert answer.status == 400
        assert field in {problem["field"] for problem in answer.body["fields"]}
        assert "4242424242424242" not in answer.text

    def test_an_unsupported_type_says_which_are(self, shop: Shop) -> None:
        (problem,) = shop.save(shop.customer(), type="BANK").body["fields"]
        assert "CARD" in problem["message"]

    def test_something_else_can_go_into_the_transaction(self, shop: Shop) -> None:
        """Given a write that must be there too, both happen or neither."""
        extra = Put(Key("payments", TENANT.pk("IDEM", "x"), "IDEM"), {"entity": "x"}, NOT_CREATED)
        store, now, customer_id = runtime.system_store(), runtime.clock().now(), shop.customer()
        new = NewMethod(customer_id, shop.token())
        payment_methods.attach(store, TENANT, new, runtime.new_id("pm"), now, also=[extra])
        assert store.get(extra.key) is not None

        new = NewMethod(customer_id, shop.token())
        with pytest.raises(ConditionFailed) as failed:
            payment_methods.attach(store, TENANT, new, runtime.new_id("pm"), now, also=[extra])
        assert failed.value.key == extra.key
        assert len(shop.defaults(customer_id)[0]) == 1


class TestDefault:
    def test_the_first_is_the_default_and_the_second_is_not(self, shop: Shop) -> None:
        customer_id = shop.customer()
        first = shop.method(customer_id, is_default=False)
        second = shop.save(customer_id).body
        assert second["is_default"] is False
        assert shop.defaults(customer_id) == ([second["method_id"], first], [first])

    def test_a_new_one_can_be_the_default(self, shop: Shop) -> None:
        customer_id = shop.customer()
        shop.method(customer_id)
        second = shop.save(customer_id, is_default=True).body
        assert second["is_default"] is True
        assert shop.defaults(customer_id)[1] == [second["method_id"]]

    def test_an_old_one_can_be_made_the_default_and_again(self, shop: Shop) -> None:
        customer_id = shop.customer()
        shop.method(customer_id)
        second = shop.method(customer_id)
        for _ in range(2):
            answer = shop.prefer(second)
            assert (answer.status, answer.body["is_default"]) == (200, True)
        assert shop.defaults(customer_id)[1] == [second]

    def test_deleting_the_default_passes_it_to_the_newest(self, shop: Shop) -> None:
        customer_id = shop.customer()
        first, second, third = (shop.method(customer_id) for _ in range(3))
        assert shop.delete(first).status == 200
        assert shop.defaults(customer_id) == ([third, second], [third])
        shop.delete(second)
        assert shop.defaults(customer_id) == ([third], [third])
        shop.delete(third)
        assert shop.defaults(customer_id) == ([], [])
        assert shop.customer_of(customer_id)["default_payment_method_id"] is None
        again = shop.method(customer_id)
        assert shop.defaults(customer_id) == ([again], [again])


class TestDeleting:
    def test_a_deleted_method_is_no_more_but_its_row_stays(self, shop: Shop) -> None:
        customer_id = shop.customer()
        method_id = shop.method(customer_id)
        assert shop.delete(method_id).body == {"method_id": method_id, "deleted": True}

        for answer in (shop.get(method_id), shop.delete(method_id), shop.prefer(method_id)):
            assert answer.status == 404
        assert shop.methods().body["data"] == []
        assert shop.methods(customer_id=customer_id).body["data"] == []
        row = runtime.system_store().get(method_key(TENANT, method_id))
        assert row is not None and row["deleted_at"] and row["token"]
        assert not {"list_pk", "list_sk", "customer_pk"} & set(row)

    def test_a_payment_that_checks_it_in_its_transaction_is_stopped(self, shop: Shop) -> None:
        method_id = shop.method(shop.customer())
        check = Check(method_key(TENANT, method_id), METHOD_SAVED)
        runtime.system_store().write(check)
        shop.delete(method_id)
        with pytest.raises(ConditionFailed):
            runtime.system_store().write(check)

    def test_its_token_does_not_come_back(self, shop: Shop) -> None:
        token = shop.token()
        shop.delete(shop.method(shop.customer(), token=token))
        assert shop.save(shop.customer(), token=token).body["code"] == "token_not_usable"

    def test_what_is_anothers_is_as_nothing(self, shop: Shop, other_shop: Shop) -> None:
        theirs = other_shop.method(other_shop.customer())
        for act in (shop.get, shop.delete, shop.prefer):
            assert {act(id_).status for id_ in (theirs, UNKNOWN, "x")} == {404}
            assert act(theirs).text.replace(theirs, UNKNOWN) == act(UNKNOWN).text
        assert other_shop.get(theirs).status == 200


class TestListing:
    def test_of_all_customers_or_one_newest_first_in_pages(self, shop: Shop) -> None:
        one, other = shop.customer(), shop.customer()
        made = [shop.method(one), shop.method(other), shop.method(one), shop.method(one)]
        of_one = [made[0], made[2], made[3]]
        for query, expected in (({}, made), ({"customer_id": one}, of_one)):
            seen: list[str] = []
            page = shop.methods(limit="2", **query).body
            while True:
                seen += [method["method_id"] for method in page["data"]]
                if not page["has_more"]:
                    break
                page = shop.methods(limit="2", starting_after=seen[-1], **query).body
            assert seen == sorted(expected, reverse=True)
        defaults = [m["method_id"] for m in shop.methods().body["data"] if m["is_default"]]
        assert sorted(defaults) == sorted([made[0], made[1]])

    def test_a_cursor_that_was_deleted_since_still_works(self, shop: Shop) -> None:
        customer_id = shop.customer()
        first, second = shop.method(customer_id), shop.method(customer_id)
        shop.delete(second)
        (left,) = shop.methods(starting_after=second).body["data"]
        assert left["method_id"] == first

    def test_a_cursor_of_somewhere_else_is_unknown(self, shop: Shop, other_shop: Shop) -> None:
        customer_id = shop.customer()
        elsewhere = shop.method(shop.customer())
        theirs = other_shop.method(other_shop.customer())
        for query in (
            {"starting_after": UNKNOWN},
            {"starting_after": theirs},
            {"starting_after": elsewhere, "customer_id": customer_id},
        ):
            answer = shop.methods(**query)
            assert (answer.status, answer.body["code"]) == (400, "unknown_cursor")

    def test_an_unknown_customer_is_404(self, shop: Shop, other_shop: Shop) -> None:
        for customer_id in (UNKNOWN_CUSTOMER, other_shop.customer(), "x"):
            assert shop.methods(customer_id=customer_id).status == 404

    def test_an_index_that_lags_shows_nothing_deleted(self, shop: Shop) -> None:
        """Given a deleted method that the index still lists."""
        customer_id = shop.customer()
        method_id, left = shop.method(customer_id), shop.method(customer_id)
        row = runtime.system_store().get(method_key(TENANT, method_id))
        assert row is not None
        shop.delete(method_id)
        stale = {name: row[name] for name in ("list_pk", "list_sk", "customer_pk")}
        key = method_key(TENANT, method_id)
        from farthing.store import EXISTS

        runtime.system_store().write(Update(key, when=EXISTS, set=stale))
        assert shop.defaults(customer_id) == ([left], [left])


def test_the_rule_of_the_claim_holds_in_the_write_too(shop: Shop) -> None:
    """Given a token that is used up between our read and our write."""
    store, customer_id, token = runtime.system_store(), shop.customer(), shop.token()
    now = runtime.clock().now()

    class Racing:
        """Another request takes the token just before the first write."""

        raced = False

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def write(self, *writes: Any) -> None:
            if not self.raced:
                self.raced = True
                store.write(claim(TENANT, token, "pi_1", now))
            store.write(*writes)

    racing: Any = Racing()
    new = NewMethod(customer_id, token)
    with pytest.raises(FarthingError) as refused:
        payment_methods.attach(racing, TENANT, new, runtime.new_id("pm"), now)
    assert refused.value.code.code == "token_not_usable"
    assert shop.defaults(customer_id) == ([], [])


def test_a_token_that_runs_out_between_read_and_write_is_refused(shop: Shop) -> None:
    now = runtime.clock().now()
    token = shop.token(life_seconds=60)
    with pytest.raises(ConditionFailed):
        runtime.system_store().write(claim(TENANT, token, "pm_1", now + timedelta(seconds=61)))


def test_events_are_answered(shop: Shop) -> None:
    """Given the customer, token and method that events/payment_methods.*.json speak of."""
    app, store = lambdas.load("payment_methods"), runtime.system_store()
    ids = {"cus": UNKNOWN_CUSTOMER, "tok": UNKNOWN_TOKEN, "pm": UNKNOWN}

    from farthing.payments import customers
    from farthing.payments.customers import CustomerFields

    now = runtime.clock().now()
    customers.create(store, TENANT, CustomerFields(), ids["cus"], now)
    face = store.get(card_face_key(TENANT, shop.token()))
    assert face is not None
    store.write(Put(card_face_key(TENANT, ids["tok"]), face | {"token": ids["tok"]}, NOT_CREATED))
    new = NewMethod(ids["cus"], shop.token())
    payment_methods.attach(store, TENANT, new, ids["pm"], now)

    for name, status in (("create", 201), ("default", 200), ("list", 200), ("delete", 200)):
        event = lambdas.event_of(f"payment_methods.{name}")
        answer = app.handler(event, lambdas.Context())
        assert answer["statusCode"] == status, answer["body"]
        if name == "list":
            listed = json.loads(answer["body"])["data"]
            assert [one["is_default"] for one in listed] == [False, True]
