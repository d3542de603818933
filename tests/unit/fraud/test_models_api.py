"""/v1/fraud/models over the handler, and the model in force as payments get it."""

from __future__ import annotations

import base64
import json
from array import array
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from farthing import runtime
from farthing.errors import FarthingError
from farthing.fraud import model_file, model_wiring, models
from farthing.fraud.api_wiring import services
from farthing.fraud.bodies import LARGE_BODY_BYTES_MAX, MODEL_LENGTH_MAX
from farthing.fraud.model.artefact import Artefact, BadModel, Trees, pack
from farthing.fraud.model.features import FEATURES
from farthing.fraud.model_file import DEFAULT_FILE, UPLOAD_BYTES_MAX, described
from farthing.fraud.model_row import (
    NEVER_CHOSE,
    InForce,
    ModelMode,
    in_force_of,
    in_force_writes,
    model_in_force_key,
    model_key,
)
from farthing.fraud.model_wiring import AGAIN_AFTER_SECONDS, MODELS_KEPT_MAX, model_of
from farthing.store import EXISTS, ConditionFailed, Delete, StoreBusy, TenantScope, Update
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, Answer, call, principal

PATH = "/v1/fraud/models"
TENANT = TenantScope(MERCHANT, "test")
NAMES = list(FEATURES)
UNKNOWN = "0" * 64


@pytest.fixture(autouse=True)
def _aws(aws: None) -> None:
    """Every test here stands on tables."""


def model(asks: str = "amount", **more: Any) -> bytes:
    """A model of one question."""
    features = more.pop("features", NAMES)
    trees = Trees(
        roots=array("h", [0]),
        feature=array("B", [list(features).index(asks)]),
        flags=array("B", [0]),
        threshold=array("d", [5000.0]),
        left=array("h", [-1]),
        right=array("h", [-2]),
        expected=array("f", [0.0]),
        leaf=array("d", [-2.0, 2.0]),
    )
    header: dict[str, Any] = {
        "name": "own",
        "metrics": {"auc": 0.9, "frauds": 12},
        "card": {"trained_on": "payments of our own", "rounds": 1},
    }
    return pack(Artefact(features=tuple(features), trees=trees, **{**header, **more}))


def api(method: str, path: str = PATH, body: Any = None, **more: Any) -> Answer:
    return call("fraud", method, path, body, **more)


def sent(data: bytes, **more: Any) -> Answer:
    return api("POST", body={"model": base64.b64encode(data).decode(), **more})


def uploaded(data: bytes | None = None, **more: Any) -> dict[str, Any]:
    answer = sent(model() if data is None else data, **more)
    assert answer.status == 201, answer.text
    return answer.body


def activated(name: str, mode: str = "DECIDE", **more: Any) -> Answer:
    return api("POST", f"{PATH}/{name}/activate", {"mode": mode, **more})


def in_force() -> InForce:
    return in_force_of(runtime.store(TENANT).get(model_in_force_key(TENANT)))


def score(found: InForce) -> float | None:
    """What payments are told of one of 60 euros."""
    loaded = model_of(TENANT, found, runtime.store(TENANT))
    return None if loaded is None else loaded.probability([6000.0] * len(NAMES))


def test_an_uploaded_model_says_what_it_is() -> None:
    shown = uploaded(note="first try")
    assert shown == {
        "model": shown["sha256"],
        "sha256": shown["sha256"],
        "shipped": False,
        "name": "own",
        "trained_on": "payments of our own",
        "features": ["amount"],
        "metrics": {"auc": 0.9, "frauds": 12},
        "note": "first try",
        "created_at": shown["created_at"],
        "livemode": False,
    }
    assert api("GET", f"{PATH}/{shown['sha256']}").body == shown
    # And the same bytes again are the same model
    again = sent(model(), note="second try")
    assert (again.status, again.body) == (200, shown)
    assert uploaded(model(name="other"))["sha256"] != shown["sha256"]


def test_of_two_who_upload_the_same_at_once_both_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first = uploaded()
    find, seen = models._find, []

    def late(here: Any, sha256: str) -> Any:
        seen.append(sha256)
        return None if len(seen) == 1 else find(here, sha256)

    monkeypatch.setattr(models, "_find", late)
    again = sent(model())
    assert (again.status, again.body) == (200, first)
    assert len(api("GET").body["data"]) == 2


def test_the_model_that_ships_is_there_and_only_watches() -> None:
    shown = api("GET", f"{PATH}/default").body
    assert (shown["model"], shown["shipped"], shown["created_at"]) == ("default", True, None)
    assert "simulated" in shown["trained_on"]
    assert shown["metrics"]["auc"] > 0.5
    assert api("GET", f"{PATH}/in_force").body == {
        "version": 0,
        "model": "default",
        "mode": "WATCH",
        "activated_at": None,
        "note": None,
        "livemode": False,
    }
    assert in_force() == NEVER_CHOSE
    assert score(NEVER_CHOSE) is not None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"model": "not base64"}, "model"),
        ({"model": "ä" * 8}, "model"),
        ({"model": "AAA"}, "model"),
        ({"model": None}, "model"),
        ({"model": "AAAA", "note": 1}, "note"),
        ({"model": "AAAA", "sha256": UNKNOWN}, "sha256"),
        ({"model": "A" * (MODEL_LENGTH_MAX + 1)}, "model"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    answer = api("POST", body=body)
    assert answer.status == 400
    assert [problem["field"] for problem in answer.body["fields"]] == [field]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"something else", "does not begin like a model"),
        (model()[:-1], "damaged"),
        (model()[:60] + b"\x00" + model()[61:], "damaged"),
        (model("terminal_risk_7d"), "asks terminal_risk_7d, and no payment here has a terminal"),
        (model("amount", features=["amount", "shoe_size"]), "makes no feature shoe_size"),
        (model(name=""), "name is no text"),
        (model(name="x" * 101), "name is no text"),
        (model(name="half \ud800"), "name is no text"),
        (model(name="4242 4242 4242 4242"), "name holds what looks like a card number"),
        (model(card={"trained_on": ["x"]}), "trained_on, and no text"),
        (model(card={"trained_on": "x" * 501}), "trained_on is no text"),
        (model(card={"trained_on": "4242424242424242"}), "trained_on holds what looks like"),
        (model(metrics={"auc": "high"}), "metrics are not numbers"),
        (model(metrics={"auc": True}), "metrics are not numbers"),
        (model(metrics={"a b": 1}), "metrics are not numbers"),
        (model(metrics={"auc": 10**20}), "metric auc is no number to show"),
        (model(metrics={f"m{n}": n for n in range(41)}), "41 metrics"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(data: bytes, why: str) -> None:
    answer = sent(data)
    assert (answer.status, answer.body["code"]) == (400, "invalid_request")
    (problem,) = answer.body["fields"]
    assert problem["field"] == "model"
    assert why in problem["message"]
    assert "4242" not in answer.text
    assert len(api("GET").body["data"]) == 1


def test_a_model_may_be_so_large() -> None:
    padded = model(card={"x": "y" * (UPLOAD_BYTES_MAX - len(model(card={"x": ""})))})
    assert len(padded) == UPLOAD_BYTES_MAX
    assert uploaded(padded)["trained_on"] is None
    with pytest.raises(BadModel, match="at most 300000 are taken"):
        described(padded + b"\x00")
    # And the body that brings it fits
    assert len(json.dumps({"model": "A" * MODEL_LENGTH_MAX, "note": "é" * 500})) < (
        LARGE_BODY_BYTES_MAX
    )


def test_a_model_that_names_terminals_and_does_not_ask_them_is_taken() -> None:
    assert "terminal_risk_7d" in NAMES
    assert uploaded(model("hour"))["features"] == ["hour"]


def test_the_model_in_force_is_the_one_that_payments_get() -> None:
    name = uploaded()["sha256"]
    answer = activated(name, note="our own")
    assert (answer.status, answer.body["version"], answer.body["mode"]) == (200, 1, "DECIDE")
    assert api("GET", f"{PATH}/in_force").body == answer.body
    found = in_force()
    assert (found.version, found.model, found.mode) == (1, name, ModelMode.DECIDE)
    assert score(found) == pytest.approx(0.8808, abs=1e-4)
    # When none is in force, none is asked
    off = api("POST", f"{PATH}/deactivate", {"note": "too strict"})
    assert (off.status, off.body["model"], off.body["mode"]) == (200, None, None)
    assert (in_force().version, score(in_force())) == (2, None)
    # And one can go back
    assert activated("default", "WATCH").body["version"] == 3
    assert activated(name, "WATCH").body["version"] == 4
    listed = api("GET", f"{PATH}/history").body["data"]
    assert [(one["version"], one["model"], one["mode"], one["note"]) for one in listed] == [
        (4, name, "WATCH", None),
        (3, "default", "WATCH", None),
        (2, None, None, "too strict"),
        (1, name, "DECIDE", "our own"),
        (0, "default", "WATCH", None),
    ]


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        (UNKNOWN, {"mode": "DECIDE"}, 404),
        ("in_force", {"mode": "DECIDE"}, 404),
        ("DEFAULT", {"mode": "DECIDE"}, 404),
        ("default", {}, 400),
        ("default", {"mode": "OFF"}, 400),
        ("default", {"mode": None}, 400),
        ("default", {"mode": "WATCH", "note": "4242424242424242"}, 400),
        ("default", {"mode": "WATCH", "version": 1}, 400),
    ],
)
def test_what_cannot_be_put_in_force_is_refused(
    name: str, body: dict[str, Any], status: int
) -> None:
    assert api("POST", f"{PATH}/{name}/activate", body).status == status
    assert in_force() == NEVER_CHOSE


def test_of_two_who_choose_at_once_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    here = services(principal())
    activated("default")
    monkeypatch.setattr(models, "in_force", lambda _: NEVER_CHOSE)
    for late in (
        lambda: models.activate(here, "default", ModelMode.WATCH),
        lambda: models.deactivate(here),
    ):
        with pytest.raises(FarthingError) as refused:
            late()
        assert refused.value.code.code == "conflict"
    assert (in_force().version, in_force().mode) == (1, ModelMode.DECIDE)


def test_no_version_is_left_out_and_none_is_put_in_force_again() -> None:
    store, now = runtime.store(TENANT), runtime.clock().now()
    for version, why in ((2, "FOLLOWS"), (1, None), (1, "NOT_CREATED"), (3, "FOLLOWS"), (2, None)):
        writes = in_force_writes(TENANT, InForce(version, None, None), now)
        if why is None:
            store.write(*writes)
            continue
        with pytest.raises(ConditionFailed, match=why):
            store.write(*writes)
    assert in_force().version == 2


def test_models_are_listed_the_shipped_one_first_then_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = []
    for n in range(3):
        monkeypatch.setattr(runtime, "_test_clock_offset", lambda n=n: timedelta(hours=n))
        names.append(uploaded(model(name=f"model {n}"))["sha256"])
    old, middle, new = names

    def listed(**query: str) -> tuple[list[str], bool]:
        answer = api("GET", query=query)
        assert answer.status == 200, answer.text
        return [one["model"] for one in answer.body["data"]], answer.body["has_more"]

    assert listed() == (["default", new, middle, old], False)
    assert listed(limit="1") == (["default"], True)
    assert listed(limit="2", starting_after="default") == ([new, middle], True)
    assert listed(limit="2", starting_after=middle) == ([old], False)
    assert listed(starting_after=old) == ([], False)
    one = api("GET", query={"limit": "2"}).body["data"][1]
    assert one == api("GET", f"{PATH}/{new}").body


@pytest.mark.parametrize("path", [PATH, f"{PATH}/history"])
def test_a_wrong_page_is_refused(path: str) -> None:
    for query, code in (
        ({"starting_after": UNKNOWN}, "unknown_cursor"),
        ({"starting_after": "9"}, "unknown_cursor"),
        ({"starting_after": "x"}, "unknown_cursor"),
        ({"starting_after": ""}, "unknown_cursor"),
        ({"limit": "0"}, "invalid_request"),
        ({"mode": "WATCH"}, "invalid_request"),
    ):
        answer = api("GET", path, query=query)
        assert (answer.status, answer.body["code"]) == (400, code), query


def test_history_goes_on_where_a_page_ended() -> None:
    for mode in ("WATCH", "DECIDE"):
        activated("default", mode)

    def listed(**query: str) -> tuple[list[int], bool]:
        answer = api("GET", f"{PATH}/history", query=query)
        return [one["version"] for one in answer.body["data"]], answer.body["has_more"]

    assert listed(limit="1") == ([2], True)
    assert listed(limit="2", starting_after="2") == ([1, 0], False)
    assert listed(starting_after="0") == ([], False)


def test_the_models_of_another_merchant_are_not_there() -> None:
    name = uploaded()["sha256"]
    activated(name)
    more = {"merchant_id": OTHER_MERCHANT}
    assert api("GET", f"{PATH}/{name}", **more).status == 404
    assert api("POST", f"{PATH}/{name}/activate", {"mode": "WATCH"}, **more).status == 404
    assert api("GET", f"{PATH}/in_force", **more).body["version"] == 0
    assert len(api("GET", **more).body["data"]) == 1
    assert len(api("GET", f"{PATH}/history", **more).body["data"]) == 1
    other = TenantScope(OTHER_MERCHANT, "test")
    assert model_of(TENANT, in_force(), runtime.store(TENANT)) is not None
    assert model_of(other, in_force(), runtime.store(other)) is None
    assert api("POST", f"{PATH}/deactivate", {}, scopes="read").status == 403


class Store:
    """Counts reads, and fails them by `error` while there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.reads = error, 0

    def get(self, key: Any) -> Any:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return runtime.store(TENANT).get(key)


BROKEN = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetItem")


def test_a_model_is_read_once_for_the_life_of_the_process() -> None:
    found, store = InForce(1, uploaded()["sha256"], ModelMode.DECIDE), Store()
    first = model_of(TENANT, found, store)
    assert first is not None
    assert model_of(TENANT, found, store) is first
    assert store.reads == 1
    # And that the one that ships is asked costs no read
    assert model_of(TENANT, NEVER_CHOSE, store) is model_of(TENANT, NEVER_CHOSE, store)
    assert store.reads == 1


@pytest.mark.parametrize("error", [BROKEN, StoreBusy("throttled")])
def test_a_model_that_cannot_be_read_costs_no_payment_and_is_looked_for_again_later(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(model_wiring, "log_unhandled", told.append)
    monkeypatch.setattr(model_wiring, "count", told.append)
    found, store = InForce(1, uploaded()["sha256"], ModelMode.DECIDE), Store(error)
    assert model_of(TENANT, found, store) is None
    assert told == [error, model_wiring.UNREADABLE_METRIC]
    # When the next payment comes, nobody looks and nobody is told again
    store.error = None
    assert model_of(TENANT, found, store) is None
    assert (store.reads, len(told)) == (1, 2)
    ahead = timedelta(seconds=AGAIN_AFTER_SECONDS)
    monkeypatch.setattr(runtime, "_test_clock_offset", lambda: ahead)
    runtime.begin(None)
    assert model_of(TENANT, found, store) is not None


def test_a_model_that_is_gone_damaged_or_another_one_is_none() -> None:
    mine, other = uploaded()["sha256"], uploaded(model(name="other"))["sha256"]
    store, key = runtime.store(TENANT), model_key(TENANT, mine)
    other_file = store.get(model_key(TENANT, other))
    assert other_file is not None
    for file in (b"FARTHING", other_file["file"], model("amount", features=["amount", "shoe"])):
        runtime.platform().memo.pop("fraud_models", None)
        store.write(Update(key, EXISTS, set={"file": file}))
        assert model_of(TENANT, InForce(1, mine, ModelMode.WATCH), store) is None
    runtime.platform().memo.pop("fraud_models", None)
    store.write(Delete(key, EXISTS))
    assert model_of(TENANT, InForce(1, mine, ModelMode.WATCH), store) is None


def test_a_model_of_features_that_are_no_longer_made_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = uploaded()["sha256"]
    monkeypatch.setattr(model_file, "FEATURES", {"hour": "the time of day"})
    assert model_of(TENANT, InForce(1, name, ModelMode.WATCH), runtime.store(TENANT)) is None


def test_a_default_model_that_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_wiring, "DEFAULT_FILE", DEFAULT_FILE.with_name("none"))
    assert model_of(TENANT, NEVER_CHOSE, Store()) is None


def test_a_process_keeps_so_many_models() -> None:
    names = [uploaded(model(name=f"model {n}"))["sha256"] for n in range(MODELS_KEPT_MAX + 1)]
    store = Store()
    for name in [*names, *names[1:]]:
        assert model_of(TENANT, InForce(1, name, ModelMode.WATCH), store) is not None
    assert store.reads == len(names)
    assert len(runtime.platform().memo["fraud_models"]) == MODELS_KEPT_MAX
    model_of(TENANT, InForce(1, names[0], ModelMode.WATCH), store)
    assert store.reads == len(names) + 1


def test_a_models_file_is_no_part_of_any_list() -> None:
    uploaded()
    partition = boto3.client("dynamodb").query(
        TableName=runtime.table_names()["risk"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": TENANT.pk("MODELS")}},
    )["Items"]
    assert [("file" in item, item["name"]["S"]) for item in partition] == [(False, "own")]
