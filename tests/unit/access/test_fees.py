"""A fee plan: which rate counts, how it is rounded, what may be set."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.access.account import Account, Settings
from farthing.access.fee_versions import FeeVersion, plan_of, set_fees, version_key, versions
from farthing.access.fees import PPM, RATES_MAX, FeePlan, FeeTerms, Rate
from farthing.access.issue import open_account
from farthing.access.keys import merchant_row
from farthing.access.principal import Mode
from farthing.money import AMOUNT_MINOR_MAX
from farthing.store import EXISTS, ConditionFailed, Update
from farthing.store.item import Item
from tests.support.lambdas import MERCHANT

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

rates = st.builds(
    Rate,
    st.integers(0, PPM),
    st.integers(0, AMOUNT_MINOR_MAX),
    st.integers(0, AMOUNT_MINOR_MAX),
)


@given(rates, st.integers(1, AMOUNT_MINOR_MAX))
def test_a_fee_is_the_share_rounded_half_to_even_the_fixed_part_and_the_minimum(
    rate: Rate, amount_cents: int
) -> None:
    share = Decimal(amount_cents) * rate.rate_ppm / PPM
    rounded = int(share.quantize(Decimal(1), ROUND_HALF_EVEN))

    assert rate.fee_of(amount_cents) == max(rounded + rate.fixed_cents, rate.minimum_cents)


@pytest.mark.parametrize(
    ("amount_cents", "fee"), [(50, 0), (150, 2), (250, 2), (350, 4), (151, 2), (149, 1)]
)
def test_half_a_cent_goes_to_the_even_one(amount_cents: int, fee: int) -> None:
    assert Rate(10_000).fee_of(amount_cents) == fee


def test_a_fee_may_be_more_than_a_small_amount() -> None:
    assert Rate(14_000, 25).fee_of(1) == 25
    assert Rate(0, 0, 50).fee_of(20) == 50


PLAN = FeePlan().changed(
    {
        "eur": Rate(14_000, 25),
        "eur/amex": Rate(29_000, 25, 50),
        "*/visa": Rate(15_000),
        "*": Rate(20_000),
    }
)


@pytest.mark.parametrize(
    ("currency", "brand", "rate"),
    [
        ("eur", "amex", "2.9%+25,min=50"),
        ("eur", "visa", "1.4%+25"),
        ("eur", None, "1.4%+25"),
        ("usd", "visa", "1.5%"),
        ("usd", "amex", "2%"),
        ("usd", "unknown", "2%"),
    ],
)
def test_the_most_particular_rate_counts_and_the_currency_before_the_brand(
    currency: str, brand: str | None, rate: str
) -> None:
    assert str(PLAN.rate(currency, brand)) == rate


def test_without_a_rate_there_is_no_fee() -> None:
    plan = FeePlan().changed({"eur/visa": Rate(14_000)})

    assert plan.rate("usd", "visa") is None
    assert plan.terms("eur", "amex") is None
    assert plan.terms("usd", None) is None


currencies = st.sampled_from(["eur", "usd", "jpy"])
brands = st.sampled_from(["visa", "amex", "mastercard", "unknown", None])
keys = st.sampled_from(["eur", "usd/visa", "eur/visa", "eur/amex", "*/visa", "*"])


@given(
    st.dictionaries(keys, st.integers(0, PPM).map(Rate), max_size=6),
    currencies,
    brands,
    brands,
    st.integers(1, AMOUNT_MINOR_MAX),
)
def test_terms_say_the_fee_that_the_plan_says(
    said: dict[str, Rate], currency: str, begun: str | None, told: str | None, cents: int
) -> None:
    """What an operation is begun with holds, whatever brand the acquirer names afterwards. Where we
    have not seen the card, the acquirer's word decides."""
    plan = FeePlan().changed(said)
    terms = plan.terms(currency, begun)
    brand = told if begun is None else begun
    rate = plan.rate(currency, brand)

    fee = terms.fee_of(cents, told) if terms is not None else 0

    assert fee == (rate.fee_of(cents) if rate is not None else 0)
    assert terms is None or FeeTerms.from_item(terms.to_item()) == terms


@pytest.mark.parametrize("text", ["1.4%+25,min=50", "0%", "100%", "0.0001%", "2.9%,min=1"])
def test_a_rate_is_written_as_it_is_read(text: str) -> None:
    assert str(Rate.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "1.4", "-1%", "1.23456%", "101%", "1%+-5", "1%+0.25", "1e3%", "1%,max=5", "1% +"],
)
def test_what_is_no_rate_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        Rate.parse(text)


@pytest.mark.parametrize(
    ("key", "rate", "says"),
    [
        ("xxx", Rate(1), "no currency"),
        ("eur/platinum", Rate(1), "no brand"),
        ("*", Rate(1, 25), "of one currency"),
        ("*/visa", Rate(1, 0, 5), "of one currency"),
    ],
)
def test_what_may_not_be_in_a_plan_is_said(key: str, rate: Rate, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FeePlan().changed({key: rate})


def test_a_plan_has_so_many_rates_at_most() -> None:
    codes = ["eur", "usd", "gbp", "chf", "sek"]
    kinds = ["visa", "amex", "mastercard", "jcb", "diners", "discover", "unionpay", "maestro"]
    all_of_them = {f"{code}/{kind}": Rate(1) for code in codes for kind in kinds}
    plan = FeePlan().changed(all_of_them)
    assert len(plan.rates) == RATES_MAX

    with pytest.raises(ValueError, match="at most"):
        plan.changed({"*": Rate(1)})
    assert len(Settings(fees=plan).to_text()) < 2048


def test_each_change_is_a_version_and_no_change_is_none() -> None:
    assert PLAN.version == 1
    assert PLAN.changed({"EUR": Rate(14_000, 25)}) is PLAN
    after = PLAN.changed({"eur/amex": None})
    assert (after.version, sorted(after.rates)) == (2, ["*/*", "*/visa", "eur/*"])


def test_a_plan_is_read_as_it_is_written() -> None:
    assert FeePlan.from_item(PLAN.to_item()) == PLAN
    assert Settings.of_text(Settings(fees=PLAN).to_text()).fees == PLAN
    account = Account("A", "2026-11-22T09:00:00.000Z", fees={"live": PLAN})
    again = Account.from_item(account.to_item())
    assert (again, again.settings("live").fees, again.settings("test").fees) == (
        account,
        PLAN,
        FeePlan(),
    )


def test_what_the_authorizer_handed_on_before_there_were_fees_has_none() -> None:
    text = '{"connectors": {}, "card_entry": "OWN_VAULT"}'

    assert Settings.of_text(text).fees == FeePlan()


def merchant() -> Item:
    item = runtime.system_store().get(merchant_row(MERCHANT))
    assert item is not None
    return item


@pytest.fixture
def opened(aws: None) -> None:
    open_account(runtime.system_store(), MERCHANT, "Shop", [], NOW)


def test_plans_are_kept_for_good_each_with_who_set_it(opened: None) -> None:
    store, second = runtime.system_store(), PLAN.changed({"eur": Rate(10_000)})

    set_fees(store, MERCHANT, merchant(), Mode.TEST, PLAN, "Ada", NOW)
    set_fees(store, MERCHANT, merchant(), Mode.TEST, second, " Grace ", NOW)

    since = "2026-11-22T09:00:00.000Z"
    assert plan_of(merchant(), Mode.TEST) == second
    assert plan_of(merchant(), Mode.LIVE) == FeePlan()
    assert versions(store, MERCHANT, Mode.TEST) == [
        FeeVersion(second, since, "Grace"),
        FeeVersion(PLAN, since, "Ada"),
    ]
    assert versions(store, MERCHANT, Mode.LIVE) == []


def test_two_that_set_a_plan_at_once_do_not_undo_each_other(opened: None) -> None:
    store, read = runtime.system_store(), merchant()
    set_fees(store, MERCHANT, read, Mode.TEST, PLAN, "Ada", NOW)

    with pytest.raises(ConditionFailed) as failed:
        other = FeePlan().changed({"eur": Rate(1)})
        set_fees(store, MERCHANT, read, Mode.TEST, other, "Grace", NOW)

    assert failed.value.condition == "MERCHANT_AS_READ"
    assert plan_of(merchant(), Mode.TEST) == PLAN


def test_a_plan_that_held_is_never_written_over(opened: None) -> None:
    """A merchant's row that was restored from a backup has an old plan's number."""
    store, before = runtime.system_store(), merchant()
    set_fees(store, MERCHANT, before, Mode.TEST, PLAN, "Ada", NOW)
    store.write(Update(merchant_row(MERCHANT), EXISTS, remove=["fees"]))

    with pytest.raises(ConditionFailed) as failed:
        set_fees(store, MERCHANT, merchant(), Mode.TEST, PLAN, "Grace", NOW)

    assert failed.value.condition == "VERSION_NOT_TAKEN"
    kept = store.get(version_key(MERCHANT, Mode.TEST, 1))
    assert kept is not None and kept["by"] == "Ada"


@pytest.mark.parametrize("by", ["", "  ", "x" * 101, "4242424242424242", "a\nb"])
def test_a_plan_is_set_by_somebody(opened: None, by: str) -> None:
    with pytest.raises(ValueError, match="who sets it"):
        set_fees(runtime.system_store(), MERCHANT, merchant(), Mode.TEST, PLAN, by, NOW)
