"""`farthing merchant fees`: what the operator takes of a merchant's captures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from farthing.access.fee_versions import plan_of, set_fees, versions
from farthing.access.fees import ANY, FeePlan, Rate
from farthing.access.principal import Mode
from farthing.ids import is_id
from farthing.money import EXPONENTS, Money
from farthing.store.errors import ConditionFailed
from farthing_cli import wide
from farthing_cli.access_table import AccessTable
from farthing_cli.failure import Failure
from farthing_cli.place import in_words
from farthing_cli.recovery import Stack

app = typer.Typer(no_args_is_help=True, help="What we take of a merchant's captures.")
console = Console()

Id = Annotated[str, typer.Argument(metavar="MERCHANT", help="mer_…")]
ModeOption = Annotated[Mode, typer.Option(help="of which payments")]


@app.command()
def show(
    merchant: Id,
    mode: ModeOption = Mode.TEST,
    history: Annotated[bool, typer.Option("--history", help="every plan that ever held")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False,
    stack: Stack = None,
) -> None:
    """The rates in force, and what each takes of an amount."""
    with in_words():
        table = AccessTable.of(stack)
        plan = plan_of(table.merchant(_id(merchant)), mode)
        kept = versions(table.store, merchant, mode) if history else []
    if as_json:
        shown = {"mode": mode.value, **_document(plan)}
        held = [{**_document(one.plan), "since": one.since, "by": one.by} for one in kept]
        console.print_json(data=shown | ({"history": held} if history else {}))
        return
    for one in kept:
        _say(f"version {one.plan.version}, since {one.since}, by {one.by}")
        _show_rates(one.plan)
    if not history:
        _say(f"version {plan.version}" if plan.rates else "There are no fees.")
        _show_rates(plan)


@app.command(name="set")
def set_(
    merchant: Id,
    rate: Annotated[
        list[str],
        typer.Option(
            "--rate",
            help="currency, brand and rate: eur=1.4%+25, eur/amex=2.9%+25,min=50, *=2%. "
            "Fixed parts are in minor units. Repeat it; eur/amex= takes one away",
        ),
    ],
    by: Annotated[str, typer.Option(help="who sets it: a person's name, kept for the audit")],
    mode: ModeOption = Mode.TEST,
    stack: Stack = None,
) -> None:
    """Change rates, and leave the others. What is captured a minute later is under the new plan."""
    rates = dict(map(_rate, rate))
    with in_words():
        table = AccessTable.of(stack)
        read = table.merchant(_id(merchant))
        before = plan_of(read, mode)
        try:
            plan = before.changed(rates)
            if plan == before:
                _say("It is so already.")
                return
            set_fees(table.store, merchant, read, mode, plan, by, table.now())
        except ValueError as wrong:
            raise Failure(f"Nothing was changed: {wrong}.") from None
        except ConditionFailed:
            raise Failure(
                f"Nothing was changed: {merchant} is no longer as it was read. Look at it again."
            ) from None
    _say(f"version {plan.version} is in force within a minute")
    _show_rates(plan)


def _rate(text: str) -> tuple[str, Rate | None]:
    key, is_pair, said = text.partition("=")
    if not is_pair:
        raise Failure(f"{text!r} names no rate of a currency: eur=1.4%+25")
    if not said.strip():
        return key, None
    try:
        return key, Rate.parse(said)
    except ValueError as wrong:
        raise Failure(f"Nothing was changed: {wrong}.") from None


def _show_rates(plan: FeePlan) -> None:
    if not plan.rates:
        return
    shown = Table("currency", "brand", "rate", "of an amount", "it takes")
    for key, rate in sorted(plan.rates.items(), key=lambda pair: _order(pair[0])):
        currency, _, brand = key.partition("/")
        shown.add_row(currency, brand, str(rate), *_example(currency, rate))
    wide.show(console, shown)


def _example(currency: str, rate: Rate) -> tuple[str, str]:
    """What a rate takes of a hundred of its currency."""
    if currency == ANY:
        return "", ""
    amount = 100 * 10 ** EXPONENTS[currency]
    return str(Money(amount, currency)), str(Money(rate.fee_of(amount), currency))


def _order(key: str) -> tuple[bool, str, bool, str]:
    """The more particular ones first."""
    currency, _, brand = key.partition("/")
    return currency == ANY, currency, brand == ANY, brand


def _document(plan: FeePlan) -> Mapping[str, object]:
    rates = {key: str(rate) for key, rate in sorted(plan.rates.items())}
    return {"version": plan.version, "rates": rates}


def _id(text: str) -> str:
    if not is_id("mer", text):
        raise Failure(f"{text!r} is no id: mer_…")
    return text


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)
