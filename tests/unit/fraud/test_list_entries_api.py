"""/v1/fraud/list_entries over the handler: put on a list, found by payments, taken off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.cards import holds_pan
from farthing.clock import to_text
from farthing.errors import FarthingError
from farthing.fraud import list_entries
from farthing.fraud.action import Action
from farthing.fraud.api_wiring import services
from farthing.fraud.list_entries import Wanted
from farthing.fraud.lists import RANGES_MAX, Entry, Kind, Subject, hits, keys, ranges_write
from farthing.fraud.services import Services
from farthing.store import ConditionFailed, TenantScope
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, Answer, call, principal
from tests.unit.fraud.test_lists import VALUES

PATH = "/v1/fraud/list_entries"
TENANT = TenantScope(MERCHANT, "test")
RANGE = "203.0.113.0/24"
NONE = "fle_01hg0000000000000000000000"


@pytest.fixture(autouse=True)
def _aws(aws: None) -> None:
    """Every test here stands on tables."""


def api(method: str, path: str = PATH, body: Any = None, **more: Any) -> Answer:
    return call("fraud", method, path, body, **more)


def asked(kind: Kind = Kind.COUNTRY, value: str = "DE", **more: Any) -> Answer:
    body = {"kind": kind, "value": value, "action": "BLOCK", "reason": "a reason", **more}
    return api("POST", body=body)


def added(kind: Kind = Kind.COUNTRY, value: str = "DE", **more: Any) -> dict[str, Any]:
    answer = asked(kind, value, **more)
    assert answer.status == 201, answer.text
    return answer.body


def hit(**values: str) -> list[str]:
    """The entries that a payment with these values meets."""
    subject = Subject({Kind(name): value for name, value in values.items()})
    rows = runtime.store(TENANT).batch_get(keys(TENANT, subject))
    return [one.entry_id for one in hits(TENANT, subject, rows, now())]


def now() -> datetime:
    return runtime.clock().now()


def rows() -> int:
    return int(boto3.client("dynamodb").scan(TableName=runtime.table_names()["risk"])["Count"])


def later(monkeypatch: pytest.MonkeyPatch, **by: float) -> None:
    """From now on it is so much later."""
    ahead = timedelta(**by)
    monkeypatch.setattr(runtime, "_test_clock_offset", lambda: ahead)
    runtime.begin(None)


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_is_listed_found_by_payments_shown_and_taken_off(kind: Kind) -> None:
    entry = added(kind, VALUES[kind])
    entry_id = entry["entry_id"]
    assert entry == {
        "entry_id": entry_id,
        "kind": kind.value,
        "value": VALUES[kind],
        "action": "BLOCK",
        "reason": "a reason",
        "status": "ACTIVE",
        "expires_at": None,
        "created_at": entry["created_at"],
        "livemode": False,
    }
    assert hit(**{kind: VALUES[kind]}) == [entry_id]
    assert api("GET", f"{PATH}/{entry_id}").body == entry
    assert api("GET").body == {"data": [entry], "has_more": False}
    removed = api("DELETE", f"{PATH}/{entry_id}")
    assert (removed.status, removed.body) == (200, {"entry_id": entry_id, "deleted": True})
    assert hit(**{kind: VALUES[kind]}) == []
    assert (api("GET", f"{PATH}/{entry_id}").status, rows()) == (404, 0)
    assert api("DELETE", f"{PATH}/{entry_id}").status == 404


def test_a_range_is_listed_found_by_payments_and_taken_off() -> None:
    first, second = added(Kind.RANGE, RANGE), added(Kind.RANGE, "2001:DB8::/32", action="ALLOW")
    assert second["value"] == "2001:db8::/32"
    assert hit(IP="203.0.113.7") == [first["entry_id"]]
    assert hit(IP="2001:db8::1") == [second["entry_id"]]
    assert api("DELETE", f"{PATH}/{first['entry_id']}").status == 200
    assert (hit(IP="203.0.113.7"), hit(IP="2001:db8::1")) == ([], [second["entry_id"]])
    assert [one["entry_id"] for one in api("GET").body["data"]] == [second["entry_id"]]
    assert api("DELETE", f"{PATH}/{first['entry_id']}").status == 404


def test_a_value_is_kept_in_its_one_form() -> None:
    assert added(Kind.EMAIL, " A.B@Shop.example")["value"] == "a.b@shop.example"
    assert added(Kind.IP, "::ffff:203.0.113.7")["value"] == "203.0.113.7"
    assert asked(Kind.EMAIL, "a.b@SHOP.example").status == 409


@pytest.mark.parametrize(("kind", "value"), [(Kind.COUNTRY, "DE"), (Kind.RANGE, RANGE)])
def test_what_is_on_a_list_is_on_no_other_until_it_is_taken_off(kind: Kind, value: str) -> None:
    entry_id = added(kind, value)["entry_id"]
    answer = asked(kind, value, action="ALLOW")
    assert (answer.status, answer.body["code"]) == (409, "already_listed")
    assert answer.body["entry_id"] == entry_id
    assert "block list" in answer.body["detail"]
    api("DELETE", f"{PATH}/{entry_id}")
    assert added(kind, value, action="ALLOW")["entry_id"] != entry_id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "PHONE"}, "kind"),
        ({"kind": 1}, "kind"),
        ({"kind": None}, "kind"),
        ({"value": ""}, "value"),
        ({"value": "x" * 321}, "value"),
        ({"value": "de"}, "value"),
        ({"value": 49}, "value"),
        ({"kind": "EMAIL", "value": "a@b\x00"}, "value"),
        ({"kind": "EMAIL", "value": "shop.example"}, "value"),
        ({"kind": "RANGE", "value": "203.0.113.7/24"}, "value"),
        ({"kind": "IP", "value": "fe80::1%eth0"}, "value"),
        ({"kind": "IP", "value": "4242424242424242"}, "value"),
        ({"kind": "CARD", "value": "pm_01hg0000000000000000000000"}, "value"),
        ({"action": "REVIEW"}, "action"),
        ({"action": "block"}, "action"),
        ({"reason": ""}, "reason"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": None}, "reason"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at"),
        ({"expires_at": 4102444800}, "expires_at"),
        ({"entry_id": NONE}, "entry_id"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_written(change: dict[str, Any], field: str) -> None:
    answer = asked(**{"kind": "COUNTRY", "value": "DE", **change})
    assert answer.status == 400, answer.text
    assert [problem["field"] for problem in answer.body["fields"]] == [field]
    assert rows() == 0


def test_a_card_number_is_refused_and_an_address_is_none() -> None:
    for change in (
        {"kind": "EMAIL", "value": "4242424242424242@shop.example"},
        {"kind": "CARD", "value": "4242424242424242aaaaaaaaaa"},
        {"kind": "CARD", "value": "4242424242424242"},
        {"reason": "4242 4242 4242 4242"},
    ):
        answer = asked(**{"kind": "COUNTRY", "value": "DE", **change})
        assert (answer.status, answer.body["code"]) == (400, "card_number_in_text"), change
        assert "4242424242424242" not in answer.text
    # These 13 digits have a card number's checksum
    assert holds_pan("198.51.100.109/32")
    assert added(Kind.RANGE, "198.51.100.109/32")["value"] == "198.51.100.109/32"


def test_an_entry_ends_at_its_time_and_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, value, seen in (
        (Kind.COUNTRY, "DE", {"COUNTRY": "DE"}),
        (Kind.RANGE, RANGE, {"IP": "203.0.113.7"}),
    ):
        with monkeypatch.context() as patch:
            ends = to_text(now() + timedelta(hours=1))
            before = added(kind, value, expires_at=ends)
            path = f"{PATH}/{before['entry_id']}"
            assert (before["expires_at"], before["status"]) == (ends, "ACTIVE")
            assert asked(kind, value).status == 409
            later(patch, hours=2)
            assert hit(**seen) == []
            assert api("GET", path).body == before | {"status": "EXPIRED"}
            # When it is listed again, the entry before can go and takes nothing with it
            after = added(kind, value, action="ALLOW")
            assert hit(**seen) == [after["entry_id"]]
            assert api("DELETE", path).status == 200
            assert hit(**seen) == [after["entry_id"]]
            assert api("GET", path).status == 404
            assert api("DELETE", path).status == 404
        runtime.begin(None)


def test_an_ended_range_goes_also_if_there_was_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = added(Kind.RANGE, RANGE, expires_at=to_text(now() + timedelta(hours=1)))
    later(monkeypatch, hours=2)
    assert api("DELETE", f"{PATH}/{entry['entry_id']}").status == 200
    assert api("GET").body["data"] == []


def test_there_are_so_many_ranges_and_room_again_when_one_goes() -> None:
    # Given all but one of them at once, and then that one
    here = services(principal())
    entries = [
        Entry(here.new_id("fle"), Kind.RANGE, f"10.0.{n}.0/24", Action.BLOCK, "a reason")
        for n in range(RANGES_MAX - 1)
    ]
    here.store.write(ranges_write(here.tenant, None, entries, here.now))
    list_entries.add(here, wanted(f"10.0.{RANGES_MAX}.0/24"))
    answer = asked(Kind.RANGE, RANGE)
    assert (answer.status, answer.body["code"]) == (409, "limit_reached")
    newest = api("GET", query={"limit": "1"}).body["data"][0]["entry_id"]
    api("DELETE", f"{PATH}/{newest}")
    assert added(Kind.RANGE, RANGE)["kind"] == "RANGE"


def wanted(value: str, kind: Kind = Kind.RANGE) -> Wanted:
    return Wanted(kind, value, Action.BLOCK, "a reason")


class Raced:
    """The store, with somebody else's range before each write, `times` times."""

    def __init__(self, here: Services, times: int, net: int) -> None:
        self.here, self.times, self.net = here, times, net

    def __getattr__(self, name: str) -> Any:
        return getattr(self.here.store, name)

    def write(self, *writes: Any) -> None:
        if self.times:
            self.times -= 1
            list_entries.add(self.here, wanted(f"10.{self.net}.{self.times}.0/24"))
        self.here.store.write(*writes)


def raced(times: int, net: int = 1) -> Services:
    """A caller that loses so many races, and does not wait."""
    here = services(principal())
    store = Raced(here, times, net)
    return Services(TENANT, store, here.now, here.new_id, pause=lambda attempt: None)


def test_a_lost_race_for_the_ranges_is_run_again() -> None:
    here = raced(list_entries.RACES_MAX - 1)
    entry = list_entries.add(here, wanted(RANGE))
    assert hit(IP="203.0.113.7") == [entry.entry_id]
    assert len(api("GET").body["data"]) == list_entries.RACES_MAX
    list_entries.remove(raced(list_entries.RACES_MAX - 1, net=2), entry.entry_id)
    assert hit(IP="203.0.113.7") == []


def test_who_loses_every_race_is_told_and_nothing_is_written() -> None:
    with pytest.raises(FarthingError) as refused:
        list_entries.add(raced(list_entries.RACES_MAX), wanted(RANGE))
    assert refused.value.code.code == "conflict"
    assert hit(IP="203.0.113.7") == []
    entry_id = added(Kind.RANGE, RANGE)["entry_id"]
    with pytest.raises(FarthingError) as refused:
        list_entries.remove(raced(list_entries.RACES_MAX, net=2), entry_id)
    assert refused.value.code.code == "conflict"
    assert hit(IP="203.0.113.7") == [entry_id]


@pytest.mark.parametrize(("kind", "value"), [(Kind.COUNTRY, "DE"), (Kind.RANGE, RANGE)])
def test_of_two_who_take_it_off_at_once_one_finds_nothing(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, value: str
) -> None:
    here = services(principal())
    entry = list_entries.add(here, wanted(value, kind))
    other = list_entries.add(here, wanted("198.51.100.0/24"))
    list_entries.remove(here, entry.entry_id)
    monkeypatch.setattr(list_entries, "get", lambda services, entry_id: entry)
    with pytest.raises(FarthingError) as refused:
        list_entries.remove(here, entry.entry_id)
    assert refused.value.code.code == "not_found"
    assert hit(IP="198.51.100.7") == [other.entry_id]


def test_an_id_is_never_given_twice() -> None:
    here = services(principal())
    same = Services(TENANT, here.store, here.now, lambda prefix: NONE, here.pause)
    list_entries.add(same, wanted("DE", Kind.COUNTRY))
    for again in (wanted("FR", Kind.COUNTRY), wanted(RANGE)):
        with pytest.raises(ConditionFailed, match="NOT_CREATED"):
            list_entries.add(same, again)
    assert hit(COUNTRY="FR", IP="203.0.113.7") == []


def listing(**query: str) -> tuple[list[str], bool]:
    answer = api("GET", query=query)
    assert answer.status == 200, answer.text
    return [one["value"] for one in answer.body["data"]], answer.body["has_more"]


def test_entries_are_listed_newest_first_by_kind_and_action() -> None:
    added(Kind.COUNTRY, "DE")
    added(Kind.EMAIL, "a@b.example", action="ALLOW")
    added(Kind.COUNTRY, "FR", action="ALLOW")
    newest = added(Kind.RANGE, RANGE)["entry_id"]
    assert listing() == ([RANGE, "FR", "a@b.example", "DE"], False)
    assert listing(limit="1") == ([RANGE], True)
    assert listing(limit="2", starting_after=newest) == (["FR", "a@b.example"], True)
    assert listing(kind="COUNTRY") == (["FR", "DE"], False)
    assert listing(kind="COUNTRY", limit="1") == (["FR"], True)
    assert listing(action="ALLOW") == (["FR", "a@b.example"], False)
    assert listing(action="ALLOW", kind="EMAIL") == (["a@b.example"], False)
    assert listing(kind="BIN") == ([], False)


def test_a_filter_looks_at_so_many_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_entries, "PAGE_ITEMS_MAX", 1)
    monkeypatch.setattr(list_entries, "LIST_READS_MAX", 2)
    added(Kind.COUNTRY, "DE")
    added(Kind.EMAIL, "a@b.example")
    added(Kind.EMAIL, "b@b.example")
    cursor = added(Kind.COUNTRY, "FR")["entry_id"]
    # Then a page ends early, and says that there is more
    assert listing(kind="COUNTRY") == (["FR"], True)
    answer = api("GET", query={"kind": "COUNTRY", "starting_after": cursor})
    assert (answer.status, answer.body["fields"][0]["field"]) == (400, "kind")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"starting_after": NONE}, "unknown_cursor"),
        ({"starting_after": "cus_01hg0000000000000000000000"}, "unknown_cursor"),
        ({"kind": "country"}, "invalid_request"),
        ({"action": "REVIEW"}, "invalid_request"),
        ({"value": "DE"}, "invalid_request"),
        ({"limit": "101"}, "invalid_request"),
    ],
)
def test_a_wrong_page_is_refused(query: dict[str, str], code: str) -> None:
    answer = api("GET", query=query)
    assert (answer.status, answer.body["code"]) == (400, code)


def test_the_lists_of_another_merchant_are_not_there() -> None:
    entry_id = added()["entry_id"]
    more = {"merchant_id": OTHER_MERCHANT}
    assert api("GET", f"{PATH}/{entry_id}", **more).status == 404
    assert api("DELETE", f"{PATH}/{entry_id}", **more).status == 404
    assert api("GET", **more).body["data"] == []
    assert api("GET", query={"starting_after": entry_id}, **more).status == 400
    assert (
        api(
            "POST",
            body={"kind": "COUNTRY", "value": "DE", "action": "ALLOW", "reason": "x"},
            **more,
        ).status
        == 201
    )
    for wrong in ("x", "fle_x", NONE):
        assert api("GET", f"{PATH}/{wrong}").status == 404
        assert api("DELETE", f"{PATH}/{wrong}").status == 404
    assert api("POST", body={}, scopes="read").status == 403
    assert api("DELETE", f"{PATH}/{entry_id}", scopes="read").status == 403
