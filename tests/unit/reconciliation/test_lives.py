"""Whole lives of payments: what the merchant's balance is, by an account kept beside the ledger.

The account beside it knows no postings. It knows of each movement what the merchant gets of it, and
whether that was settled; of each dispute whether it is open; and what people decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from farthing.ledger import posting
from farthing.ledger.balance import Balance
from farthing.ledger.transaction import booked_alone
from farthing.money import Money
from farthing.reconciliation.break_row import Break
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.resolution import Resolution, allowed
from farthing.settlement.batch import BatchName
from farthing.settlement.entry import Entry, Operation
from tests.unit.reconciliation.ours import ACQUIRER, FIRST_DAY, TENANT
from tests.unit.reconciliation.steps import Story
from tests.unit.reconciliation.theirs import Moved

OUR_FEE = 5
ON_THE_MERCHANT = {Resolution.CHARGE_MERCHANT, Resolution.ACCEPT_ACQUIRER_AMOUNT}


@dataclass
class Movement:
    """What one is worth to the merchant, and whether that is available."""

    entry: Entry
    worth: int
    settled: bool = False
    decided: Resolution | None = None
    theirs: Moved | None = None
    is_late: bool = False

    @property
    def gross(self) -> int:
        brings = self.entry.operation in {Operation.CAPTURE, Operation.DISPUTE_REVERSAL}
        return self.entry.amount_cents if brings else -self.entry.amount_cents


@dataclass
class Dispute:
    """One dispute's amount, and how it ended."""

    entry: Entry
    is_open: bool = True
    is_won: bool = False


@dataclass
class Life:
    """One merchant's payments in euros, told a step at a time. A number chooses among what can be
    done."""

    story: Story = field(default_factory=Story)
    day: date = FIRST_DAY
    files: int = 0
    movements: dict[tuple[str, str], Movement] = field(default_factory=dict)
    disputes: list[Dispute] = field(default_factory=list)
    refunded: dict[str, int] = field(default_factory=dict)
    reported: list[BatchName] = field(default_factory=list)
    banked: set[str] = field(default_factory=set)
    borne: int = 0
    """What people's decisions gave the merchant, or took."""

    # --- what happens -----------------------------------------------------------------------------

    def capture(self, number: int) -> None:
        entry = self.story.ours.captured(100 + number, day=self.day, fee=OUR_FEE)
        self._moved(entry, entry.amount_cents - OUR_FEE)

    def refund(self, number: int) -> None:
        for entry in self._captures(number):
            left = entry.amount_cents - self.refunded.get(entry.intent_id, 0)
            if left:
                amount = 1 + number % left
                self.refunded[entry.intent_id] = amount + entry.amount_cents - left
                refund = self.story.ours.refunded(replace(entry, business_day=self.day), amount)
                self._moved(refund, -amount)

    def dispute(self, number: int) -> None:
        for entry in self._captures(number):
            opened = self.story.ours.disputed(entry, day=self.day)
            self.disputes.append(Dispute(opened))
            self._moved(opened, 0)

    def decide(self, number: int) -> None:
        still = [one for one in self.disputes if one.is_open]
        if not still:
            return
        one, ours = still[number % len(still)], self.story.ours
        one.is_open, one.is_won = False, number % 2 == 0
        name, at = one.entry.operation_id.partition("-")[0], ours.clock.now()
        money = Money(one.entry.amount_cents, "eur")
        facts: dict[str, Any] = {"intent_id": one.entry.intent_id, "at": at}
        if not one.is_won:
            ours.write(*booked_alone(posting.dispute_lost(name, money, **facts), TENANT))
            return
        won = posting.dispute_won(name, money, ACQUIRER, **facts | {"at": self._noon()})
        kind, reference = Operation.DISPUTE_REVERSAL, one.entry.reference
        entry = ours._moved(
            TENANT, won, kind, one.entry.amount_cents, "eur", self._noon(), reference=reference
        )
        self._moved(entry, 0)

    def close(self, number: int) -> None:
        """The day is over: its batch is submitted and reported, with one line as it should not
        be."""
        if not self.story.ours.waiting.get((TENANT, "eur", self.day)):
            return
        name = self.story.submit(self.day)
        lines = self.story.at(name)
        for line in lines:
            self._of(line).theirs = line
        self._spoil(lines, number)
        self._report(name)
        self.reported.append(name)
        self.day += timedelta(days=1)

    def correct(self, _: int) -> None:
        """Later files have what was not there, and right what was wrong."""
        for name in self.reported:
            lines = self.story.at(name)
            for movement in self.movements.values():
                line = movement.theirs
                if line is None or movement.entry.business_day != name.business_day:
                    continue
                line.amount, line.fee = movement.entry.amount_cents, None
                if movement.is_late:
                    movement.is_late = False
                    lines.append(line)
            self._report(name)

    def miss(self, number: int) -> None:
        self.story.days_later((self.day - FIRST_DAY).days + number % 9)
        self.story.miss()

    def bank(self, number: int) -> None:
        for name in self.reported:
            if name.reference not in self.banked:
                self.banked.add(name.reference)
                self.story.theirs.transfer_off[name.reference] = number % 3 - 1
                self.story.bank(name)

    def resolve(self, number: int) -> None:
        still = sorted(self.story.open(), key=lambda one: one.break_id)
        if still:
            one = still[number % len(still)]
            can = sorted(allowed(one))
            self._resolve(one, can[number // len(still) % len(can)])

    # --- what that means to the merchant ----------------------------------------------------------

    @property
    def balance(self) -> Balance:
        waiting = [one.worth for one in self.movements.values() if not one.settled]
        settled = [one.worth for one in self.movements.values() if one.settled]
        held = sum(one.entry.amount_cents for one in self.disputes if one.is_open)
        gone = sum(one.entry.amount_cents for one in self.disputes if not one.is_won)
        return Balance(sum(waiting), sum(settled) - gone + self.borne, held)

    def check(self) -> None:
        accounts = {
            name: cents
            for (name, code), cents in self.story.ours.balances().items()
            if code == "eur"
        }
        assert Balance.of(accounts) == self.balance
        assert sum(accounts.values()) == 0
        self.story.check()

    # --- in short ---------------------------------------------------------------------------------

    def _captures(self, number: int) -> list[Entry]:
        """One of those that nobody disputes, if there is one."""
        gone = {one.entry.intent_id for one in self.disputes}
        found = [one.entry for (kind, _), one in self.movements.items() if kind == "CAPTURE"]
        found = [one for one in found if one.intent_id not in gone]
        return [found[number % len(found)]] if found else []

    def _moved(self, entry: Entry, worth: int) -> None:
        self.movements[entry.operation.value, entry.reference] = Movement(entry, worth)

    def _of(self, line: Moved) -> Movement:
        return self.movements[line.type, line.reference]

    def _noon(self) -> Any:
        return self.story.ours.clock.now().replace(
            year=self.day.year, month=self.day.month, day=self.day.day, hour=12
        )

    def _spoil(self, lines: list[Moved], number: int) -> None:
        line, how = lines[number % len(lines)], number // 7 % 5
        if how == 1:
            line.amount += 1 + number % 50
        elif how == 2:
            line.fee = line.kept + 3
        elif how == 3:
            lines.append(Moved(**vars(line)))
        elif how == 4:
            lines.remove(line)
            self._of(line).is_late = True

    def _report(self, name: BatchName) -> None:
        self.files += 1
        day = (FIRST_DAY + timedelta(days=self.files)).isoformat()
        self.story.report(content=self.story.theirs.report(name.reference, day=day))
        for line in self.story.at(name):
            movement = self._of(line)
            right = line.amount == movement.entry.amount_cents
            movement.settled = movement.settled or right

    def _resolve(self, one: Break, decided: Resolution) -> None:
        movement = self.movements.get((one.subject.operation or "", one.subject.reference or ""))
        beyond = self._beyond(one, movement)
        self.story.resolve(one, decided)
        if decided in ON_THE_MERCHANT and not (
            one.kind is Kind.FEE_MISMATCH and decided is Resolution.ACCEPT_ACQUIRER_AMOUNT
        ):
            self.borne += beyond
        if movement is not None and decided is not Resolution.EXPLAINED:
            movement.settled = True

    def _beyond(self, one: Break, movement: Movement | None) -> int:
        """What the acquirer or the bank paid beyond what it should have."""
        if movement is None or movement.theirs is None:
            assert one.expected is not None and one.reported is not None
            return one.reported.amount_cents - one.expected.amount_cents
        line = movement.theirs
        if one.kind is Kind.MISSING_IN_REPORT:
            return -movement.gross
        if one.kind in {Kind.DUPLICATE_LINE, Kind.STATE_MISMATCH}:
            assert one.reported is not None and one.reported.net_cents is not None
            return one.reported.net_cents
        assert one.reported is not None and one.reported.net_cents is not None
        right = Moved(line.type, line.reference, "", "eur", movement.entry.amount_cents)
        return one.reported.net_cents - right.net


ACTS = ("capture", "refund", "dispute", "decide", "close", "correct", "miss", "bank", "resolve")
OFTEN = ("capture", "close", "close", "resolve", "resolve")
steps = st.lists(
    st.tuples(st.sampled_from(ACTS + OFTEN), st.integers(0, 999)), min_size=10, max_size=40
)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_a_balance_is_what_a_life_came_to(told: list[tuple[str, int]]) -> None:
    life = Life()
    life.capture(900)
    life.capture(400)
    for act, number in told:
        getattr(life, act)(number)
        life.check()
