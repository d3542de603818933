"""/v1/fraud/rules over the handler: published, refused, gone back to."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from farthing import runtime
from farthing.errors import FarthingError
from farthing.fraud import rule_sets
from farthing.fraud.api_wiring import services
from farthing.fraud.bodies import LARGE_BODY_BYTES_MAX
from farthing.fraud.rule_document import DOCUMENT_LENGTH_MAX
from farthing.fraud.rule_row import DEFAULT_RULES, default_rules, in_force_key, rules_of
from farthing.store import TenantScope
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, Answer, call, principal
from tests.unit.fraud.test_rule_document import EXAMPLE

PATH = "/v1/fraud/rules"
VERSIONS = f"{PATH}/versions"
TENANT = TenantScope(MERCHANT, "test")


@pytest.fixture(autouse=True)
def _aws(aws: None) -> None:
    """Every test here stands on tables."""


def api(method: str, path: str = PATH, body: Any = None, **more: Any) -> Answer:
    return call("fraud", method, path, body, **more)


def published(**more: Any) -> dict[str, Any]:
    answer = api("POST", body={"document": EXAMPLE, **more})
    assert answer.status == 201, answer.text
    return answer.body


def with_reason(reason: str) -> dict[str, Any]:
    document = copy.deepcopy(EXAMPLE)
    document["rules"][0]["reason"] = reason
    return document


def test_whoever_published_none_has_the_default_rules() -> None:
    answer = api("GET")
    assert (answer.status, answer.body["version"], answer.body["published_at"]) == (200, 0, None)
    assert answer.body["document"]["rules"] == json.loads(DEFAULT_RULES.read_text())["rules"]
    assert api("GET", f"{VERSIONS}/0").body == answer.body


def test_published_rules_are_in_force_at_once() -> None:
    answer = published(note="spring sale")
    assert (answer["version"], answer["note"], answer["livemode"]) == (1, "spring sale", False)
    assert answer["document"] == EXAMPLE
    assert api("GET").body == answer
    assert api("GET", f"{VERSIONS}/1").body == answer
    assert published()["note"] is None
    assert api("GET").body["version"] == 2
    # And payments find them
    found = rules_of(runtime.store(TENANT).get(in_force_key(TENANT)))
    assert (found.version, found.rules[0].rule_id) == (2, "one")


def test_every_mistake_is_told_with_its_place_and_nothing_is_written() -> None:
    document = copy.deepcopy(EXAMPLE)
    document["rules"][0]["when"][0]["value"] = 7
    document["rules"].append("x")
    document["extra"] = 1
    answer = api("POST", body={"document": document})
    assert (answer.status, answer.body["code"]) == (400, "invalid_request")
    assert [problem["field"] for problem in answer.body["fields"]] == [
        "document.extra",
        "document.rules[0].when[0].value",
        "document.rules[1]",
    ]
    assert api("GET").body["version"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "document"),
        ({"document": None}, "document"),
        ({"document": [1]}, "document"),
        ({"document": EXAMPLE, "follows": -1}, "follows"),
        ({"document": EXAMPLE, "follows": "0"}, "follows"),
        ({"document": EXAMPLE, "note": "x" * 501}, "note"),
        ({"document": EXAMPLE, "version": 3}, "version"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    answer = api("POST", body=body)
    assert answer.status == 400
    assert [problem["field"] for problem in answer.body["fields"]] == [field]


def test_of_very_many_mistakes_a_hundred_are_told() -> None:
    answer = api("POST", body={"document": {"rules": [{}] * 90}})
    assert (answer.status, len(answer.body["fields"])) == (400, rule_sets.MISTAKES_SHOWN_MAX)
    assert "540 mistakes" in answer.body["detail"]


def test_a_card_number_is_refused_wherever_it_stands() -> None:
    number = "4242 4242 4242 4242"
    listed = copy.deepcopy(EXAMPLE)
    listed["rules"][0]["when"][1] = {
        "field": "card_brand",
        "operator": "in",
        "value": ["visa", number],
    }
    for body, field in (
        ({"document": with_reason(f"as {number}")}, "document.rules[0].reason"),
        ({"document": listed}, "document.rules[0].when[1].value[1]"),
        ({"document": EXAMPLE, "note": number}, "note"),
    ):
        answer = api("POST", body=body)
        assert (answer.status, answer.body["code"]) == (400, "card_number_in_text")
        assert [problem["field"] for problem in answer.body["fields"]] == [field]
        assert number not in answer.text


def test_as_large_a_document_as_a_row_holds_is_taken_and_no_larger_body() -> None:
    document = copy.deepcopy(EXAMPLE)
    ask = {"field": "card_brand", "operator": "in", "value": [f"x{n:062}" for n in range(500)]}
    document["rules"][0]["when"] = [ask] * 5
    text = json.dumps({"document": document})
    assert 64 * 1024 < len(text) < DOCUMENT_LENGTH_MAX
    assert api("POST", raw=text).status == 201
    padded = text + " " * (LARGE_BODY_BYTES_MAX - len(text))
    assert api("POST", raw=padded).status == 201
    assert api("POST", raw=f"{padded} ").body["code"] == "body_too_large"
    assert api("POST", f"{VERSIONS}/1/activate", raw=" " * 65_537).body["code"] == "body_too_large"


def test_who_follows_another_version_than_the_one_in_force_is_told() -> None:
    assert published(follows=0)["version"] == 1
    answer = api("POST", body={"document": EXAMPLE, "follows": 0})
    assert (answer.status, answer.body["code"]) == (409, "conflict")
    assert "version 1 is in force" in answer.body["detail"]
    assert published(follows=1)["version"] == 2


def test_of_two_who_publish_at_once_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = services(principal())
    before = rule_sets.in_force(mine)
    published()
    monkeypatch.setattr(rule_sets, "in_force", lambda _: before)
    for late in (
        lambda: rule_sets.publish(mine, EXAMPLE),
        lambda: rule_sets.activate(mine, "0"),
    ):
        with pytest.raises(FarthingError) as refused:
            late()
        assert refused.value.code.code == "conflict"
    assert api("GET", f"{VERSIONS}/2").status == 404


def test_going_back_publishes_the_earlier_version_as_the_next() -> None:
    published(note="a mistake")
    answer = api("POST", f"{VERSIONS}/0/activate")
    assert (answer.status, answer.body["version"]) == (201, 2)
    assert answer.body["note"] == "version 0 again"
    assert answer.body["document"] == api("GET", f"{VERSIONS}/0").body["document"]
    again = api("POST", f"{VERSIONS}/1/activate")
    assert (again.body["version"], again.body["document"]) == (3, EXAMPLE)
    # And what was is there for good
    assert api("GET", f"{VERSIONS}/1").body["note"] == "a mistake"
    assert rules_of(runtime.store(TENANT).get(in_force_key(TENANT))).version == 3
    assert default_rules().version == 0


@pytest.mark.parametrize("version", ["3", "-1", "01", "latest", "1e1", "9" * 9, "9" * 5000])
def test_there_is_no_other_version(version: str) -> None:
    published()
    assert api("GET", f"{VERSIONS}/{version}").status == 404
    assert api("POST", f"{VERSIONS}/{version}/activate").status == 404


def test_versions_are_listed_newest_first_down_to_the_default() -> None:
    for note in "abc":
        published(note=note)

    def listed(**query: str) -> tuple[list[int], bool]:
        answer = api("GET", VERSIONS, query=query)
        assert answer.status == 200, answer.text
        return [one["version"] for one in answer.body["data"]], answer.body["has_more"]

    assert listed() == ([3, 2, 1, 0], False)
    assert listed(limit="2") == ([3, 2], True)
    assert listed(limit="2", starting_after="2") == ([1, 0], False)
    assert listed(limit="3", starting_after="3") == ([2, 1, 0], False)
    assert listed(limit="1", starting_after="1") == ([0], False)
    assert listed(starting_after="0") == ([], False)
    newest = api("GET", VERSIONS).body["data"][0]
    assert (newest["note"], newest["rule_count"], "document" in newest) == ("c", 1, False)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"starting_after": "4"}, "unknown_cursor"),
        ({"starting_after": "x"}, "unknown_cursor"),
        ({"limit": "0"}, "invalid_request"),
        ({"note": "a"}, "invalid_request"),
    ],
)
def test_a_wrong_page_is_refused(query: dict[str, str], code: str) -> None:
    answer = api("GET", VERSIONS, query=query)
    assert (answer.status, answer.body["code"]) == (400, code)


def test_a_page_of_large_versions_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB ends a read at 1 MB; here at one row."""
    for _ in range(3):
        published()
    store = services(principal()).store
    query = type(store).query

    def short(self: Any, *args: Any, **more: Any) -> Any:
        return query(self, *args, **{**more, "limit": 1})

    monkeypatch.setattr(type(store), "query", short)
    assert [one["version"] for one in api("GET", VERSIONS).body["data"]] == [3, 2, 1, 0]


def test_the_rules_of_another_merchant_are_not_there() -> None:
    published()
    assert api("GET", merchant_id=OTHER_MERCHANT).body["version"] == 0
    assert api("GET", f"{VERSIONS}/1", merchant_id=OTHER_MERCHANT).status == 404
    assert len(api("GET", VERSIONS, merchant_id=OTHER_MERCHANT).body["data"]) == 1


def test_a_reader_cannot_publish_and_a_page_can_do_nothing_here() -> None:
    from farthing.access.principal import KeyKind

    assert api("GET", scopes="read").status == 200
    assert api("POST", body={"document": EXAMPLE}, scopes="read").status == 403
    assert api("GET", kind=KeyKind.PUBLISHABLE).status == 403
