"""The end of a business day: the clock moves behind its cut-off, and what schedules, the acquirer's
bank and finance would do overnight is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import urllib3

from farthing.business_calendar import ONE_DAY, UTC_DAYS, Calendar, calendars_in
from farthing.reconciliation.bank_file import deposits_of
from farthing.reconciliation.deposit_row import Deposit
from farthing.reconciliation.file_row import FileKind, FileState
from farthing_cli import settling
from farthing_cli.aws import Account
from farthing_cli.clock import TestClock
from farthing_cli.failure import Failure
from farthing_cli.place import Place
from farthing_cli.reconciliation.found import Files
from farthing_cli.state import Dev

ACQUIRER = "sandbox"
AFTER_CUT_OFF = timedelta(minutes=75)
"""When the schedule settles, by a calendar of UTC."""
STATEMENT_SECONDS_MAX = 30


@dataclass
class Business:
    """One stack's days. Every method raises Failure if the stack refuses."""

    dev: Dev
    account: Account
    clock: TestClock
    calendar: Calendar
    files: Files
    by: str
    statements_from: date
    """The first day of which the bank's statement was not read."""
    offset: timedelta
    deposits: list[Deposit] = field(default_factory=list)

    @classmethod
    def of(cls, dev: Dev, place: Place, by: str) -> Business:
        """Those of the local stack. `by` is who brings the bank's statements."""
        account = Account.of(dev)
        clock = TestClock(account, dev.stack_name)
        calendars = calendars_in(place.setting_of("settle", "ACQUIRER_CALENDARS"))
        offset = timedelta(seconds=clock.offset_seconds())
        today = (datetime.now(UTC) + offset).date()
        calendar = calendars.get(ACQUIRER, UTC_DAYS)
        return cls(dev, account, clock, calendar, Files(place), by, today, offset)

    def now(self) -> datetime:
        """The present, as the functions see it."""
        return datetime.now(UTC) + self.offset

    def today(self) -> date:
        """The business day that runs."""
        return self.calendar.business_day(self.now())

    def end_day(self) -> None:
        """Move the clock behind the end of the day that runs."""
        until = self.calendar.end_of(self.today()) + AFTER_CUT_OFF
        seconds = int((until - self.now()).total_seconds()) + 1
        self.offset = timedelta(seconds=self.clock.advance(seconds))

    def spend_night(self) -> None:
        """Settle what is over, read what the bank booked, look what is overdue or decided."""
        call = settling.function(self.account, f"{self.dev.stack_name}-settle")
        sent = call({"follow": True})
        self._read_statements()  # while the merchants are settled
        result = deque(settling.results(sent, call), maxlen=1).pop()
        if result["failed"]:
            raise Failure(f"{result['failed']} merchants or lanes could not be settled.")
        self._call("reconcile")
        self._call("dispute_deadlines")

    def _read_statements(self) -> None:
        """Take what the bank booked since the last time through the door that a person uses."""
        for day in _days(self.statements_from, self.now().date()):
            content = self._statement(day)
            if not content.strip().count(b"\n"):
                continue
            self.deposits += deposits_of(content)
            sha256 = self.files.bring(FileKind.BANK, self.by, f"bank-{day}.csv", content)
            for row in self.files.follow(sha256):
                if row.state is FileState.REFUSED:
                    raise Failure(f"The bank's statement of {day} was refused: {row.problem}")
        self.statements_from = self.now().date() + ONE_DAY

    def _statement(self, day: date) -> bytes:
        url = f"{self.dev.acquirer_url}/transfers?booked_on={day}"
        try:
            with urllib3.PoolManager(retries=False, timeout=STATEMENT_SECONDS_MAX) as pool:
                answer = pool.request("GET", url)
        except urllib3.exceptions.HTTPError as error:
            raise Failure(f"{self.dev.acquirer_url} does not answer: {error}") from None
        if answer.status != 200:
            raise Failure(f"{url} answers {answer.status}.")
        return answer.data

    def _call(self, function: str) -> Any:
        return settling.function(self.account, f"{self.dev.stack_name}-{function}")({})


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += ONE_DAY
