"""What merchants do in a run: drawn from a seed, or one of a few fixed scripts.

A scenario is small, one or two payments, so that a run is about a hundred calls and crashes at any
of them are likely to be met. The fixed scripts are the golden paths of the exhaustive mode.

`prepare` makes merchants, endpoints, customers and cards through the real handlers, once; every
run begins with what it left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any, ClassVar

from farthing.access.fee_versions import set_fees
from farthing.access.fees import FeePlan, Rate
from farthing.access.issue import open_account
from farthing.access.keys import merchant_row
from farthing.access.principal import Mode
from farthing.cards import passes_luhn
from farthing.clock import to_text
from farthing.fraud.rule_document import read_rules, write_rules
from farthing.fraud.rule_row import default_rules, publish_writes
from farthing.ids import ENTROPY_BYTES, make_id
from farthing.payments.names import reference_of
from farthing.payments.payment_method import method_key
from farthing.store import EXISTS, TenantScope, Update
from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from tests.simulation import checkout
from tests.simulation.acquirer import HostileAcquirer
from tests.simulation.acquirer_books import DECLINED_RANGE, Bank
from tests.simulation.canaries import Canaries
from tests.simulation.custodian import Custodian
from tests.simulation.dice import Dice
from tests.simulation.merchant import HELD, Api, Asked, Conversation, Merchant, intent_in
from tests.simulation.payers import ACCOUNTS, WALLETS, Payers
from tests.simulation.person import Person
from tests.simulation.reviewer import Reviewer
from tests.simulation.token_service import TokenService
from tests.simulation.violation import Violation
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT

CVCS = ("737", "911")
"""No amount of a scenario is one of them."""
NEW_CARDS = 2
TOKENED = 2
REVIEWED = 3
TRIED = 6
"""How many tokens a merchant has of cards that are always held for a review, each another one, and
of a card that its issuer always declines, all of the same."""
FEE_PPM, FEE_FIXED_CENTS = 15_000, 25
"""What we take of the first merchant's captures. Of the other's we take nothing."""
ADDRESS = "203.0.113.50"
"""From where a tester of cards comes."""
AMOUNTS_CENTS = (100, 999, 1000, 2501, 99_999_999)
INTENTS = "/v1/payment_intents"
REFUNDS = "/v1/refunds"
METHODS = "/v1/payment_methods"
SHORT_SECONDS = 900.0
KEYS_SECONDS = 3 * 3600.0
"""A key goes when its CVCs are purged and its wait is over."""
ALL_DAY_SECONDS = 8 * 3600.0
"""From the evening on: past midnight, and past the daily settlement."""

# --- what there is before a run ----------------------------------------------------------------


@dataclass(frozen=True)
class Endpoint:
    """One endpoint, as its merchant knows it."""

    merchant_id: str
    endpoint_id: str
    url: str
    secret: str
    event_types: tuple[str, ...]


@dataclass(frozen=True)
class Stock:
    """What a merchant has: tokens that live for fifteen minutes, saved methods, never used, and
    such as were used and have a network token: one that pays, and one that is always refused."""

    merchant_id: str
    customer_id: str
    tokens: tuple[str, ...]
    methods: tuple[str, ...]
    tokened: tuple[str, ...] = ()
    accounts: Mapping[Bank, tuple[str, ...]] = field(default_factory=dict)
    """Tokens of bank accounts, by what their banks do."""
    wallets: tuple[str, ...] = ()
    reviewed: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    saved_account: str = ""


@dataclass(frozen=True)
class Setting:
    """What `prepare` made."""

    stocks: Mapping[str, Stock]
    endpoints: tuple[Endpoint, ...]
    canaries: Canaries
    cards: tuple[str, ...] = ()
    """Numbers of cards that nobody has shown us yet."""
    issued: Mapping[str, str] = field(default_factory=dict)
    """Network references that cards were given, and the cards' last four digits."""
    network_tokens: TokenService = field(default_factory=TokenService)

    @property
    def tenants(self) -> tuple[str, ...]:
        """The prefixes of all partition keys."""
        return tuple(f"{merchant_id}#test#" for merchant_id in self.stocks)

    @property
    def signing_secrets(self) -> dict[str, tuple[str, ...]]:
        return {endpoint.url: (endpoint.secret,) for endpoint in self.endpoints}


def reviewed_number(number: int) -> str:
    """A test card that is always sent to review, another one for each number: its middle is made so
    that it passes the checksum."""
    fitting = (f"400000{number:05d}{last}9235" for last in range(10))
    return next(each for each in fitting if passes_luhn(each))


def card_number(number: int, bin_: str = "400010") -> str:
    """A card number that passes the checksum, another one for each number."""
    digits = f"{bin_}{number:09d}"
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def _made(world: Any, merchant_id: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = world.call("POST", path, body, merchant_id=merchant_id)
    if answer is None or answer.status != 201:
        raise RuntimeError(f"{path}: {answer}")
    made: dict[str, Any] = answer.body
    return made


def prepare(world: Any, *, tokens: int = 4, methods: int = 2) -> Setting:
    """Two merchants with all they need, made through the real handlers of `world`.

    Runs the world until it is at rest.
    """
    count_ = 2 * (tokens + methods + TOKENED) + NEW_CARDS
    numbers = [card_number(7_000_000 + n) for n in range(count_)]
    payers, cards = Payers(2), iter(numbers)
    held = iter(numbers_held := [reviewed_number(n) for n in range(2 * REVIEWED)])
    declined = iter(numbers_declined := [card_number(n, DECLINED_RANGE) for n in range(2)])
    secret = [*numbers, *numbers_held, *numbers_declined, *payers.secrets]
    canaries = Canaries(secret, CVCS)
    world.log.begin(scanned=True)
    world.on_text.append(lambda where, content: _require_clean(canaries, where, content))
    stocks: dict[str, Stock] = {}
    endpoints: list[Endpoint] = []

    post = partial(_made, world)

    def token(merchant_id: str, body: dict[str, Any]) -> str:
        return str(post(merchant_id, "/v1/tokens", body)["token"])

    def saved(merchant_id: str, customer_id: str, body: dict[str, Any]) -> str:
        kept = {"customer_id": customer_id, "token": token(merchant_id, body)}
        return str(post(merchant_id, "/v1/payment_methods", kept)["method_id"])

    def stock(merchant_id: str) -> Stock:
        customer_id = str(post(merchant_id, "/v1/customers", {})["customer_id"])
        card = lambda: typed(next(cards))  # noqa: E731
        tried = typed(next(declined))
        return Stock(
            merchant_id,
            customer_id,
            methods=tuple(saved(merchant_id, customer_id, card()) for _ in range(methods)),
            tokened=tuple(saved(merchant_id, customer_id, card()) for _ in range(TOKENED)),
            tokens=tuple(token(merchant_id, card()) for _ in range(tokens)),
            accounts={
                bank: tuple(token(merchant_id, payers.account(bank)) for _ in range(many))
                for bank, many in ACCOUNTS.items()
            },
            wallets=tuple(token(merchant_id, payers.wallet()) for _ in range(WALLETS)),
            reviewed=tuple(token(merchant_id, typed(next(held))) for _ in range(REVIEWED)),
            tried=tuple(token(merchant_id, tried) for _ in range(TRIED)),
            saved_account=saved(merchant_id, customer_id, payers.account(Bank.PAYS)),
        )

    def endpoint(merchant_id: str, url: str, *types: str) -> Endpoint:
        body = {"url": url, "event_types": list(types)}
        made = post(merchant_id, "/v1/webhook_endpoints", body)
        return Endpoint(merchant_id, made["endpoint_id"], url, made["secret"], types)

    def work() -> None:
        for merchant_id in (MERCHANT, OTHER_MERCHANT):
            _open(world, merchant_id)
            if merchant_id == MERCHANT:
                _take_fees(world, merchant_id)
            stocks[merchant_id] = stock(merchant_id)
        _review_before_sending(world, OTHER_MERCHANT)
        endpoints.append(endpoint(MERCHANT, "https://a.example/all", "*"))
        endpoints.append(endpoint(MERCHANT, "https://a.example/refunds", "refund.*"))
        endpoints.append(endpoint(OTHER_MERCHANT, "https://b.example/all", "*"))

    world.receiver = lambda url, headers, body: 200  # each endpoint takes its ping
    world.spawn("preparing", work)
    world.run()
    issued, service = _with_network_tokens(world, stocks)
    world.on_text.pop()
    _require_nothing_stored(canaries, world)
    return Setting(stocks, tuple(endpoints), canaries, tuple(cards), issued, service)


def _with_network_tokens(
    world: Any, stocks: Mapping[str, Stock]
) -> tuple[dict[str, str], TokenService]:
    """The methods that are to have network tokens get them, as after a first charge of long ago.

    `charge` has them made and seals their numbers. That is all: no merchant is told of it.
    """
    issued: dict[str, str] = {}
    acquirer = HostileAcquirer(
        Dice("prepared", "acquirer"),
        lambda: world.scheduler.now,
        world.scheduler.sleep,
        tokens_secret="TokenServiceSecret-text",
    )
    world.acquirer = acquirer

    def provision(tenant: TenantScope, method_id: str) -> None:
        store, key = _store(world, "payments", tenant), method_key(tenant, method_id)
        named = f"NRPREPARED{len(issued)}"
        issued[named] = store.get(key)["last_four"]
        begun = {"network_reference": named, "network_token": "PENDING"}
        store.write(Update(key, EXISTS, set=begun))
        event = {"task": "TEND", "method": f"{tenant.merchant_id}/{tenant.mode}/{method_id}"}
        token = world.invoke("charge", event).value["token"]
        since = to_text(datetime.fromtimestamp(world.scheduler.now, UTC))
        done = {"network_token": token["status"], "network_token_at": since}
        store.write(Update(key, EXISTS, set=done))

    def work() -> None:
        for stock in stocks.values():
            for number, method_id in enumerate(stock.tokened):
                provision(TenantScope(stock.merchant_id, "test"), method_id)
                if number:
                    acquirer.tokens.tokens[reference_of(method_id)].refused_when_paying = True

    world.spawn("preparing", work)
    world.run()
    if {token.status for token in acquirer.tokens.made()} != {"ACTIVE"}:
        raise RuntimeError("some methods got no network token")
    return issued, acquirer.tokens


def typed(number: str) -> dict[str, Any]:
    """A card as a buyer types it."""
    cvc = CVCS[int(number[-2]) % 2]
    return {"number": number, "exp_month": 12, "exp_year": 2031, "cvc": cvc}


def _require_nothing_stored(canaries: Canaries, world: Any) -> None:
    """Invariant 8 of all that was written and logged so far."""
    for line in world.log.lines:
        _require_clean(canaries, "the log", line)
    for name, table in world.tables.tables.items():
        for key, item in table.rows.items():
            for attribute, found in canaries.in_change(None, item):
                raise Violation(8, f"{name} {key}", f"{found!r} is stored in {attribute}")


def _require_clean(canaries: Canaries, where: str, content: str) -> None:
    found = canaries.in_text(content)
    if found is not None:
        raise Violation(8, where, f"{found!r} in {content[:300]!r}")


def _store(world: Any, table: str, scope: Any) -> DynamoStore:
    """A table of the world, for whoever prepares it."""
    return DynamoStore(
        world.tables,
        {table: table},
        scope,
        sleep=world.scheduler.sleep,
        chance=world.dice.random,
        new_token=lambda: world.entropy(16).hex(),
    )


def _open(world: Any, merchant_id: str) -> None:
    """An account. It has no keys: the world's gateway says itself who calls."""
    store = _store(world, "access", SystemScope())
    now = datetime.fromtimestamp(world.scheduler.now, UTC)
    open_account(store, merchant_id, make_id("acc", now, bytes(ENTROPY_BYTES)), [], now)


def _take_fees(world: Any, merchant_id: str) -> None:
    """From now on we take a fee of what this merchant captures."""
    store, now = (
        _store(world, "access", SystemScope()),
        datetime.fromtimestamp(world.scheduler.now, UTC),
    )
    plan = FeePlan().changed({"eur/*": Rate(FEE_PPM, FEE_FIXED_CENTS)})
    read = store.get(merchant_row(merchant_id)) or {}
    set_fees(store, merchant_id, read, Mode.TEST, plan, "operator", now)


def _review_before_sending(world: Any, merchant_id: str) -> None:
    """A merchant who has nothing sent before a person has looked."""
    tenant, now = TenantScope(merchant_id, "test"), datetime.fromtimestamp(world.scheduler.now, UTC)
    document = write_rules(default_rules()) | {"reviews": {"hold": "NOT_SENT", "days": 3}}
    _store(world, "risk", tenant).write(*publish_writes(tenant, read_rules(document, 1), now))


# --- who does what -----------------------------------------------------------------------------


@dataclass
class Stage:
    """One run as its scenario sees it."""

    world: Api
    setting: Setting
    dice: Dice
    conversations: list[Conversation] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    calm_at: float = 0.0
    """When nothing goes wrong any more."""

    def __post_init__(self) -> None:
        self._keys = count(1)
        self._cards = list(self.setting.cards)
        self._tokens = {m: list(stock.tokens) for m, stock in self.setting.stocks.items()}
        self._wallets = {m: list(stock.wallets) for m, stock in self.setting.stocks.items()}
        self._reviewed = {m: list(stock.reviewed) for m, stock in self.setting.stocks.items()}
        self._tried = {m: list(stock.tried) for m, stock in self.setting.stocks.items()}
        self._accounts = {
            m: {bank: list(many) for bank, many in stock.accounts.items()}
            for m, stock in self.setting.stocks.items()
        }

    def merchant(self, merchant_id: str = MERCHANT) -> Merchant:
        return Merchant(self.world, merchant_id, self.conversations)

    def operator(self, calm_at: float, until: float) -> None:
        """Somebody who decides what is asked of a person, until the end."""
        person = Person(self.world, self.dice, calm_at=calm_at, until=until)
        self.people.append(person)
        self.world.spawn("operator", person.work)

    def custodian(self, merchant_id: str = MERCHANT) -> Custodian:
        """Somebody who looks after a merchant's keys."""
        return Custodian(self.world, self.dice, merchant_id)

    @property
    def erred(self) -> frozenset[str]:
        """Payments about which a person was wrong, and nobody could know better."""
        return frozenset(intent_id for person in self.people for intent_id in person.erred)

    def key(self) -> str:
        """A new idempotency key."""
        return f"key-{next(self._keys)}"

    def token(self, merchant_id: str = MERCHANT) -> dict[str, Any]:
        """A new card."""
        return {"token": self._tokens[merchant_id].pop()}

    def account(self, bank: Bank, merchant_id: str = MERCHANT) -> dict[str, Any]:
        """A new bank account of this kind, if there is one left; else the saved one, which pays."""
        left = self._accounts[merchant_id][bank]
        if left:
            return {"token": left.pop()}
        stock = self.setting.stocks[merchant_id]
        return {"payment_method_id": stock.saved_account, "customer_id": stock.customer_id}

    def wallet(self, merchant_id: str = MERCHANT) -> dict[str, Any]:
        """A new wallet's payload, if there is one left; else a new card."""
        left = self._wallets[merchant_id]
        return {"token": left.pop()} if left else self.token(merchant_id)

    def reviewed(self, merchant_id: str = MERCHANT) -> dict[str, Any]:
        """A new card that is held for a review, if there is one left; else a new card."""
        left = self._reviewed[merchant_id]
        return {"token": left.pop()} if left else self.token(merchant_id)

    def tried(self, merchant_id: str = MERCHANT) -> dict[str, Any]:
        """Another token of the one card that its issuer always declines."""
        return {"token": self._tried[merchant_id].pop()}

    def card(self) -> dict[str, Any]:
        """A card that nobody has shown us yet, as a buyer types it."""
        return typed(self._cards.pop())

    def method(self, number: int = 0, merchant_id: str = MERCHANT) -> dict[str, Any]:
        """A saved card."""
        stock = self.setting.stocks[merchant_id]
        return {"payment_method_id": stock.methods[number], "customer_id": stock.customer_id}

    def tokened(self, number: int = 0, merchant_id: str = MERCHANT) -> dict[str, Any]:
        """A saved card with a network token: the second one's is refused wherever it pays."""
        stock = self.setting.stocks[merchant_id]
        return {"payment_method_id": stock.tokened[number], "customer_id": stock.customer_id}


Script = Callable[[Stage], None]


@dataclass(frozen=True)
class Scenario:
    """A script, and how long its world is as bad as its seed makes it."""

    name: str
    run: Script
    seconds: float = SHORT_SECONDS
    purged: bool = False
    """Whether cards are purged by the schedule and nothing is settled, whatever the seed says."""


def paying(amount_cents: int, by: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The body that asks for a payment."""
    return {"amount_cents": amount_cents, "currency": "eur", **by, **more}


def intent_id_of(asked: Asked) -> str | None:
    shown = intent_in(asked)
    return str(shown["intent_id"]) if shown else None


def settled(shown: Mapping[str, Any]) -> bool:
    """Whether a payment waits for nobody but its merchant."""
    waits = shown["status_detail"] in {"REQUIRES_CAPTURE", HELD}
    return bool(shown["status"] != "PROCESSING" or waits)


# --- golden paths ------------------------------------------------------------------------------


def charge(stage: Stage) -> None:
    """A card is charged, and its merchant is told."""
    body = paying(1000, stage.token(), confirm=True)
    stage.merchant().insist(INTENTS, body, stage.key())


def manual_capture(stage: Stage) -> None:
    """Held, and a part of it taken."""
    merchant = stage.merchant()
    body = paying(1000, stage.method(), confirm=True, capture_method="MANUAL")
    intent_id = intent_id_of(merchant.insist(INTENTS, body, stage.key()))
    if intent_id is not None:
        path = f"{INTENTS}/{intent_id}/capture"
        merchant.insist(path, {"amount_cents": 600}, stage.key())


def refund(stage: Stage) -> None:
    """Charged, and a part given back."""
    merchant = stage.merchant()
    body = paying(1000, stage.token(), confirm=True)
    intent_id = intent_id_of(merchant.insist(INTENTS, body, stage.key()))
    if intent_id is not None:
        asked = {"payment_intent_id": intent_id, "amount_cents": 400, "reason": "broken"}
        merchant.insist(REFUNDS, asked, stage.key())


def cancel(stage: Stage) -> None:
    """Held, and given back."""
    merchant = stage.merchant()
    body = paying(1000, stage.token(), confirm=True, capture_method="MANUAL")
    intent_id = intent_id_of(merchant.insist(INTENTS, body, stage.key()))
    if intent_id is not None:
        merchant.insist(f"{INTENTS}/{intent_id}/cancel", {}, stage.key())


def webhook(stage: Stage) -> None:
    """Nothing is charged; all that happens is that the merchant is told."""
    merchant = stage.merchant()
    body = paying(1000, {}, metadata={"order": "17"})
    intent_id = intent_id_of(merchant.insist(INTENTS, body, stage.key()))
    if intent_id is not None:
        merchant.insist(f"{INTENTS}/{intent_id}/cancel", {}, stage.key())


def settlement(stage: Stage) -> None:
    """Charged, partly refunded, and paid out by the daily settlement."""
    refund(stage)


def debit(stage: Stage) -> None:
    """An account is debited, and its bank pays, and takes it back."""
    body = paying(1000, stage.account(Bank.TAKES_BACK), confirm=True)
    stage.merchant().insist(INTENTS, body, stage.key())


def expiry(stage: Stage) -> None:
    """Held, and forgotten by its merchant."""
    body = paying(1000, stage.token(), confirm=True, capture_method="MANUAL")
    stage.merchant().insist(INTENTS, body, stage.key())


def network_token(stage: Stage) -> None:
    """Held by the network token of a saved card, and taken."""
    merchant = stage.merchant()
    body = paying(1000, stage.tokened(), confirm=True, capture_method="MANUAL")
    intent_id = intent_id_of(merchant.insist(INTENTS, body, stage.key()))
    if intent_id is not None:
        merchant.insist(f"{INTENTS}/{intent_id}/capture", {}, stage.key())


def fallback(stage: Stage) -> None:
    """Charged by the network token of a saved card, which is refused, and then by its number."""
    stage.merchant().insist(INTENTS, paying(1000, stage.tokened(1), confirm=True), stage.key())


def keys(stage: Stage) -> None:
    """Charged, while its merchant gets two keys, one after the other, and the first one goes."""
    merchant, custodian = stage.merchant(), stage.custodian()
    custodian.turn()
    merchant.insist(INTENTS, paying(1000, stage.method(), confirm=True), stage.key())
    custodian.turn(anew=False)


def review(stage: Stage) -> None:
    """Held for a review, approved, and taken."""
    reviewer = Reviewer(stage)
    body = paying(1000, stage.reviewed(), confirm=True)
    intent_id = intent_id_of(stage.merchant().insist(INTENTS, body, stage.key()))
    if intent_id is not None:
        reviewer.say(intent_id, "approve")


def review_before_sending(stage: Stage) -> None:
    """Held for a review and not sent, approved, and then sent."""
    merchant, reviewer = stage.merchant(OTHER_MERCHANT), Reviewer(stage, OTHER_MERCHANT)
    body = paying(1000, stage.reviewed(OTHER_MERCHANT), confirm=True)
    intent_id = intent_id_of(merchant.insist(INTENTS, body, stage.key()))
    if intent_id is not None:
        reviewer.say(intent_id, "approve")


def card_tester(stage: Stage) -> None:
    """One card is tried from one address, until nothing of it is sent any more."""
    tries = [try_card(stage) for _ in range(5)]
    stage.merchant().at_once(*tries[:2])
    for again in tries[2:]:
        again()


def try_card(stage: Stage, merchant_id: str = MERCHANT) -> Callable[[], object]:
    """To be called: the one card that its issuer always declines is tried once more."""
    body = paying(100, stage.tried(merchant_id), confirm=True, ip_address=ADDRESS)
    key, merchant = stage.key(), stage.merchant(merchant_id)
    return lambda: merchant.insist(INTENTS, body, key)


GOLDEN: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("charge", charge),
        Scenario("manual capture", manual_capture),
        Scenario("refund", refund),
        Scenario("cancel", cancel),
        Scenario("webhook", webhook),
        Scenario("settlement", settlement, ALL_DAY_SECONDS),
        Scenario("expiry", expiry),
        Scenario("network token", network_token),
        Scenario("fallback", fallback),
        Scenario("debit", debit),
        Scenario("keys", keys, KEYS_SECONDS, purged=True),
        Scenario("checkout", checkout.paid_session),
        Scenario("review", review),
        Scenario("review before sending", review_before_sending),
        Scenario("card tester", card_tester),
    )
}
"""The paths of which every crash point is tried."""


# --- drawn -------------------------------------------------------------------------------------


@dataclass
class Story:
    """One payment from its creation on, with what its merchant does to it, well or badly."""

    stage: Stage
    merchant_id: str = MERCHANT

    debits_chance: ClassVar[float] = 0.25

    def __post_init__(self) -> None:
        self.dice = self.stage.dice
        self.debits = False
        self.method_id: str | None = None
        self.merchant = self.stage.merchant(self.merchant_id)

    def tell(self) -> None:
        """All of it."""
        self.debits = self.dice.chance(self.debits_chance)
        manual = not self.debits and self.dice.chance(0.4)
        amount = self.dice.choice(AMOUNTS_CENTS)
        intent_id = self._begin(amount, manual=manual)
        if intent_id is None:
            return
        if self.dice.chance(0.4):
            self.merchant.read_until(f"{INTENTS}/{intent_id}", settled)
        self._end_review(intent_id)
        if manual:
            self._end_hold(intent_id, amount)
        if self.dice.chance(0.45):
            self._refunds(intent_id, amount)
        if self.dice.chance(0.2):
            self._look_around(intent_id)
        self._tidy_up()

    def _end_review(self, intent_id: str) -> None:
        reviewer = Reviewer(self.stage, self.merchant_id)
        if reviewer.is_asked_about(intent_id):
            reviewer.answer(intent_id)

    def _tidy_up(self) -> None:
        if self.method_id is not None and self.dice.chance(0.15):
            self.merchant.ask("DELETE", f"{METHODS}/{self.method_id}")
        if self.dice.chance(0.15):
            self._ask_after_the_end()

    def _begin(self, amount: int, *, manual: bool) -> str | None:
        by = self._account() if self.debits else self._card()
        more = {"capture_method": "MANUAL"} if manual else {}
        if self.dice.chance(0.3):
            return self._create_then_confirm(paying(amount, {}, **more), by)
        body, key = paying(amount, by, confirm=True, **more), self.stage.key()
        match self.dice.below(12):
            case 0 | 1:
                return self._with_one_key_twice(INTENTS, body, key)
            case 2:
                return self._with_two_keys(body)
            case 3:
                other = {**body, "amount_cents": amount + 1 if amount < 10_000 else amount - 1}
                self.merchant.at_once(
                    lambda: self.merchant.insist(INTENTS, body, key),
                    lambda: self.merchant.ask("POST", INTENTS, other, key),
                )
                return self._known()
        return intent_id_of(self.merchant.insist(INTENTS, body, key))

    def _account(self) -> dict[str, Any]:
        kinds = (Bank.PAYS, Bank.PAYS, Bank.TAKES_BACK, Bank.TAKES_BACK, Bank.REFUSES)
        return self.stage.account(self.dice.choice(kinds), self.merchant_id)

    def _card(self) -> dict[str, Any]:
        drawn = self.dice.random()
        if drawn < 0.1:
            return self.stage.wallet(self.merchant_id)
        if drawn < 0.17:
            return self.stage.reviewed(self.merchant_id)
        if drawn < 0.6:
            return self.stage.token(self.merchant_id)
        saved = self.stage.method if self.dice.chance(0.5) else self.stage.tokened
        by = saved(self.dice.below(2), self.merchant_id)
        self.method_id = by["payment_method_id"]
        return by

    def _create_then_confirm(self, body: dict[str, Any], by: dict[str, Any]) -> str | None:
        intent_id = intent_id_of(self.merchant.insist(INTENTS, body, self.stage.key()))
        if intent_id is None:
            return None
        by.pop("customer_id", None)
        path, key = f"{INTENTS}/{intent_id}/confirm", self.stage.key()
        match self.dice.below(5):
            case 0:
                self._with_one_key_twice(path, by, key)
            case 1:  # two keys for one payment
                self.merchant.at_once(
                    lambda: self.merchant.insist(path, by, key),
                    lambda: self.merchant.insist(path, by, self.stage.key()),
                )
            case 2:  # cancelled while it is confirmed
                cancelling = f"{INTENTS}/{intent_id}/cancel"
                self.merchant.at_once(
                    lambda: self.merchant.insist(path, by, key),
                    lambda: self.merchant.insist(cancelling, {}, self.stage.key()),
                )
            case _:
                self.merchant.insist(path, by, key)
        return intent_id

    def _with_one_key_twice(self, path: str, body: dict[str, Any], key: str) -> str | None:
        self.merchant.at_once(
            lambda: self.merchant.insist(path, body, key),
            lambda: self.merchant.insist(path, body, key),
        )
        return self._known()

    def _with_two_keys(self, body: dict[str, Any]) -> str | None:
        """Two payments race for one token; a saved card pays for both."""
        self.merchant.at_once(
            lambda: self.merchant.insist(INTENTS, body, self.stage.key()),
            lambda: self.merchant.insist(INTENTS, body, self.stage.key()),
        )
        return self._known()

    def _known(self) -> str | None:
        """A payment that an answer to this merchant named."""
        for conversation in reversed(self.stage.conversations):
            for asked in conversation.calls:
                if conversation.merchant_id == self.merchant_id and (found := intent_id_of(asked)):
                    return found
        return None

    def _end_hold(self, intent_id: str, amount: int) -> None:
        taking, giving = f"{INTENTS}/{intent_id}/capture", f"{INTENTS}/{intent_id}/cancel"
        part = self.dice.choice(({}, {"amount_cents": amount}, {"amount_cents": amount // 2 + 1}))
        capture = lambda: self.merchant.insist(taking, part, self.stage.key())  # noqa: E731
        cancel_ = lambda: self.merchant.insist(giving, {}, self.stage.key())  # noqa: E731
        match self.dice.below(8):
            case 0 | 1 | 2:
                capture()
            case 3:
                cancel_()
            case 4:
                self.merchant.at_once(capture, cancel_)
            case 5:
                self.merchant.at_once(capture, capture)
            case 6:
                self._with_one_key_twice(taking, part, self.stage.key())
            case _:
                return  # forgotten: it expires

    def _refunds(self, intent_id: str, amount: int) -> None:
        sizes = (None, amount, amount // 2 + 1, amount // 3 + 1, 1)
        bodies = []
        for _ in range(1 + self.dice.below(3)):
            size = self.dice.choice(sizes)
            body: dict[str, Any] = {"payment_intent_id": intent_id}
            bodies.append(body if size is None else body | {"amount_cents": size})
        keys = [self.stage.key() for _ in bodies]
        if self.dice.chance(0.2):  # a second server of theirs, with the same key
            bodies.append(bodies[0])
            keys.append(keys[0])
        works = [
            (lambda body=body, key=key: self.merchant.insist(REFUNDS, body, key))
            for body, key in zip(bodies, keys, strict=True)
        ]
        if self.dice.chance(0.7):
            self.merchant.at_once(*works)
        else:
            for work in works:
                work()

    def _ask_after_the_end(self) -> None:
        """A queue of theirs brings an old request once more."""
        asked = [
            one
            for one in self.stage.conversations
            if one.merchant_id == self.merchant_id and one.key is not None
        ]
        again = self.dice.choice(asked)
        self.merchant.insist(again.path, again.sent, str(again.key))

    def _look_around(self, intent_id: str) -> None:
        self.merchant.read(f"{INTENTS}/{intent_id}")
        if self.dice.chance(0.5):
            asked = self.merchant.read(REFUNDS, payment_intent_id=intent_id)
            for shown in asked.body.get("data", [])[:1]:
                self.merchant.read(f"{REFUNDS}/{shown['refund_id']}")
        if self.dice.chance(0.5):
            other = OTHER_MERCHANT if self.merchant_id == MERCHANT else MERCHANT
            self.stage.merchant(other).read(f"{INTENTS}/{intent_id}")


def one_payment(stage: Stage) -> None:
    Story(stage).tell()


def two_payments(stage: Stage) -> None:
    """At once, of one merchant or of two."""
    other = stage.dice.choice((MERCHANT, OTHER_MERCHANT))
    stories = Story(stage), Story(stage, other)
    stage.merchant().at_once(*(story.tell for story in stories))


def tried_cards(stage: Stage) -> None:
    """A card is tried from one address, a few times at once, and again when it is blocked; then
    somebody else pays from there, and an hour later it is tried once more."""
    merchant_id = stage.dice.choice((MERCHANT, OTHER_MERCHANT))
    merchant = stage.merchant(merchant_id)
    tries = [try_card(stage, merchant_id) for _ in range(TRIED)]
    at_once = 1 + stage.dice.below(TRIED - 1)
    merchant.at_once(*tries[:at_once])
    for again in tries[at_once:-1]:
        again()
    other = paying(1000, stage.token(merchant_id), confirm=True, ip_address=ADDRESS)
    merchant.insist(INTENTS, other, stage.key())
    merchant.sleep(stage.dice.choice((1.0, 600.0, 3600.0)))
    tries[-1]()


def settlement_day(stage: Stage) -> None:
    """A payment before midnight; then the settlement runs by its schedule and by hand."""
    Story(stage).tell()
    world = stage.world
    midnight = (world.scheduler.now // 86_400 + 1) * 86_400
    at = midnight + stage.dice.choice((60.0, 75 * 60.0, 75 * 60.0 + 1, 3 * 3600.0))
    world.scheduler.sleep(max(0.0, at - world.scheduler.now))
    stage.merchant().at_once(
        *((lambda: world.invoke("settle", {})) for _ in range(1 + stage.dice.below(2)))
    )


def draw_scenario(dice: Dice) -> Scenario:
    """What happens in the run of a seed."""
    drawn = dice.random()
    if drawn < 0.6:
        return Scenario("one payment", one_payment)
    if drawn < 0.7:
        return Scenario("checkout", checkout.any_of_these, checkout.DAY_SECONDS + SHORT_SECONDS)
    if drawn < 0.9:
        return Scenario("two payments", two_payments)
    if drawn < 0.93:
        return Scenario("tried cards", tried_cards)
    return Scenario("settlement day", settlement_day, ALL_DAY_SECONDS)
