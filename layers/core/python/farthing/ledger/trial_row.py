"""A trial balance as it is stored: how far a run is, what it found, and what was verified before.

    TRIAL    RUN#{run}     one run: where it goes on, its counts and differences
    TRIAL    VERIFIED      the day and the journals' rows up to which all was right

A run is a series of stretches, each in an invocation of its own. Each saves the run behind it under
the number of its step, so two that took up the same run cannot both go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from farthing.clock import epoch_seconds, to_text
from farthing.ledger.balance import Balance, Sums
from farthing.ledger.difference import Difference
from farthing.store.condition import NOT_CREATED, Condition
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.store.write import Put

TABLE = "settlement"
RUN_ENTITY = "trial_balance_run"
VERIFIED_ENTITY = "trial_balance_verified"
RUN_PREFIX = "trb"
DIFFERENCES_KEPT_MAX = 100
"""The row has room for so many; all are counted."""
KEPT_DAYS = 400


@dataclass(frozen=True)
class Walked:
    """How far a journal was gone through: the last number, the sums rebuilt up to it, and the
    balance that its row shows (None if that row is missing)."""

    sequence: int = 0
    accounts: Sums = field(default_factory=dict)
    balance: Balance | None = field(default_factory=Balance)

    def to_item(self) -> Item:
        """As stored."""
        shown = dict(vars(self.balance)) if self.balance is not None else None
        return {"sequence": self.sequence, "accounts": dict(self.accounts), "balance": shown}

    @classmethod
    def of(cls, item: Item) -> Walked:
        """As read."""
        shown = item["balance"]
        balance = Balance(**shown) if shown is not None else None
        return cls(item["sequence"], item["accounts"], balance)


@dataclass
class Run:
    """One run over one merchant's books. `day`, `part` and `behind` say where it goes on in the
    days; when those are done, `walked` says where in the journals."""

    tenant: TenantScope
    run_id: str
    started_at: str
    full: bool
    first_day: date
    until: date
    day: date
    part: int = 0
    behind: Item | None = None
    walked: dict[str, Walked] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    step: int = 0
    ended_at: str | None = None

    @property
    def key(self) -> Key:
        """Where it is stored."""
        return run_key(self.tenant, self.run_id)

    @property
    def days_done(self) -> bool:
        """Whether every day was looked at."""
        return self.day > self.until

    def next_day(self) -> None:
        """This day was looked at to its end."""
        self.day, self.part, self.behind = self.day + timedelta(days=1), 0, None

    def found(self, differences: list[Difference]) -> None:
        """Count what was not seen before in this run, and keep the first of them."""
        for one in differences:
            if one not in self.differences:
                self.counts["differences"] += 1
                if len(self.differences) < DIFFERENCES_KEPT_MAX:
                    self.differences.append(one)

    def saved(self, now: datetime) -> Put:
        """The write of the run behind its next step. Moves it there."""
        when = run_still_at(self.step) if self.step else RUN_NEW
        self.step += 1
        return Put(self.key, self.to_item(now), when)

    def to_item(self, now: datetime) -> Item:
        """The row, without its key."""
        return {
            "entity": RUN_ENTITY,
            "run_id": self.run_id,
            "started_at": self.started_at,
            "full": self.full,
            "first_day": self.first_day.isoformat(),
            "until": self.until.isoformat(),
            "day": self.day.isoformat(),
            "part": self.part,
            "behind": self.behind,
            "walked": {name: one.to_item() for name, one in self.walked.items()},
            "counts": dict(self.counts),
            "differences": [one.to_item() for one in self.differences],
            "step": self.step,
            "ended_at": self.ended_at,
            "ttl": epoch_seconds(now + timedelta(days=KEPT_DAYS)),
        }

    @classmethod
    def of(cls, tenant: TenantScope, item: Item) -> Run:
        """The run of a stored row."""
        return cls(
            tenant=tenant,
            run_id=item["run_id"],
            started_at=item["started_at"],
            full=item["full"],
            first_day=date.fromisoformat(item["first_day"]),
            until=date.fromisoformat(item["until"]),
            day=date.fromisoformat(item["day"]),
            part=item["part"],
            behind=item["behind"],
            walked={name: Walked.of(one) for name, one in item["walked"].items()},
            counts=Counter(item["counts"]),
            differences=[Difference.of(one) for one in item["differences"]],
            step=item["step"],
            ended_at=item["ended_at"],
        )


@dataclass(frozen=True)
class Verified:
    """Up to where a run found nothing wrong: the last whole day, and of each journal the row."""

    through_day: date
    walked: Mapping[str, Walked]

    def put(self, tenant: TenantScope, now: datetime) -> Put:
        """The write that says so."""
        item: Item = {
            "entity": VERIFIED_ENTITY,
            "through_day": self.through_day.isoformat(),
            "walked": {name: one.to_item() for name, one in self.walked.items()},
            "verified_at": to_text(now),
        }
        return Put(verified_key(tenant), item, verified_no_further_than(self.through_day))

    @classmethod
    def of(cls, item: Item) -> Verified:
        """As stored."""
        walked = {name: Walked.of(one) for name, one in item["walked"].items()}
        return cls(date.fromisoformat(item["through_day"]), walked)


RUN_NEW = Condition("RUN_NEW", NOT_CREATED.expression)


def run_still_at(step: int) -> Condition:
    """Nobody else went on with this run since it was read."""
    return Condition("RUN_STILL_AT", "#step = :step_was", {"step_was": step})


def verified_no_further_than(day: date) -> Condition:
    """What is verified reaches no further: it never goes back to an earlier day."""
    return Condition(
        "VERIFIED_NO_FURTHER",
        "attribute_not_exists(#pk) OR #through_day <= :day",
        {"day": day.isoformat()},
    )


def trial_pk(tenant: TenantScope) -> str:
    """The partition of a merchant's trial balances."""
    return tenant.pk("TRIAL")


def run_key(tenant: TenantScope, run_id: str) -> Key:
    """Where a run is."""
    return Key(TABLE, trial_pk(tenant), f"RUN#{run_id}")


def verified_key(tenant: TenantScope) -> Key:
    """Where it is said what was verified."""
    return Key(TABLE, trial_pk(tenant), "VERIFIED")
