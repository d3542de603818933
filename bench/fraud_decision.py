"""What a decision adds to a confirm, in CPU time: rows to a decision, and the decision to its item.

    make bench WHAT=fraud_decision ARGS="[--rounds N]"

Reading and writing are not in it. Each line is of the same payment; the ratio is to asking the
model alone, in the same run: this machine may be busy, and its numbers are its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from farthing.fraud.action import Action
from farthing.fraud.ask_model import ask
from farthing.fraud.counter_row import address_key, card_key
from farthing.fraud.decide import decide
from farthing.fraud.facts import Facts, known
from farthing.fraud.fields import Operator
from farthing.fraud.history import Paid, Past, history_key, history_write
from farthing.fraud.lists import RANGES_MAX, Entry, Kind, ranges_write
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import unpack_row
from farthing.fraud.model_file import DEFAULT_FILE
from farthing.fraud.rule_document import ASKS_MAX, RULES_MAX
from farthing.fraud.rule_row import default_rules
from farthing.fraud.rules import Ask, Rule, RuleSet, Status
from farthing.fraud.signals import SignalType
from farthing.ids import make_id
from farthing.store import Item, Key, TenantScope

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TENANT = TenantScope("mer_01jd0000000000000000000aaa", "test")
CUSTOMER = "cus_01jd0000000000000000000aaa"
FACTS = Facts(
    amount_cents=4200,
    currency="eur",
    fingerprint="a" * 26,
    bin="424242",
    brand="visa",
    billing_country="DE",
    ip_address="203.0.113.7",
    ip_country="DE",
    email="ada@example.com",
    customer_id=CUSTOMER,
)


def rows(ranges: int) -> dict[Key, Item]:
    """A customer of 64 payments, a card and an address that failed thrice, so many ranges."""
    past = Past()
    for day in range(64):
        at = NOW - timedelta(days=day + 1)
        operation_id = make_id("op", at, day.to_bytes(16, "big")[-10:])
        past = past.with_payment(Paid.of(operation_id, 4000 + day), FACTS.ip_address)
    key = history_key(TENANT, CUSTOMER, "eur")
    written = history_write(key, Past(), past)
    failed = [[int(NOW.timestamp() * 1000) - n * 1000, f"op_{n:026d}"] for n in range(3)]
    counter: Item = {"failed": failed, "version": 3}
    found: dict[Key, Item] = {key: dict(written.set) if written else {}}
    found[card_key(TENANT, FACTS.fingerprint or "")] = counter
    if (address := address_key(TENANT, FACTS.ip_address)) is not None:
        found[address] = counter
    entries = [
        Entry(f"fle_{n}", Kind.RANGE, f"10.{n}.0.0/16", Action.BLOCK, "test") for n in range(ranges)
    ]
    put = ranges_write(TENANT, None, entries, NOW)
    return found | {put.key: put.item}


def most_rules() -> RuleSet:
    """As many rules as there may be, of as many conditions, which all hold but the last."""
    holds = Ask("amount_percent_of_median", Operator.GT, 1)
    fails = Ask("customer_payments", Operator.GT, 1000)
    asks = (holds,) * (ASKS_MAX - 1) + (fails,)
    rules = tuple(
        Rule(f"r{n}", SignalType.CUSTOM, Status.ACTIVE, Action.BLOCK, "test", asks)
        for n in range(RULES_MAX)
    )
    return replace(default_rules(), rules=rules)


def measure(do: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The median and the 99th percentile, in microseconds of this process's CPU."""
    took = []
    for _ in range(rounds):
        began = time.process_time_ns()
        do()
        took.append((time.process_time_ns() - began) / 1000)
    took.sort()
    return took[len(took) // 2], took[len(took) * 99 // 100]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3000)
    rounds = parser.parse_args().rounds
    model, few, many = Model.load(DEFAULT_FILE), rows(0), rows(RANGES_MAX)
    features = unpack_row(known(TENANT, FACTS, few, NOW).features)

    def decided(rule_set: RuleSet, found: dict[Key, Item]) -> Item:
        what = known(TENANT, FACTS, found, NOW)
        scored = ask(model, model.artefact.name, unpack_row(what.features), shadow=True)
        return decide(what, rule_set, scored).to_item()

    lines: dict[str, Callable[[], object]] = {
        "the model alone": lambda: ask(model, "m", features, shadow=True),
        "default rules, default model": lambda: decided(default, few),
        f"{RULES_MAX} rules of {ASKS_MAX} conditions, {RANGES_MAX} ranges": lambda: decided(
            most, many
        ),
    }
    default, most = default_rules(), most_rules()
    base = 0.0
    print(f"{'':48}{'p50 µs':>10}{'p99 µs':>10}{'ratio':>8}")
    for name, do in lines.items():
        measure(do, 200)
        middle, worst = measure(do, rounds)
        base = base or middle
        print(f"{name:48}{middle:>10.0f}{worst:>10.0f}{middle / base:>8.1f}")


if __name__ == "__main__":
    main()
