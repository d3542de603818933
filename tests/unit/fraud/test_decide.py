"""The order of the decision, what abstains, and that it can be replayed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.fraud.action import Action
from farthing.fraud.decide import decide, replay
from farthing.fraud.facts import Facts, Known, known, risk_keys
from farthing.fraud.fields import FIELDS, Operator
from farthing.fraud.history import Paid, Past, card_seen_key, history_key, history_write
from farthing.fraud.lists import Entry, Hit, Kind, entry_write, ranges_key, ranges_write
from farthing.fraud.model.features import unpack_row
from farthing.fraud.model_input import features_of
from farthing.fraud.rule_row import default_rules
from farthing.fraud.rules import Ask, Rule, RuleSet, Status, Thresholds
from farthing.fraud.signals import Decision, FraudSignal, Scored, SignalType
from farthing.ids import instant_of, is_id
from farthing.store import Item, TenantScope
from farthing.store.item import item_from_wire, item_to_wire
from tests.unit.fraud.test_window import NOON, at, attempt

TENANT = TenantScope("mer_1", "test")
ALWAYS = Ask("currency", Operator.IS_KNOWN)
NEVER = Ask("currency", Operator.IS_UNKNOWN)
EUROS = Known({"currency": "eur"})
SCORES = st.one_of(st.none(), st.integers(0, 1_000_000))


def rule(action: Action, n: int, asks: tuple[Ask, ...] = (ALWAYS,), **more: Any) -> Rule:
    made = Rule(f"rule_{n}", SignalType.CUSTOM, Status.ACTIVE, action, "because", asks)
    return replace(made, **more)


def scored(ppm: int | None) -> Scored | None:
    return None if ppm is None else Scored(ppm, "model-1", ("the amount",))


RULES = st.lists(
    st.tuples(st.sampled_from(Action), st.sampled_from(Status), st.booleans()), max_size=6
)
HITS = st.lists(st.sampled_from([Action.ALLOW, Action.BLOCK]), max_size=3)


@given(rules=RULES, hits=HITS, score=SCORES, chance=st.randoms())
def test_lists_and_rules_in_radars_order_and_then_the_score(
    rules: list[tuple[Action, Status, bool]], hits: list[Action], score: int | None, chance: Any
) -> None:
    # Given rules and lists in any order
    made = [
        rule(action, n, (ALWAYS if holds else NEVER,), status=status)
        for n, (action, status, holds) in enumerate(rules)
    ]
    chance.shuffle(made)
    listed = tuple(Hit(f"entry_{n}", Kind.IP, action, "") for n, action in enumerate(hits))
    # When
    decision = decide(replace(EUROS, hits=listed), RuleSet(7, tuple(made)), scored(score))
    # Then what allows comes first, then what blocks, then what reviews
    say = {action for action, status, holds in rules if holds and status is Status.ACTIVE}
    say |= set(hits)
    if Action.ALLOW in say:
        expected = Action.ALLOW
    elif Action.BLOCK in say:
        expected = Action.BLOCK
    elif Action.REVIEW in say:
        expected = Action.REVIEW
    elif score is None or score < 300_000:
        expected = Action.ALLOW
    else:
        expected = Action.BLOCK if score > 700_000 else Action.REVIEW
    assert decision.action is expected
    # And everything that was said is kept, whoever decided
    assert {s.action for s in decision.signals if s.signal_type is not SignalType.MODEL} == say
    assert [s.score_ppm for s in decision.signals if s.source == "model"] == (
        [] if score is None else [score]
    )
    assert len(decision.signals) == len(
        [1 for _, status, holds in rules if holds and status is Status.ACTIVE]
    ) + len(hits) + (score is not None)


@pytest.mark.parametrize(
    ("ppm", "action"),
    [
        (299_999, Action.ALLOW),
        (300_000, Action.REVIEW),
        (700_000, Action.REVIEW),
        (700_001, Action.BLOCK),
    ],
)
def test_the_score_above_0_7_blocks_and_from_0_3_on_reviews(ppm: int, action: Action) -> None:
    decision = decide(EUROS, RuleSet(1), scored(ppm))
    assert (decision.action, decision.score_ppm, decision.decided_by) == (action, ppm, "model")
    # And each merchant may draw the lines elsewhere
    strict = RuleSet(1, thresholds=Thresholds(0, ppm - 1))
    assert decide(EUROS, strict, scored(ppm)).action is Action.BLOCK


@given(rules=RULES, hits=HITS, score=st.integers(0, 1_000_000))
def test_a_model_in_the_shadow_says_what_it_would_have_done_and_changes_nothing(
    rules: list[tuple[Action, Status, bool]], hits: list[Action], score: int
) -> None:
    made = tuple(
        rule(action, n, (ALWAYS if holds else NEVER,), status=status)
        for n, (action, status, holds) in enumerate(rules)
    )
    listed = tuple(Hit(f"entry_{n}", Kind.IP, action, "") for n, action in enumerate(hits))
    what, rule_set = replace(EUROS, hits=listed), RuleSet(7, made)
    # When it is asked, and when there is no model at all
    watched = decide(what, rule_set, Scored(score, "model-2", shadow=True))
    without = decide(what, rule_set)
    # Then the same is decided, by the same
    assert (watched.action, watched.decided_by) == (without.action, without.decided_by)
    assert watched.signals[:-1] == without.signals
    # And its signal is kept, with the action that it would have had
    assert watched.score_ppm == without.score_ppm
    assert watched.signals[-1].action is rule_set.thresholds.action(score)
    assert watched.signals[-1].reason == f"a score of {score / 10**6:.2f} (only watched)"


def test_the_models_reasons_are_in_its_signal() -> None:
    said = Scored(930_000, "model-1", ("the amount", "the time of day"))
    signal = decide(EUROS, RuleSet(1), said).signals[-1]
    assert signal.reason == "a score of 0.93: the amount, the time of day"
    with pytest.raises(ValueError, match="4 reasons"):
        replace(said, reasons=("a", "b", "c", "d"))


def test_each_signal_is_shown_with_an_id_that_follows_from_its_operation() -> None:
    decision = decide(EUROS, RuleSet(1, tuple(rule(Action.REVIEW, n) for n in range(100))))
    one, other = (attempt(5, n).operation_id for n in range(2))
    shown = decision.shown_signals(one)
    # Then it is the same each time, also of what was stored, and no other signal has it
    again = Decision.from_item(item_from_wire(item_to_wire(decision.to_item())))
    assert again.shown_signals(one) == shown
    ids = [signal["signal_id"] for signal in shown + decision.shown_signals(other)]
    assert len(set(ids)) == 200
    assert all(is_id("sig", id_) and instant_of(id_) == at(5) for id_ in ids)
    # And beside it is all that the signal says
    assert [FraudSignal.from_item(_without_id(signal)) for signal in shown] == [*decision.signals]


def _without_id(signal: Item) -> Item:
    return {name: value for name, value in signal.items() if name != "signal_id"}


PAYMENT = Facts(
    amount_cents=600_000,
    currency="eur",
    fingerprint="abcdefghijklmnopqrstuvwxyz",
    bin="424242",
    brand="visa",
    billing_country="DE",
    ip_address="203.0.113.7",
    ip_country="IR",
    email="someone@mailinator.com",
    customer_id="cus_01hg0000000000000000000000",
)


def rows_against(facts: Facts) -> dict[Any, Any]:
    """A row of each kind, with all that the default rules can find."""
    four = {one.operation_id: one.at_ms for one in (attempt(n, n) for n in range(4))}
    card, seen, address, customer = risk_keys(TENANT, facts)[:4]
    assert (seen, customer) == (
        card_seen_key(TENANT, str(facts.fingerprint)),
        history_key(TENANT, str(facts.customer_id), "eur"),
    )
    return {
        card: {"version": 4, **four},
        address: {"version": 1, "failed": [[at, id_] for id_, at in four.items()]},
        customer: a_past(1000, 1000, 1000, 1000, 1000),
    }


def a_past(*amounts_cents: int) -> Item:
    """The row of one who paid these."""
    past = Past()
    for n, amount_cents in enumerate(amounts_cents):
        past = past.with_payment(Paid.of(attempt(n, n).operation_id, amount_cents), None)
    key = history_key(TENANT, "cus_1", "eur")
    write = history_write(key, Past(), past)
    assert write is not None
    return item_from_wire(item_to_wire(write.set))


def test_what_was_stored_is_decided_alike_and_what_one_batch_read_is_all_that_it_takes() -> None:
    # Given a payment that everything is against, but that a list allows
    rows = rows_against(PAYMENT)
    entry = Entry("le_1", Kind.EMAIL, "someone@mailinator.com", Action.ALLOW, "a tester")
    put = entry_write(TENANT, entry, NOON)
    rules = default_rules()
    blocked = decide(known(TENANT, PAYMENT, rows, NOON), rules, scored(900_000))
    allowed = decide(known(TENANT, PAYMENT, rows | {put.key: put.item}, NOON), rules)
    assert set(rows) | {put.key} <= set(risk_keys(TENANT, PAYMENT))
    # Then each default rule says so, with its evidence
    assert {s.source for s in blocked.signals} == {r.rule_id for r in rules.rules} | {"model"}
    assert (blocked.action, blocked.decided_by) == (Action.BLOCK, "card_tried_in_10_minutes")
    velocity = [s for s in blocked.signals if s.signal_type is SignalType.VELOCITY]
    ids = tuple(attempt(n, n).operation_id for n in range(4))
    assert [(s.evidence, s.version) for s in velocity] == [(ids, "rules-0")] * 3
    assert (allowed.action, allowed.decided_by) == (Action.ALLOW, "le_1")
    assert len(allowed.signals) == len(rules.rules) + 1
    for decision in (blocked, allowed):
        # When it is stored and read again, which takes no fraction and no object of ours
        again = Decision.from_item(item_from_wire(item_to_wire(decision.to_item())))
        # Then the same comes out of it, to the last signal
        assert again == decision
        assert replay(again, rules) == decision
    # And other rules would have said something else of the same payment
    assert replay(blocked, RuleSet(9)).decided_by == "model"


def test_each_field_says_what_its_rows_say() -> None:
    # Given a card that failed once in the last ten minutes and once before, and is tried now
    card, _, address, customer = risk_keys(TENANT, PAYMENT)[:4]
    old, new, now = attempt(-3000), attempt(-500, 1), attempt(-1, 2)
    failed = [[one.at_ms, one.operation_id] for one in (old, new)]
    rows = {
        card: {"version": 3, "failed": failed, now.operation_id: now.at_ms},
        address: {"version": 1, "failed": failed},
        customer: a_past(9, 400_000, 3, 10**6, 500_000),
    }
    # When
    what = known(TENANT, PAYMENT, rows, NOON)
    # Then
    assert what.values == {
        "amount_cents": 600_000,
        "currency": "eur",
        "card_brand": "visa",
        "card_bin": "424242",
        "card_failures_10m": 2,
        "card_failures_1h": 3,
        "ip_failures_10m": 1,
        "card_is_new": True,
        "billing_country": "DE",
        "ip_country": "IR",
        "countries_match": False,
        "email_domain": "mailinator.com",
        "customer_payments": 5,
        "amount_percent_of_median": 150,
    }
    assert what.evidence["card_failures_10m"] == (new.operation_id, now.operation_id)
    # And more than four are four
    more = [[one.at_ms, one.operation_id] for one in (attempt(-n, n) for n in range(4, 8))]
    crowded = rows | {card: {**rows[card], "failed": more}}
    assert known(TENANT, PAYMENT, crowded, NOON).values["card_failures_10m"] == 4
    seen = card_seen_key(TENANT, str(PAYMENT.fingerprint))
    assert known(TENANT, PAYMENT, rows | {seen: {}}, NOON).values["card_is_new"] is False
    assert known(TENANT, PAYMENT, {}, NOON).values["customer_payments"] == 0


def test_what_the_model_is_told_is_kept_with_what_is_known() -> None:
    rows = rows_against(PAYMENT)
    what = known(TENANT, PAYMENT, rows, NOON)
    told = unpack_row(what.features)
    assert repr(told) == repr(features_of(TENANT, PAYMENT, rows, NOON))
    assert told[0] == PAYMENT.amount_cents


def test_a_card_of_nobody_has_a_history_that_rules_do_not_ask() -> None:
    # Given a card whose payer is not known, which paid five times
    stranger = replace(PAYMENT, customer_id=None)
    key = history_key(TENANT, str(PAYMENT.fingerprint), "eur")
    assert key in risk_keys(TENANT, stranger)
    assert key not in risk_keys(TENANT, PAYMENT)
    # Then no rule takes the card for a customer
    what = known(TENANT, stranger, {key: a_past(1, 1, 1, 1, 1)}, NOON)
    assert what.values["customer_payments"] is None
    assert what.values["amount_percent_of_median"] is None


NOTHING = Facts(amount_cents=600_000, currency="eur")


def test_who_is_not_known_is_not_suspected() -> None:
    what = known(TENANT, NOTHING, {}, NOON)
    unknown = {name for name, value in what.values.items() if value is None}
    assert unknown == set(FIELDS) - {"amount_cents", "currency"}
    assert set(what.values) == set(FIELDS)
    assert [s.source for s in decide(what, default_rules()).signals] == ["large_amount"]
    # Not even if half of it is known
    half = replace(NOTHING, billing_country="DE")
    assert known(TENANT, half, {}, NOON).values["countries_match"] is None


@given(st.sets(st.sampled_from(sorted(FIELDS))))
def test_a_rule_abstains_if_one_of_its_fields_is_not_known(hidden: set[str]) -> None:
    all_ = known(TENANT, PAYMENT, rows_against(PAYMENT), NOON)
    shown = {n: None if n in hidden else value for n, value in all_.values.items()}
    rules = default_rules()
    said = {s.source for s in decide(replace(all_, values=shown), rules).signals}
    # An amount without a currency is compared with nothing
    currency = {"amount_cents": ("currency",)}
    needs = {
        r.rule_id: {name for a in r.asks for name in (a.field, *currency.get(a.field, ()))}
        for r in rules.rules
    }
    assert said == {rule_id for rule_id, fields in needs.items() if not fields & hidden}


def test_an_amount_is_compared_in_its_own_currency_alone() -> None:
    ask = Ask("amount_cents", Operator.GT, {"eur": 100, "jpy": 5})
    for currency, amount, holds in (
        ("eur", 101, True),
        ("eur", 100, False),
        ("jpy", 6, True),
        ("usd", 10**6, False),
    ):
        assert ask.holds({"amount_cents": amount, "currency": currency}) is holds


def test_deciding_takes_less_than_two_milliseconds() -> None:
    # Given as many rules, conditions, ranges and failures as there may be
    asks = tuple(
        Ask("card_bin", Operator.NOT_IN, frozenset(str(n) for n in range(500))) for _ in range(5)
    )
    rules = RuleSet(1, tuple(rule(Action.REVIEW, n, asks) for n in range(100)))
    ranges = [
        Entry(f"le_{n}", Kind.RANGE, f"198.51.{n}.0/24", Action.BLOCK, "spam") for n in range(200)
    ]
    rows = rows_against(PAYMENT)
    rows[ranges_key(TENANT)] = ranges_write(TENANT, None, ranges, NOON).item
    taken = []
    for _ in range(20):
        began = time.process_time()
        decision = decide(known(TENANT, PAYMENT, rows, NOON), rules)
        taken.append(time.process_time() - began)
    assert len(decision.signals) == 100
    assert min(taken) < 0.002
