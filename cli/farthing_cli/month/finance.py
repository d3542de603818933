"""Finance after the month: each break is looked at and ended, and then all books are tried."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from farthing.reconciliation.deposit_row import Deposit
from farthing_cli.api import Api, Document, part
from farthing_cli.ledger.trier import Run, Trier
from farthing_cli.month.explain import explained, in_suspense, unnamed, unsound
from farthing_cli.month.figures import Rows, deposited, rows_of
from farthing_cli.month.plan import DISPUTED, Tale
from farthing_cli.month.shop import AT_ONCE, Sale, Shop
from farthing_cli.reconciliation.breaks import PATH
from farthing_cli.state import Dev

LISTED_MAX = 10_000
OPEN = ("OPEN", "ASSIGNED")


@dataclass(frozen=True)
class Story:
    """One payment of which there is something to tell, what it came to, and how that ended."""

    sale: Sale
    came_to: str
    ended: str


@dataclass(frozen=True)
class Books:
    """What the month came to.

    `problems` are what is not as it should be, in words; `trial` is the run of the trial balance.
    `batches` counts the month's settlements, `others` the breaks of an earlier month that was
    interrupted.
    """

    rows: Rows
    batches: int
    stories: Sequence[Story]
    breaks: Sequence[Document]
    trial: Run
    problems: Sequence[str]
    others: int


@dataclass(frozen=True)
class Finance:
    """One merchant's. `by` is who does it. Every method raises Failure if the stack refuses."""

    dev: Dev
    shop: Shop
    trier: Trier
    by: str

    @property
    def api(self) -> Api:
        """The API, with the secret key."""
        return Api(self.dev.api_url, self.dev.secret_key)

    def work_on_breaks(self) -> tuple[int, list[str]]:
        """End every open break that is explained: how many. And in words those that are not."""
        ended, problems = 0, []
        for one in [found for status in OPEN for found in self._listed(status=status)]:
            why = explained(one, self.shop.tale_of)
            if why is None:
                of = one["payment_intent_id"] or one["line"]
                problems.append(f"nothing explains {one['break_id']}: {one['kind']} of {of}")
                continue
            path = f"{PATH}/{part(one['break_id'])}"
            self.api.post(f"{path}/assign", {"to": self.by, "by": self.by})
            self.api.post(f"{path}/note", {"text": why.note, "by": self.by})
            body = {"resolution": why.resolution.value, "by": self.by, "reason": why.reason}
            self.api.post(f"{path}/resolve", body, secrets.token_hex(16))
            ended += 1
        return ended, problems

    def close(self, first: date, sales: Sequence[Sale], deposits: Sequence[Deposit]) -> Books:
        """Work on the breaks, and try the books since the business day `first`."""
        ended, problems = self.work_on_breaks()
        batches = list(self._batches(first))
        own = {batch["settlement_id"] for batch in batches}
        breaks = [one for one in self._listed() if one["settlement_id"] in own]
        rows = rows_of(sales, batches, self._reports(batches), deposits, breaks)
        trial = self._tried()
        problems += [
            f"no break names {sale.intent_id}: {sale.tale}" for sale in unnamed(sales, breaks)
        ]
        problems += unsound(batches, deposited(deposits))
        problems += in_suspense(trial["accounts"])
        problems += self._otherwise(sales)
        if differences := trial["counts"]["differences"]:
            problems.append(f"the trial balance has {differences} differences")
        stories = [self._story(sale, breaks) for sale in sales if sale.tale]
        named = sum(1 for one in breaks if one["resolved_at"])
        return Books(rows, len(batches), stories, breaks, trial, problems, max(0, ended - named))

    def _otherwise(self, sales: Sequence[Sale]) -> Iterator[str]:
        """Disputes that did not end as they were answered."""
        for sale in sales:
            if sale.tale in DISPUTED:
                one = self.shop.disputes[sale.intent_id]
                if (one["status"] == "WON") is not (sale.tale is Tale.WON):
                    yield f"{one['dispute_id']} was to be {sale.tale}: it is {one['status']}"

    def _story(self, sale: Sale, breaks: Sequence[Document]) -> Story:
        if sale.tale is Tale.DECLINED:
            return Story(sale, "not paid", "nothing to do")
        if sale.tale is Tale.SENT_BACK:
            return Story(sale, "refund.returned", "to be refunded otherwise")
        if sale.tale in DISPUTED:
            one = self.shop.disputes[sale.intent_id]
            return Story(sale, one["dispute_id"], one["status"])
        found = [one for one in breaks if one["payment_intent_id"] == sale.intent_id]
        named = ", ".join(f"{one['kind']} {one['break_id']}" for one in found)
        ended = ", ".join(str(one["resolution"] or one["status"]) for one in found)
        return Story(sale, named, ended)

    def _batches(self, first: date) -> Iterator[Document]:
        """The settlements since a business day, newest first."""
        for one in self.api.listed("/v1/settlements", "settlement_id", LISTED_MAX):
            if one["business_day"] < first.isoformat():
                return
            yield one

    def _reports(self, batches: Sequence[Document]) -> dict[str, bytes]:
        ids = [batch["settlement_id"] for batch in batches if batch["report_sha256"]]
        path = "/v1/settlements/{}/report"
        with ThreadPoolExecutor(AT_ONCE) as pool:
            files = list(pool.map(lambda one: self.api.file(path.format(part(one))), ids))
        return dict(zip(ids, files, strict=True))

    def _listed(self, **query: str) -> Iterator[Document]:
        return self.api.listed(PATH, "break_id", LISTED_MAX, **query)

    def _tried(self) -> Run:
        return deque(self.trier.run(self.dev.merchant_id, "test", full=True), maxlen=1).pop()
