"""What `vault_keeper` does for each kind of event, with its ports filled with AWS.

Every task is a stretch of a walk over all rows. It ends when as many rows are seen to as were asked
for, when the function's time is nearly up, or when something breaks that would break the next row
too; and it says behind which row to go on, so that nothing is left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from farthing import runtime
from farthing.observe import log_unhandled, logger
from farthing.payments.in_flight import in_flight
from farthing.store import Item, StoreBusy
from farthing.vault import kms
from farthing.vault.reencrypt import is_due
from farthing.vault.register import key_of
from farthing.vault.rewrap import Rewrapped, RewrapServices, rewrap_item
from farthing.vault.sealed import Held, NotSealed, held, rewrapped_at, sealed_row
from farthing.vault.walk import Stretch, key_of_item, walk

STOP_SECONDS = 5
"""With less time left, no other row is begun."""

INVOKE_SECONDS = 22
"""How long `charge` may take for a batch, with its answer: as long as for a payment."""

BATCH_ROWS = 50
ROWS_MAX = 20_000
IN_FLIGHT_MAX = 100
REFUSED = "REFUSED"
_TROUBLE = (BotoCoreError, ClientError, StoreBusy)

Event = Mapping[str, Any]


@dataclass
class Job:
    """A stretch of a job: what was asked, what came of its rows, and what broke if something
    did."""

    asked: Event
    counts: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None

    @property
    def apply(self) -> bool:
        """Whether anything may be written."""
        return self.asked.get("apply") is True

    def walk(
        self,
        see_to: Callable[[Item], object],
        *,
        table: str = "vault",
        enough: Callable[[], bool] = lambda: False,
        reserve_seconds: int = STOP_SECONDS,
    ) -> Stretch:
        """Go over the rows of the merchant that was asked for, or of all of them."""
        merchant = self.asked.get("merchant")

        def see(item: Item) -> bool:
            if enough() or runtime.seconds_left() < reserve_seconds:
                return False
            try:
                if merchant is None or str(item["pk"]).startswith(f"{merchant}#"):
                    see_to(item)
            except _TROUBLE as error:
                self.stop(error)
                return False
            return True

        rows_max = min(int(self.asked.get("rows") or ROWS_MAX), ROWS_MAX)
        after = self.asked.get("after")
        return walk(runtime.system_store(), table, see, after=after, rows_max=rows_max)

    def stop(self, error: Exception) -> None:
        """Something broke that would break the next row too."""
        log_unhandled(error)
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else None
        self.stopped = code or type(error).__name__

    def told(self, stretch: Stretch, **more: Any) -> dict[str, Any]:
        """The stretch as the operator's tool takes it."""
        return {
            "rows": stretch.rows,
            "behind": stretch.behind,
            "done": stretch.done,
            "counts": dict(self.counts),
            "stopped": self.stopped,
            **more,
        }


def count(asked: Event) -> dict[str, Any]:
    """How many sealed rows each merchant has under each key, and when the last one came under it
    from another."""
    job, counts, latest = Job(asked), Counter[Held](), dict[Held, str]()

    def see_to(item: Item) -> None:
        if (one := held(item)) is not None:
            counts[one] += 1
            latest[one] = max(latest.get(one, ""), rewrapped_at(item))

    stretch = job.walk(see_to)
    rows = [{**vars(one), "rows": n, "latest": latest[one]} for one, n in counts.items()]
    return job.told(stretch, held=rows)


def rewrap(asked: Event) -> dict[str, Any]:
    """Bring cards under the key that is their merchant's now."""
    job, keys = Job(asked), dict[str, str]()

    def belongs_under(merchant_id: str) -> str:
        if merchant_id not in keys:
            own = key_of(runtime.system_store(), merchant_id)
            keys[merchant_id] = own or runtime.setting("VAULT_KEY_ID")
        return keys[merchant_id]

    services = RewrapServices(
        store=runtime.system_store(),
        rewrapper_of=lambda row: kms.rewrapper(row.ref.tenant),
        belongs_under=belongs_under,
        now=runtime.clock().now,
    )

    def see_to(item: Item) -> None:
        if (done := rewrap_item(item, services, apply=job.apply)) is not None:
            job.counts[done] += 1

    stretch = job.walk(see_to)
    logger().info("rewrapped", extra={"count": job.counts[Rewrapped.REWRAPPED]})
    return job.told(stretch)


def reencrypt(asked: Event) -> dict[str, Any]:
    """Have `charge` seal the cards anew that were sealed before `before`: a batch of them.

    Without `apply`, only count them.
    """
    job, before, due = Job(asked), str(asked["before"]), list[Item]()

    def see_to(item: Item) -> None:
        try:
            row = sealed_row(item)
        except NotSealed:
            job.counts[REFUSED] += 1
            return
        if row is not None and is_due(row, before):
            due.append(key_of_item(item))

    full = lambda: job.apply and len(due) >= BATCH_ROWS  # noqa: E731
    stretch = job.walk(see_to, enough=full, reserve_seconds=STOP_SECONDS + INVOKE_SECONDS)
    if not job.apply:
        job.counts["WOULD_REENCRYPT"] = len(due)
    elif due:
        stretch = _sealed_anew(job, due, before, stretch)
    return job.told(stretch)


def _sealed_anew(job: Job, due: list[Item], before: str, stretch: Stretch) -> Stretch:
    """The stretch up to the last card that `charge` has seen to."""
    seen = 0
    try:
        answer = _ask_charge([[row["pk"], row["sk"]] for row in due], before)
        seen, job.stopped = int(answer["seen"]), answer["stopped"]
        job.counts.update(answer["counts"])
    except (*_TROUBLE, ValueError, KeyError, TypeError) as error:
        job.stop(error)
    if seen == len(due):
        return stretch
    job.counts.pop(REFUSED, None)  # they are seen again
    behind = due[seen - 1] if seen else job.asked.get("after")
    return Stretch(0, behind, done=False)


def _ask_charge(rows: list[list[str]], before: str) -> dict[str, Any]:
    """One invoke, not repeated by the SDK: what it did is seen at the rows."""
    client = runtime.client("lambda", read_timeout_seconds=INVOKE_SECONDS, attempts_max=1)
    answer = client.invoke(
        FunctionName=runtime.setting("CHARGE_FUNCTION"),
        InvocationType="RequestResponse",
        Payload=json.dumps({"task": "REENCRYPT", "rows": rows, "before": before}).encode(),
    )
    if answer.get("FunctionError"):
        raise ValueError(answer["FunctionError"])
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    return document


def in_flight_of(asked: Event) -> dict[str, Any]:
    """What of a merchant's payments is not over, by a walk over the payments table."""
    job, found = Job(asked), list[str]()

    def see_to(item: Item) -> None:
        if (what := in_flight(item)) is not None:
            job.counts[what] += 1
            found.append(f"{item['pk'].rsplit('#', 1)[-1]} {what}")

    stretch = job.walk(see_to, table="payments")
    return job.told(stretch, found=found[:IN_FLIGHT_MAX])


BY_HAND: Mapping[str, Callable[[Event], dict[str, Any]]] = {
    "count": count,
    "rewrap": rewrap,
    "reencrypt": reencrypt,
    "in_flight": in_flight_of,
}
"""What an event's key asks for."""
