"""A hostile acquirer: the sandbox's protocol, books of its own, and all that a network can do.

    exchange ──► on its way ──► lands: books, answer ──► on its way back
        │            │                                       │
        └ refused    └ lost, or lands late                   └ lost, reset, garbage, unsigned

Its clock is the world's. A request that has left lands, whether or not its sender lives to see it.
All chance comes from the dice that it is given, so the real connectors run on it and a seed is a
whole history.

It checks itself that an operation's row was there before its reference was sent (invariant 6).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, NoReturn
from urllib.parse import parse_qs, unquote

from farthing.acquiring.sandbox import NoByteSent, NoUsableAnswer
from tests.simulation import token_service
from tests.simulation.acquirer_books import Bank, Books, Recorded, ReferenceReused, Row, report_file
from tests.simulation.acquirer_faults import (
    DAY_SECONDS,
    DECLINED,
    IN_THE_ANSWER,
    PENDING,
    POSSIBLE,
    Behaviour,
    Fault,
)
from tests.simulation.dice import Dice
from tests.simulation.disputes import DISPUTES, Dispute, Disputes
from tests.simulation.notices import BATCHES, SANDBOX, STRANGER, TOKENS, Batches, Webhook
from tests.simulation.token_service import TOKEN_ERROR, Token, TokenService
from tests.simulation.violation import Violation

DECLINE_CODES = ("05", "51", "54", "N7")
DRAWN_CODES = {Fault.SOFT_DECLINE: "96", Fault.TOKEN_REFUSED: TOKEN_ERROR}
NOT_TO_BE_BELIEVED = frozenset({Fault.UNSIGNED, Fault.WRONGLY_SIGNED, *IN_THE_ANSWER})
LYING = 0.5
"""How often an answer that is not to be believed says the opposite of what is true."""
PENDING_SECONDS = (5.0, 30.0, 600.0, 5 * 3600.0, 40 * 3600.0)
WEBHOOK_TRIES_MAX, WEBHOOK_PAUSE_SECONDS_MAX = 60, 3600.0
CONNECT_SECONDS = 0.01
SLIPPED = "SLIPPED_OUT"

MONEY = {
    "/v1/authorizations": "AUTHORIZE",
    "/v1/captures": "CAPTURE",
    "/v1/voids": "VOID",
    "/v1/refunds": "REFUND",
}
REVERSALS = "/v1/reversals"
OPERATIONS = "/v1/operations"
SETTLEMENTS = "/v1/settlements"
TOKEN_KINDS = frozenset({"PROVISION", "CRYPTOGRAM", "LOOK_UP_TOKEN", "DELETE_TOKEN"})
OF_DISPUTES = frozenset({"LOOK_UP_DISPUTE", "ANSWER_DISPUTE"})
NO_OPERATION = TOKEN_KINDS | OF_DISPUTES | {"SETTLE", "OTHER"}
ISSUER_SECONDS = (0.1, 600.0)
SUSPENDED_SECONDS = (10.0, 3 * DAY_SECONDS)
LISTED = (
    "reference",
    "order_id",
    "operation",
    "amount_cents",
    "captured_cents",
    "currency",
    "authorization_code",
    "network_reference",
    "expires_at",
    "decline_code",
    "created_at",
)

Answered = tuple[int, dict[str, Any] | str]
"""A document, or the text of a file."""
Exchanged = tuple[int, bytes, str]


@dataclass
class Settlement:
    """An accepted batch, what was asked, and when its report can be read."""

    content: dict[str, Any]
    report: str
    report_at: float


@dataclass
class Asked:
    """A request, what the dice decided about it, and when it landed."""

    method: str
    path: str
    document: Mapping[str, Any]
    secret: str
    fault: Fault | None
    draw: float
    at: float = 0.0


def _nothing(*_: object) -> None:
    return None


@dataclass
class HostileAcquirer:
    """The acquirer of one world.

    `now` is the world's true time in seconds since 1970, `sleep` waits in it for the task that
    calls, and `at` calls something, which must not wait, at a time of it.
    `operation_of` gives the operation row, in plain values, that was ever written under a
    reference. `post_webhook` gets a webhook at the moment when it is posted.
    """

    dice: Dice
    now: Callable[[], float]
    sleep: Callable[[float], None]
    at: Callable[[float, Callable[[], None]], None] = _nothing
    behaviour: Behaviour = field(default_factory=Behaviour)
    payments_secret: str = "payments-secret"
    reporting_secret: str = "reporting-secret"
    webhook_secret: str = "webhook-secret"
    tokens_secret: str = "tokens-secret"
    token_webhook_secret: str = "token-webhook-secret"
    operation_of: Callable[[str], Mapping[str, Any] | None] | None = None
    post_webhook: Callable[[Webhook], None] = _nothing
    on_fault: Callable[[str, Fault], None] = _nothing
    issued: dict[str, str] = field(default_factory=dict)
    tokens: TokenService = field(default_factory=TokenService)
    heard: set[tuple[str, str]] = field(default_factory=set)
    """Sender, and name in our inbox, of each fact of which our function has said that it has it."""

    def __post_init__(self) -> None:
        self.books = Books(
            idempotent=self.behaviour.idempotent_by_reference,
            key_retention_seconds=self.behaviour.key_retention_seconds,
            issued=dict(self.issued),
            tokens=self.tokens,
        )
        self.settlements: dict[str, Settlement] = {}
        self.disputes = Disputes(
            self.dice, self.books, self.now, self.at, self._text, self._knows, self._tell_dispute
        )
        self.hits: Counter[tuple[str, str]] = Counter()
        self.sent: list[tuple[float, str, str, str]] = []
        """When, what, which reference, which fault: all that left us, for a trace."""
        self._numbers = count(1)
        self._batches = Batches(
            self.webhook_secret, self.dice, self.now, self.at, lambda one: self.post_webhook(one)
        )

    # --- the network -------------------------------------------------------------------------

    def exchange(
        self, secret: str, method: str, path: str, body: bytes | None, timeout_seconds: float
    ) -> Exchanged:
        """One HTTP exchange of a client that shows `secret`. Raises NoByteSent, NoUsableAnswer."""
        self.sleep(0.0)  # who is dead sends nothing any more
        what = kind_of(method, path)
        document = read_body(what, body)
        fault = self._fault(what)
        name = fault.name if fault else ""
        self.sent.append((self.now(), what, document.get("reference") or path, name))
        if fault is Fault.REFUSED:
            self.sleep(CONNECT_SECONDS)
            raise NoByteSent
        if method == "POST":
            self._require_written(what, document)
        asked = Asked(method, path, document, secret, fault, self.dice.random())
        return self._travel(asked, timeout_seconds)

    def slips_out(
        self, secret: str, method: str, path: str, body: bytes | None, left_at: float
    ) -> None:
        """A request that was on its way from `left_at` on lands now or later, if it still may."""
        latest = left_at + self.behaviour.max_flight_seconds
        if method != "POST" or self.now() >= latest:
            return
        what = kind_of(method, path)
        document = read_body(what, body)
        self._require_written(what, document)
        self.sent.append((self.now(), what, document.get("reference") or path, SLIPPED))
        asked = Asked(method, path, document, secret, None, self.dice.random())
        lands_at = self.now() + asked.draw * (latest - self.now())
        self.hits[what, SLIPPED] += 1
        self.at(lands_at, lambda: self._lands(asked))

    def _travel(self, asked: Asked, timeout: float) -> Exchanged:
        fault, there, back = asked.fault, self._latency(), self._latency()
        if fault is Fault.LOST:
            self._gives_up(timeout)
        if fault is Fault.DELAYED:
            late = 1.0 - (1.0 - asked.draw) ** 2  # rather at the end than at the beginning
            lands_at = self.now() + late * self.behaviour.max_flight_seconds
            self.at(lands_at, lambda: self._lands(asked))
            self._gives_up(timeout if asked.draw < 0.7 else min(there, timeout))
        if fault is Fault.SERVER_ERROR:
            self.sleep(there + back)
            return signed(503, error("BUSY", "nothing was done, try again"), asked.secret)
        answer = self._sent(asked, there)
        if fault is Fault.SLOW:
            back = timeout - there - CONNECT_SECONDS
        if fault is Fault.SILENCE or there + back >= timeout:
            self._gives_up(max(0.0, timeout - there))
        self.sleep(back)
        if fault is Fault.RESET:
            raise NoUsableAnswer("reset")
        return self._way_back(asked, *answer)

    def _sent(self, asked: Asked, seconds: float) -> Answered:
        """It lands after so long, also if whoever sent it is ended meanwhile."""
        lands_at = self.now() + seconds
        try:
            self.sleep(seconds)
        except BaseException:
            self.at(lands_at, lambda: self._lands(asked))
            raise
        return self._lands(asked)

    def _lands(self, asked: Asked) -> Answered:
        asked.at = self.now()
        return self._answer(asked)

    def _gives_up(self, seconds: float) -> NoReturn:
        self.sleep(seconds)
        raise NoUsableAnswer("deadline")

    def _latency(self) -> float:
        low, high = self.behaviour.latency_seconds
        return low if low == high else self.dice.between(low, high)

    def post(self, secret: str) -> Callable[[str, str, bytes | None, int], Exchanged]:
        """The exchange of a client that shows `secret`, as the connectors take it."""
        return lambda method, path, body, timeout_seconds: self.exchange(
            secret, method, path, body, timeout_seconds
        )

    def calm(self) -> None:
        """It behaves from now on. What it guarantees does not change."""
        self.behaviour = self.behaviour.calm()

    def _way_back(self, asked: Asked, status: int, document: dict[str, Any] | str) -> Exchanged:
        fault = asked.fault
        if fault is Fault.LOOK_UP_FAILS:
            return signed(500, error("INTERNAL", "look-ups fail today"), asked.secret)
        if fault is Fault.HTML:
            return 502, b"<html><body>Bad Gateway</body></html>", ""
        if isinstance(document, str):
            return self._file_back(asked, status, document)
        if fault in NOT_TO_BE_BELIEVED and asked.draw < LYING:
            document = lying(document)
        if fault is Fault.WRONGLY_SIGNED:
            return signed(status, document, "somebody-else")
        if fault in IN_THE_ANSWER and status == 200:
            document = mangled(document, fault)
        status, raw, signature = signed(status, document, asked.secret)
        if fault is Fault.GARBAGE:
            return status, raw[: len(raw) // 2], signature
        return status, raw, "" if fault is Fault.UNSIGNED else signature

    def _file_back(self, asked: Asked, status: int, file: str) -> Exchanged:
        fault = asked.fault
        secret = "somebody-else" if fault is Fault.WRONGLY_SIGNED else asked.secret
        if fault is Fault.WRONG_REFERENCE:
            file = file.replace(".eur.", ".xxx.")
        status, raw, signature = signed(status, file, secret)
        if fault is Fault.GARBAGE:
            return status, raw[: len(raw) // 2], signature
        return status, raw, "" if fault is Fault.UNSIGNED else signature

    # --- chance ------------------------------------------------------------------------------

    def _fault(self, what: str) -> Fault | None:
        """The fault that this exchange meets, if any."""
        behaviour = self.behaviour
        if what not in behaviour.of or not behaviour.chance:
            return None
        if not self.dice.chance(behaviour.chance):
            return None
        possible = [
            fault
            for fault in POSSIBLE[what]
            if fault in behaviour.faults and (what, fault) not in behaviour.but
        ]
        if not possible:
            return None
        fault = self.dice.choice(possible)
        self._hit(what, fault)
        return fault

    def _also(self, what: str, fault: Fault) -> bool:
        """Whether a fault strikes that is none of an exchange."""
        behaviour = self.behaviour
        if fault not in behaviour.faults or not self.dice.chance(behaviour.chance):
            return False
        self._hit(what, fault)
        return True

    def _hit(self, what: str, fault: Fault) -> None:
        self.hits[what, fault.name] += 1
        self.on_fault(what, fault)

    # --- what must be true of whoever asks -----------------------------------------------------

    def _require_written(self, what: str, document: Mapping[str, Any]) -> None:
        """Invariant 6: the operation's row was there, with this content, before it was sent."""
        if self.operation_of is None or what in NO_OPERATION:
            return
        reverse = what == "REVERSE"
        reference = str(document.get("original_reference" if reverse else "reference"))
        order_id, row = str(document.get("order_id")), self.operation_of(reference)
        if row is None:
            raise Violation(6, order_id, f"{what} {reference} was sent; no row has the reference")
        if reverse:
            if not row.get("reversal_at"):
                raise Violation(6, order_id, f"{reference} is reversed, and no row says so before")
            return
        asked = {
            "kind": what,
            "intent_id": order_id,
            "amount_cents": document.get("amount_cents"),
            "currency": document.get("currency"),
        }
        if what == "AUTHORIZE":
            asked["via"] = "NETWORK_TOKEN" if "network_token" in document else "PAN"
        written = {"via": "PAN", **row}
        differing = {
            name: {"sent": value, "row": written.get(name)}
            for name, value in asked.items()
            if written.get(name) != value
        }
        if differing:
            raise Violation(6, order_id, f"{reference} was sent with other content: {differing}")

    # --- requests ----------------------------------------------------------------------------

    def _answer(self, asked: Asked) -> Answered:
        path, _, query = asked.path.partition("?")
        what = kind_of(asked.method, asked.path)
        if asked.secret != self._secret_of(path, what):
            return 401, error("UNAUTHORIZED", "missing or wrong secret")
        if what in TOKEN_KINDS:
            return self._ask_token_service(what, path, asked)
        if what in MONEY.values():
            return self._operate(what, asked)
        if what == "REVERSE" and self.behaviour.reversal_by_reference:
            return self._reverse(asked)
        if what == "SETTLE":
            return self._settle(asked.document, asked.at)
        if what in OF_DISPUTES:
            return self.disputes.answer(asked.method, path, asked.document)
        return self._show(what, path, query, asked)

    def _show(self, what: str, path: str, query: str, asked: Asked) -> Answered:
        """What only reads."""
        if what == "LIST":
            return self._list({name: each[0] for name, each in parse_qs(query).items()}, asked.at)
        if what == "LOOK_UP":
            return self._look_up(unquote(path.removeprefix(f"{OPERATIONS}/")), asked)
        if what == "READ_REPORT":
            return self._read_report(unquote(path.removeprefix(f"{SETTLEMENTS}/")), asked.at)
        return 404, error("NO_SUCH_ROUTE", "there is nothing at this address")

    def _secret_of(self, path: str, what: str) -> str:
        if what in TOKEN_KINDS:
            return self.tokens_secret
        return self.reporting_secret if path.startswith(SETTLEMENTS) else self.payments_secret

    def _ask_token_service(self, what: str, path: str, asked: Asked) -> Answered:
        if asked.fault is Fault.NO_TOKEN_GIVEN:
            last_four = asked.document["card"]["number"][-4:]
            self.tokens.gives_none |= {last_four}
        before = len(self.tokens.made())
        answer = self.tokens.answer(what, path, asked.document, asked.at)
        if len(self.tokens.made()) > before:
            self.issuer_acts(str(asked.document["reference"]), asked.at)
        return answer

    def _operate(self, operation: str, asked: Asked) -> Answered:
        drawn, pending = None, asked.fault in PENDING
        if asked.fault in DRAWN_CODES:
            drawn = DRAWN_CODES[asked.fault]
        elif asked.fault in DECLINED:
            drawn = self.dice.choice(DECLINE_CODES)
        try:
            done, new = self.books.operate(operation, asked.document, asked.at, drawn, pending)
        except ReferenceReused:
            raise Violation(
                7,
                str(asked.document["order_id"]),
                f"{asked.document['reference']} was used twice, for different things",
            ) from None
        if new and self.behaviour.tells_all:
            self._tell(done, asked.at)
        if new and operation == "REFUND":
            self._follow_refund(done, asked.fault, asked.at)
        if new and done.row.status == "PENDING" and operation == "AUTHORIZE":
            self._follow_debit(done, asked.at)
        if new and done.charge is not None and done.row.status != "DECLINED":
            self._payer_acts(operation, done)
        return 200, done.body(self._text)

    def _reverse(self, asked: Asked) -> Answered:
        document = asked.document
        shown = ("reference", "order_id", "original_reference")
        result = self.books.reverse(document, asked.at, self._seen_at(asked))
        return 200, {
            **{name: document[name] for name in shown},
            "operation": "REVERSAL",
            "result": result,
            "as_of": self._text(asked.at),
        }

    def _look_up(self, reference: str, asked: Asked) -> Answered:
        found = self.books.seen(reference, self._seen_at(asked))
        as_of = {"as_of": self._text(asked.at)}
        if found is None:
            nothing = error("NOT_FOUND", f"nothing is known of {reference}")
            return 404, {**nothing, "reference": reference, **as_of}
        recorded, status = found
        return 200, recorded.body(self._text, status, self._seen_at(asked)) | as_of

    def _seen_at(self, asked: Asked) -> float:
        """The instant that an answer shows: up to the declared lag ago."""
        return asked.at - self.behaviour.lookup_lag_seconds * asked.draw

    def _list(self, query: Mapping[str, str], at: float) -> Answered:
        since = datetime.fromisoformat(query["since"]).timestamp()
        since -= self.behaviour.clock_offset_seconds
        limit, after = int(query.get("limit", "100")), int(query.get("after", "0"))
        found = [many[-1] for many in self.books.recorded.values() if many]
        found = [one for one in found if one.at >= since]
        found.sort(key=lambda one: (one.at, one.row.reference))
        page = found[after : after + limit]
        more = str(after + limit) if after + limit < len(found) else None
        data = [self._listed(one) for one in page]
        return 200, {"data": data, "next": more, "as_of": self._text(at)}

    def _listed(self, one: Recorded) -> dict[str, Any]:
        body = one.body(self._text)
        bank = one.charge is not None and one.charge.bank is not None
        return {name: body[name] for name in LISTED} | {
            "method": "BANK" if bank and one.row.operation == "AUTHORIZE" else None,
            "returned": bank and one.charge is not None and one.charge.taken_back is not None,
            "merchant_reference": one.row.merchant_reference,
            "capture": one.capture,
            "original_reference": one.content.get("original_reference"),
            "status": one.row.status,
        }

    def _text(self, at: float) -> str:
        """An instant on the acquirer's own clock."""
        shown = datetime.fromtimestamp(at + self.behaviour.clock_offset_seconds, UTC)
        return shown.strftime("%Y-%m-%dT%H:%M:%S.") + f"{shown.microsecond // 1000:03d}Z"

    # --- what ends later, and webhooks ---------------------------------------------------------

    def _follow_debit(self, done: Recorded, at: float) -> None:
        """The bank decides, and perhaps takes it back. What it does is told, but for bad days."""
        ends_at = at + self.dice.choice(self.behaviour.debit_seconds)
        back_at = ends_at + self.dice.choice(self.behaviour.debit_seconds)
        takes_back = done.charge is not None and done.charge.bank is Bank.TAKES_BACK

        def ends() -> None:
            if not self.books.end_debit(done, ends_at):
                return
            self._tell(done, ends_at)
            if takes_back:
                self.at(back_at, back)

        def back() -> None:
            if self.books.take_back(done, back_at):
                self._tell(done, back_at, "RETURN")

        self.at(ends_at, ends)
        if self._also("WEBHOOK", Fault.WEBHOOK_EARLY):
            self._tell(done, at)

    def _payer_acts(self, operation: str, done: Recorded) -> None:
        """A payer who will dispute what was taken, or whose bank will send a refund back."""
        charge = done.charge
        if charge is None or charge.bank is not None or not self.behaviour.disputed:
            return
        takes = operation == "CAPTURE" or (operation == "AUTHORIZE" and done.capture)
        if takes and self.dice.chance(self.behaviour.disputed):
            self.disputes.may_dispute(charge)
        if operation == "REFUND" and self.dice.chance(self.behaviour.disputed):
            told = lambda: self._tell(done, self.now(), kind="refund.returned")  # noqa: E731
            self.disputes.sends_back(done, told)

    def _knows(self, reference: str) -> bool:
        """Whether the merchant's own books say that an operation was approved."""
        if self.operation_of is None:
            return True
        return (self.operation_of(reference) or {}).get("state") == "APPROVED"

    def _follow_refund(self, done: Recorded, fault: Fault | None, at: float) -> None:
        if done.row.status == "PENDING":
            ends_at = at + self.dice.choice(PENDING_SECONDS)
            declined = fault is Fault.PENDING_DECLINED

            def ends() -> None:
                self.books.end_refund(done, ends_at, declined=declined)
                self._tell(done, ends_at)

            self.at(ends_at, ends)
        elif self._also("WEBHOOK", Fault.WEBHOOK_EARLY):
            self._tell(done, at)

    def _tell(
        self, done: Recorded, at: float, what: str | None = None, kind: str | None = None
    ) -> None:
        """Post what became of an operation. `what` and `kind` where they are not the operation's
        own: what a bank did to it later."""
        row = done.row
        told = kind or ("refund.updated" if row.operation == "REFUND" else "debit.updated")

        def fact(webhook_id: str) -> dict[str, Any]:
            data = {
                "reference": row.reference,
                "order_id": row.order_id,
                "operation": what or row.operation,
                "status": row.status,
                "merchant_reference": row.merchant_reference,
            }
            return self._fact_of(webhook_id, told, data)

        self._tells(fact, at, lasting=kind is not None)

    def _tell_dispute(self, dispute: Dispute) -> None:
        """Post that a dispute went one step on."""
        stage, status = dispute.stage, dispute.status
        told = {"NEEDS_RESPONSE": "opened", "UNDER_REVIEW": "updated"}.get(status, "closed")

        def fact(webhook_id: str) -> dict[str, Any]:
            data = {
                "dispute": dispute.reference,
                "order_id": dispute.row.order_id,
                "operation": "DISPUTE",
                "stage": stage,
                "status": status,
                "merchant_reference": dispute.row.merchant_reference,
            }
            return self._fact_of(webhook_id, f"dispute.{told}", data)

        self._tells(fact, self.now(), lasting=True)

    def _fact_of(self, webhook_id: str, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
        now = self._text(self.now())
        return {"id": webhook_id, "type": kind, "created_at": now, "data": dict(data)}

    def _tells(
        self, fact: Callable[[str], dict[str, Any]], at: float, *, lasting: bool = False
    ) -> None:
        """Post a fact: perhaps late, twice, or not at all; a `lasting` one comes at last."""
        if self._also("WEBHOOK", Fault.WEBHOOK_LOST):
            if not lasting:
                return
            at += self.dice.spread(3600.0, DAY_SECONDS)
        late = self._also("WEBHOOK", Fault.WEBHOOK_LATE)
        webhook_id = f"whk-{next(self._numbers)}"
        later = self.dice.spread(1, 2 * 3600.0) if late else 0.0
        self._post(fact, webhook_id, at + later)
        if self._also("WEBHOOK", Fault.WEBHOOK_TWICE):
            self._post(fact, webhook_id, at + self.dice.spread(0.01, 600.0))
        if self._also("WEBHOOK", Fault.WEBHOOK_STRANGE):
            number = next(self._numbers)
            self._post(lambda it: strange(fact(it), number), f"{STRANGER}-{number}", at)

    def _post(self, fact: Callable[[str], dict[str, Any]], webhook_id: str, at: float) -> None:
        def post() -> None:
            body = fact(webhook_id)
            if self.behaviour.in_batches:
                self._batches.add(body)
                return
            raw = json.dumps(body, separators=(",", ":")).encode()
            self.post_webhook(self._webhook(webhook_id, raw, 1))

        self.at(at, post)

    def _webhook(
        self, webhook_id: str, raw: bytes, tries: int, taken: Callable[[], None] | None = None
    ) -> Webhook:
        """Signed as its sender signs: the token service, if somebody waits for it to be taken."""
        timestamp = str(int(self.now()))
        content = f"{webhook_id}.{timestamp}.".encode() + raw
        secret = self.token_webhook_secret if taken else self.webhook_secret
        digest = hmac.new(secret.encode(), content, hashlib.sha256).digest()
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }
        told = (webhook_id,)
        if taken is None:
            return Webhook(self.now(), headers, raw, tries, SANDBOX, told=told)
        return Webhook(self.now(), headers, raw, tries, TOKENS, taken, told)

    def answered(self, webhook: Webhook, status: int | None) -> None:
        """What our function said to a webhook: it has it, or it is posted again, a few times."""
        if status == 200:
            self.heard |= {(webhook.sender, name) for name in webhook.told}
            webhook.taken()
        else:
            self.not_taken(webhook)

    def not_taken(self, webhook: Webhook) -> None:
        """Our function did not answer 2xx: post it again, later each time, for days."""
        if webhook.tries >= WEBHOOK_TRIES_MAX:
            return
        pause = min(60.0 * webhook.tries, WEBHOOK_PAUSE_SECONDS_MAX)

        def again() -> None:
            if webhook.sender == BATCHES:
                self._batches.again(webhook)
                return
            webhook_id, tries = webhook.headers["webhook-id"], webhook.tries + 1
            taken = webhook.taken if webhook.sender == TOKENS else None
            self.post_webhook(self._webhook(webhook_id, webhook.body, tries, taken))

        self.at(self.now() + pause, again)

    # --- issuers, and the token service's webhooks ---------------------------------------------

    def issuer_acts(self, reference: str, at: float) -> None:
        """What the issuer of a token's card will do to it, drawn once for each."""
        acts = {
            Fault.TOKEN_SUSPENDED: self.tokens.suspend,
            Fault.TOKEN_ENDED: self.tokens.end,
            Fault.CARD_REPLACED: self.tokens.replace_card,
        }
        for fault, act in acts.items():
            if self._also("ISSUER", fault):
                when = at + self.dice.spread(*ISSUER_SECONDS)
                self._issuer_does(act, reference, when)
                if fault is Fault.TOKEN_SUSPENDED:
                    later = when + self.dice.spread(*SUSPENDED_SECONDS)
                    self._issuer_does(self.tokens.resume, reference, later)

    def _issuer_does(self, act: Callable[[str], None], reference: str, at: float) -> None:
        def does() -> None:
            act(reference)
            self._tell_of(self.tokens.tokens[reference], at)

        self.at(at, does)

    def _tell_of(self, token: Token, at: float) -> None:
        """Post that something became of a token: perhaps late, twice, or not at all."""
        if self._also("WEBHOOK", Fault.WEBHOOK_LOST):
            return
        late = self._also("WEBHOOK", Fault.WEBHOOK_LATE)
        number, news = f"whk-{next(self._numbers)}", token.news
        whens = [at + (self.dice.spread(1, 2 * 3600.0) if late else 0.0)]
        if self._also("WEBHOOK", Fault.WEBHOOK_TWICE):
            whens.append(at + self.dice.spread(0.01, 600.0))
        body = {
            "id": number,
            "type": "network_token.updated",
            "data": {
                "reference": token.reference,
                "merchant_reference": token.merchant_reference,
                "status": token.status,
            },
        }
        raw = json.dumps(body, separators=(",", ":")).encode()

        def taken() -> None:
            token.heard = max(token.heard, news)

        for when in whens:
            self.at(when, lambda: self.post_webhook(self._webhook(number, raw, 1, taken)))

    # --- settlement ----------------------------------------------------------------------------

    def _settle(self, document: Mapping[str, Any], at: float) -> Answered:
        reference, content = str(document["reference"]), dict(document)
        known = self.settlements.get(reference)
        if known is not None:
            if known.content != content:
                raise Violation(7, reference, "the batch was submitted twice, with other lines")
        else:
            late = self._also("READ_REPORT", Fault.REPORT_LATE)
            self.settlements[reference] = Settlement(
                content,
                report_file(reference, document["currency"], self._payable(content)),
                at + (self.dice.spread(60.0, 1.5 * DAY_SECONDS) if late else 0.0),
            )
        return 200, accepted(content)

    def _payable(self, document: Mapping[str, Any]) -> list[Row]:
        """What the books know of the entries, each once, and nothing that was paid before."""
        paid = []
        for entry in document["entries"]:
            for row in self.books.rows:
                if (
                    (row.reference, row.operation) == (entry["reference"], entry["operation"])
                    and row.status == "APPROVED"
                    and row.settled_by is None
                    and row.currency == document["currency"]
                ):
                    row.settled_by = document["reference"]
                    paid.append(row)
                    break
        return paid

    def _read_report(self, path: str, at: float) -> Answered:
        reference, _, file = path.partition("/")
        known = self.settlements.get(reference)
        if known is None or (file and at < known.report_at):
            unknown = error("NOT_FOUND", f"nothing is known of {reference}")
            return 404, {"reference": reference, **unknown}
        if file:
            return 200, known.report
        return 200, accepted(known.content) | {"reported": at >= known.report_at}


def kind_of(method: str, path: str) -> str:
    """What a request asks, in one word."""
    if (of_tokens := token_service.kind_of(method, path)) is not None:
        return of_tokens
    if method == "GET":
        if path.startswith(f"{OPERATIONS}/"):
            return "LOOK_UP"
        if path.startswith(f"{SETTLEMENTS}/"):
            return "READ_REPORT"
        if path.startswith(f"{DISPUTES}/"):
            return "LOOK_UP_DISPUTE"
        return "LIST" if path.startswith(OPERATIONS) else "OTHER"
    if path == REVERSALS:
        return "REVERSE"
    if path.startswith(f"{DISPUTES}/"):
        return "ANSWER_DISPUTE"
    return "SETTLE" if path == SETTLEMENTS else MONEY.get(path, "OTHER")


def strange(fact: dict[str, Any], number: int) -> dict[str, Any]:
    """The same about something that nobody has heard of."""
    named = "dispute" if "dispute" in fact["data"] else "reference"
    return {**fact, "data": {**fact["data"], named: f"{number:026d}"}}


def error(code: str, message: str) -> dict[str, Any]:
    """An error in this API's one shape."""
    return {"error": {"code": code, "message": message}}


def accepted(content: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a batch that was accepted."""
    shown = {name: content[name] for name in ("reference", "content_sha256")}
    return {**shown, "status": "ACCEPTED"}


def read_body(what: str, body: bytes | None) -> dict[str, Any]:
    """What a request says: a document, or a batch's file."""
    if not body:
        return {}
    if what != "SETTLE":
        document: dict[str, Any] = json.loads(body)
        return document
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    return {
        "reference": rows[0]["settlement_reference"],
        "currency": rows[0]["currency"],
        "content_sha256": hashlib.sha256(body).hexdigest(),
        "entries": [{"reference": row["reference"], "operation": row["type"]} for row in rows],
    }


def signed(status: int, document: Mapping[str, Any] | str, secret: str) -> Exchanged:
    """An answer with the proof that it is from whoever holds `secret`."""
    text = document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))
    raw = text.encode()
    return status, raw, hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def lying(document: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite: an answer of somebody else, or about something else, is not even likely."""
    told = dict(document)
    if told.get("status") == "APPROVED":
        told |= {"status": "DECLINED", "decline_code": DECLINE_CODES[0]}
    elif told.get("status") == "DECLINED":
        told |= {"status": "APPROVED", "decline_code": None}
    elif told.get("status") == "ACTIVE":
        told |= {"status": "DELETED", "token": None}
    if "result" in told:
        told["result"] = "NOT_FOUND" if told["result"] == "REVERSED" else "REVERSED"
    return told


def mangled(document: Mapping[str, Any], fault: Fault) -> dict[str, Any]:
    """The answer to another question than the one that was asked."""
    changed = dict(document)
    if fault is Fault.WRONG_AMOUNT and "amount_cents" in changed:
        changed["amount_cents"] += 1
    elif fault is Fault.WRONG_CURRENCY and "currency" in changed:
        changed["currency"] = "xxx"
    elif fault is Fault.WRONG_OPERATION and "operation" in changed:
        changed["operation"] = "REFUND" if changed["operation"] == "VOID" else "VOID"
    elif fault is Fault.WRONG_REFERENCE:
        changed["reference"] = "SOMEBODYELSES"
        if "original_reference" in changed:
            changed["original_reference"] = "SOMEBODYELSES"
    return changed
