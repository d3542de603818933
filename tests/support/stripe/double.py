"""A small Stripe in this process, built from its documentation, for what localstripe lacks.

It knows what the connector uses: PaymentIntents with their charges, refunds, customers, payment
methods that pay once, disputes, lists, search that lags, events. What a method does is in its name:
`pm_7_stolen` is declined, `pm_7` approved. One that begins with `pm_card_` may pay again and again,
as Stripe's own test methods do.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from farthing.acquiring.exchange import Exchanged
from tests.support.stripe import disputes
from tests.support.stripe.idempotency import IdempotencyLayer, error

SEARCH_LAG_SECONDS = 60
AUTHORIZED_FOR_SECONDS = 7 * 24 * 60 * 60
CARDS: dict[str, dict[str, str]] = {
    "chargeDeclined": {"code": "card_declined", "decline_code": "generic_decline"},
    "poor": {"code": "card_declined", "decline_code": "insufficient_funds"},
    "stolen": {"code": "card_declined", "decline_code": "stolen_card"},
    "expired": {"code": "expired_card", "decline_code": "expired_card"},
    "cvc": {"code": "incorrect_cvc", "decline_code": "incorrect_cvc"},
    "secure": {"code": "authentication_required", "decline_code": "authentication_required"},
}
"""Kind of payment method → the error of its charge. Others are approved."""

Row = dict[str, Any]


class Refused(Exception):
    """An answer other than 200. `begun`: whether the endpoint's execution had begun."""

    def __init__(self, status: int, kind: str, *, begun: bool = True, **more: Any) -> None:
        self.status, self.kind, self.begun, self.more = status, kind, begun, more


def invalid(code: str | None = None, *, begun: bool = True, **more: Any) -> Refused:
    return Refused(400, "invalid_request_error", begun=begun, code=code, **more)


@dataclass
class StripeDouble:
    """One account. `fail` may answer instead of an endpoint, `fail_after` after its effect."""

    now: float = 1_780_000_000.0
    payments: dict[str, Row] = field(default_factory=dict)
    refunds: dict[str, Row] = field(default_factory=dict)
    customers: dict[str, Row] = field(default_factory=dict)
    methods: dict[str, Row] = field(default_factory=dict)
    disputes: dict[str, Row] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    fail: Callable[[str, str], Exchanged | None] = lambda method, path: None
    fail_after: Callable[[str, str], Exchanged | None] = lambda method, path: None
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.layer = IdempotencyLayer(lambda: self.now, self.date)

    def date(self) -> str:
        return format_datetime(datetime.fromtimestamp(int(self.now), UTC), usegmt=True)

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeout_seconds: int,
        headers: Mapping[str, str],
    ) -> Exchanged:
        self.requests.append((method, path.partition("?")[0]))
        if method == "GET":
            return self._execute(method, path, b"")[0]
        return self.layer(path, body, headers, lambda: self._execute(method, path, body or b""))

    def _execute(self, method: str, path: str, body: bytes) -> tuple[Exchanged, bool]:
        path, _, query = path.partition("?")
        if instead := self.fail(method, path):
            return instead, instead[0] >= 500
        try:
            fields = tree(parse_qsl(query or body.decode(), keep_blank_values=True))
            told = self._route(method, path, fields)
        except Refused as refused:
            more = {name: value for name, value in refused.more.items() if value is not None}
            return error(refused.status, refused.kind, self.date(), **more), refused.begun
        if instead := self.fail_after(method, path):
            return instead, True
        return (200, json.dumps(told).encode(), self.date()), True

    def _route(self, method: str, path: str, fields: Row) -> Row:
        for wanted, pattern, do in _ROUTES:
            if wanted == method and (match := re.fullmatch(pattern, path)):
                return do(self, *match.groups(), fields)
        raise Refused(404, "invalid_request_error", begun=False)

    # --- payment intents -----------------------------------------------------------------------

    def _open(self, fields: Row) -> Row:
        allowed = {"amount", "currency", "capture_method", "payment_method_types", "description"}
        if fields.keys() - allowed - {"metadata"}:
            raise invalid("parameter_unknown", begun=False)
        if not 1 <= int(fields["amount"]) <= 99_999_999 or fields["currency"] == "iqd":
            raise invalid("amount_too_small", begun=False)
        payment = self.new("payment_intent", "pi") | {
            "amount": int(fields["amount"]),
            "amount_capturable": 0,
            "amount_received": 0,
            "canceled_at": None,
            "capture_method": fields["capture_method"],
            "currency": fields["currency"],
            "customer": None,
            "last_payment_error": None,
            "latest_charge": None,
            "metadata": dict(fields.get("metadata", {})),
            "status": "requires_payment_method",
        }
        self.payments[payment["id"]] = payment
        return shown(payment)

    def _read(self, id_: str, fields: Row) -> Row:
        return shown(self._payment(id_))

    def _update(self, id_: str, fields: Row) -> Row:
        payment = self._payment(id_)
        if payment["status"] in {"canceled", "succeeded"}:
            raise self._wrong_state(payment)
        payment["metadata"] |= fields.get("metadata", {})
        payment["customer"] = fields.get("customer", payment["customer"])
        return shown(payment)

    def _confirm(self, id_: str, fields: Row) -> Row:
        payment = self._payment(id_)
        if payment["status"] not in {"requires_payment_method", "requires_confirmation"}:
            raise self._wrong_state(payment)
        token = fields["payment_method"]
        method = self._method_row(token)
        if method["customer"] is not None and method["customer"] != payment["customer"]:
            raise invalid(param="payment_method")
        if method["used"] and method["customer"] is None:
            raise invalid(param="payment_method")
        method["used"] = not token.startswith("pm_card_")  # Stripe's own test tokens always pay
        refused = CARDS.get(token.split("_")[-1])
        charge = self._charge(payment, token, refused)
        payment["latest_charge"] = charge
        if refused is not None:
            payment["last_payment_error"] = {"type": "card_error", **refused}
            self.tell("payment_intent.payment_failed", payment)
            told = {**refused, "payment_intent": shown(payment)}
            raise Refused(402, "card_error", **told)
        method["reusable"] = method["reusable"] or "setup_future_usage" in fields
        payment["last_payment_error"] = None
        if payment["capture_method"] == "manual":
            payment |= {"status": "requires_capture", "amount_capturable": payment["amount"]}
            self.tell("payment_intent.amount_capturable_updated", payment)
        else:
            payment |= {"status": "succeeded", "amount_received": payment["amount"]}
            self.tell("payment_intent.succeeded", payment)
        return shown(payment)

    def _capture(self, id_: str, fields: Row) -> Row:
        payment = self._payment(id_)
        if payment["status"] != "requires_capture":
            raise self._wrong_state(payment)
        amount = int(fields.get("amount_to_capture", payment["amount"]))
        if amount > payment["amount_capturable"]:
            raise invalid("amount_too_large")
        payment |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
        payment["metadata"] |= fields.get("metadata", {})
        payment["latest_charge"]["amount_refunded"] = payment["amount"] - amount
        payment["latest_charge"]["captured"] = True
        self.tell("payment_intent.succeeded", payment)
        return shown(payment)

    def _cancel(self, id_: str, fields: Row) -> Row:
        payment = self._payment(id_)
        if payment["status"] in {"succeeded", "canceled", "processing"}:
            raise self._wrong_state(payment)
        payment |= {"status": "canceled", "canceled_at": int(self.now), "amount_capturable": 0}
        if payment["latest_charge"] is not None:
            payment["latest_charge"]["amount_refunded"] = payment["amount"]
        self.tell("payment_intent.canceled", payment)
        return shown(payment)

    def _search(self, fields: Row) -> Row:
        (reference,) = re.findall(r"metadata\['farthing_reference'\]:'([^']+)'", fields["query"])
        found = [
            shown(one)
            for one in self.payments.values()
            if one["metadata"].get("farthing_reference") == reference
            and one["created"] <= self.now - SEARCH_LAG_SECONDS
        ]
        return {"object": "search_result", "data": found, "has_more": False}

    def _charge(self, payment: Row, token: str, refused: dict[str, str] | None) -> Row:
        manual = payment["capture_method"] == "manual"
        before = int(self.now) + AUTHORIZED_FOR_SECONDS if manual and not refused else None
        return self.new("charge", "ch") | {
            "amount": payment["amount"],
            "amount_refunded": 0,
            "captured": not manual and refused is None,
            "metadata": dict(payment["metadata"]),  # a copy: it does not follow
            "payment_intent": payment["id"],
            "payment_method_details": {
                "type": "card",
                "card": {
                    "authorization_code": None if refused else f"{next(self._numbers):06d}",
                    "brand": "visa",
                    "capture_before": before,
                    "exp_month": 12,
                    "exp_year": 2034,
                    "last4": "4242",
                    "network_transaction_id": None if refused else f"{next(self._numbers):015d}",
                },
            },
            "status": "failed" if refused else "succeeded",
            "token": token,
        }

    # --- refunds -------------------------------------------------------------------------------

    def _refund(self, fields: Row) -> Row:
        payment = self._payment(fields["payment_intent"])
        charge, amount = payment["latest_charge"], int(fields["amount"])
        if payment["status"] != "succeeded":
            raise invalid("charge_not_refundable", begun=False)
        left = payment["amount"] - charge["amount_refunded"]
        if amount > left:
            raise invalid("charge_already_refunded" if not left else None)
        pends = charge["token"].endswith("_pending")
        charge["amount_refunded"] += amount
        refund = self.new("refund", "re") | {
            "amount": amount,
            "currency": payment["currency"],
            "failure_reason": None,
            "metadata": dict(fields.get("metadata", {})),
            "payment_intent": payment["id"],
            "status": "pending" if pends else "succeeded",
        }
        self.refunds[refund["id"]] = refund
        self.tell("refund.created", refund)
        return dict(refund)

    def end_refunds(self, status: str = "succeeded", reason: str | None = None) -> None:
        """Refunds that wait come to their end."""
        for refund in self.refunds.values():
            if refund["status"] == "pending":
                refund |= {"status": status, "failure_reason": reason}
                self.tell("refund.failed" if status == "failed" else "refund.updated", refund)

    def fail_refund(self, id_: str) -> None:
        """The bank sends one back, days later."""
        refund = self.refunds[id_]
        refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        self._payment(refund["payment_intent"])["latest_charge"]["amount_refunded"] -= refund[
            "amount"
        ]
        self.tell("refund.failed", refund)

    # --- customers and methods -----------------------------------------------------------------

    def _customer(self, fields: Row) -> Row:
        customer = self.new("customer", "cus")
        self.customers[customer["id"]] = customer
        return customer

    def _method(self, token: str, fields: Row) -> Row:
        return dict(self._method_row(token))

    def _attach(self, token: str, fields: Row) -> Row:
        method = self._method_row(token)
        if method["used"] and not method["reusable"]:
            raise invalid()
        method["customer"] = fields["customer"]
        return dict(method)

    def _method_row(self, token: str) -> Row:
        if not token.startswith("pm_") or token.startswith("pm_unknown"):
            raise invalid("resource_missing", begun=False, param="payment_method")
        new = {"object": "payment_method", "id": token, "customer": None}
        return self.methods.setdefault(token, new | {"used": False, "reusable": False})

    # --- lists ---------------------------------------------------------------------------------

    def _list_payments(self, fields: Row) -> Row:
        return self._listed(map(shown, self.payments.values()), fields)

    def _list_refunds(self, fields: Row) -> Row:
        wanted = fields.get("payment_intent")
        rows = [r for r in self.refunds.values() if wanted in {None, r["payment_intent"]}]
        return self._listed(rows, fields)

    def _list_events(self, fields: Row) -> Row:
        types = fields.get("types", [])
        return self._listed([one for one in self.events if one["type"] in types], fields)

    def _listed(self, rows: Any, fields: Row) -> Row:
        bounds = fields.get("created", {})
        first, end = int(bounds.get("gte", 0)), int(bounds.get("lt", 10**12))
        kept = [row for row in list(rows)[::-1] if first <= row["created"] < end]
        if after := fields.get("starting_after"):
            kept = kept[[row["id"] for row in kept].index(after) + 1 :]
        limit = int(fields.get("limit", 10))
        return {"object": "list", "data": kept[:limit], "has_more": len(kept) > limit}

    # --- what several need ---------------------------------------------------------------------

    def refusal(self, status: int, **more: Any) -> Refused:
        """What an endpoint refuses with."""
        return Refused(status, "invalid_request_error", begun=False, **more)

    def new(self, kind: str, prefix: str) -> Row:
        id_ = f"{prefix}_{next(self._numbers):024d}"
        return {"id": id_, "object": kind, "created": int(self.now), "livemode": False}

    def _payment(self, id_: str) -> Row:
        if id_ not in self.payments:
            raise Refused(404, "invalid_request_error", begun=False, code="resource_missing")
        return self.payments[id_]

    def _wrong_state(self, payment: Row) -> Refused:
        return invalid("payment_intent_unexpected_state", payment_intent=shown(payment))

    def tell(self, kind: str, row: Row) -> None:
        event = self.new("event", "evt") | {"type": kind, "data": {"object": shown(row)}}
        self.events.append(event)


def shown(row: Row) -> Row:
    """As it is now: what happens later does not change it."""
    copied: Row = json.loads(json.dumps(row))
    return copied


def tree(pairs: list[tuple[str, str]]) -> Row:
    """`a[b]=1&c[]=x` → nested."""
    made: Row = {}
    for name, value in pairs:
        if name.endswith("[]"):
            made.setdefault(name[:-2], []).append(value)
        elif match := re.fullmatch(r"([^\[]+)\[([^\]]+)\]", name):
            made.setdefault(match[1], {})[match[2]] = value
        else:
            made[name] = value
    return made


_ROUTES: list[tuple[str, str, Callable[..., Row]]] = [
    ("POST", r"/v1/payment_intents", StripeDouble._open),
    ("GET", r"/v1/payment_intents", StripeDouble._list_payments),
    ("GET", r"/v1/payment_intents/search", StripeDouble._search),
    ("GET", r"/v1/payment_intents/(pi_\w+)", StripeDouble._read),
    ("POST", r"/v1/payment_intents/(pi_\w+)", StripeDouble._update),
    ("POST", r"/v1/payment_intents/(pi_\w+)/confirm", StripeDouble._confirm),
    ("POST", r"/v1/payment_intents/(pi_\w+)/capture", StripeDouble._capture),
    ("POST", r"/v1/payment_intents/(pi_\w+)/cancel", StripeDouble._cancel),
    ("POST", r"/v1/refunds", StripeDouble._refund),
    ("GET", r"/v1/refunds", StripeDouble._list_refunds),
    ("GET", r"/v1/events", StripeDouble._list_events),
    ("POST", r"/v1/customers", StripeDouble._customer),
    ("GET", r"/v1/payment_methods/(\w+)", StripeDouble._method),
    ("POST", r"/v1/payment_methods/(\w+)/attach", StripeDouble._attach),
    *disputes.ROUTES,
]
