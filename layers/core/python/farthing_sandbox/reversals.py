"""What a reversal undoes: pure decisions, as in `operations`.

    AUTHORIZE                     ──► REVERSED while nothing was captured
    AUTHORIZE with its CAPTURE    ──► REVERSED for a day, while nothing was refunded

Who reverses does not know what became of the original, or whether it ever
arrived. Where there is nothing to undo nothing is written, so an original that
lands after its reversal is approved.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from farthing_sandbox.asks import FollowUp, Operation, Reversal
from farthing_sandbox.operations import Status, decide_follow_up

if TYPE_CHECKING:
    from datetime import datetime

    from farthing_sandbox.operations import Charge, Entry, Numbers


class Result(StrEnum):
    """What a reversal came to."""

    REVERSED = "REVERSED"
    NOT_FOUND = "NOT_FOUND"
    REFUSED = "REFUSED"


def decide_reversal(
    ask: Reversal, charge: Charge | None, now: datetime, numbers: Numbers
) -> tuple[Result, Entry | None]:
    """Undo `charge` (None if the original is something else) as a void of all of it would.

    No entry comes with a charge that was reversed before, however that was asked for.
    """
    if charge is None or charge.order_id != ask.order_id:
        return Result.REFUSED, None
    if charge.status is Status.REVERSED:
        return Result.REVERSED, None
    void = FollowUp(
        Operation.VOID,
        ask.reference,
        ask.order_id,
        ask.original_reference,
        charge.authorized_cents,
        charge.currency,
        ask.merchant_reference,
    )
    entry = decide_follow_up(void, charge, now, numbers)
    if entry.change is None:
        return Result.REFUSED, None
    return Result.REVERSED, replace(entry, ask=ask)
