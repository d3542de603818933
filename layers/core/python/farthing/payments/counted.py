"""What an authorization's outcome does to the counters of its card and address, beside Tx-2.

    declined by the issuer                      one of the newest failures
    approved, not sent, proved absent           taken away
    pending: the acquirer has the debit         taken away, until its bank refuses
    unknown, a token that was refused           stays: the next outcome tells

A counter never keeps an outcome from being written. Whoever loses a race for one reads it again;
after `RACES_MAX`, or where the store is too busy for both, the outcome is written alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from farthing.acquiring.answer import Outcome
from farthing.acquiring.decline import NO_WORD_OF_THE_CARD
from farthing.acquiring.port import Kind
from farthing.fraud.counter_row import ATTEMPTS, RACES_MAX, RISK, counter_of, counter_write
from farthing.fraud.window import Attempt
from farthing.payments.operation import Operation
from farthing.payments.services import Services
from farthing.store import EXISTS, ConditionFailed, Key, StoreBusy, Update, Write

_TELLING = frozenset(Outcome) - {Outcome.UNKNOWN}


def write_outcome(operation: Operation, writes: Sequence[Write], services: Services) -> None:
    """Write Tx-2 of the concluded `operation`, and count its outcome with it. Raises as the store
    does, and then nothing is written."""
    counters = _counters(operation)
    for _ in range(RACES_MAX):
        counting = _counting(operation, counters, services)
        if not counting:
            break
        try:
            services.store.write(*writes, *counting)
        except StoreBusy:
            break
        except ConditionFailed as failed:
            if failed.key.table != RISK:
                raise
            if failed.condition == EXISTS.name:
                counters.remove(failed.key)
        else:
            return
    services.store.write(*writes)


def is_failure(operation: Operation) -> bool:
    """Whether the issuer declined the card. A system that failed, or a network token that was
    refused, is no word of it."""
    answer = operation.answer
    if answer is None or answer.outcome is not Outcome.DECLINED:
        return False
    return answer.decline is None or answer.decline.reason_code not in NO_WORD_OF_THE_CARD


def _counters(operation: Operation) -> list[Key]:
    """Those that it goes to; none if its outcome tells nothing."""
    answer = operation.answer
    if operation.kind is not Kind.AUTHORIZE or answer is None or answer.outcome not in _TELLING:
        return []
    return [Key(RISK, pk, ATTEMPTS) for pk in operation.counted]


def _counting(operation: Operation, counters: list[Key], services: Services) -> list[Write]:
    """The counters' writes. A failure is added to what is there now; to take away what is in flight
    needs no look."""
    begun_by = operation.fallback_of or operation.operation_id
    if not counters or not is_failure(operation):
        return [Update(key, EXISTS, remove=[begun_by]) for key in counters]
    try:
        rows = services.store.batch_get(counters)
    except StoreBusy:
        return []
    failed = Attempt.of(begun_by)
    before = {key: counter_of(rows.get(key)) for key in counters}
    found = (counter_write(key, one, one.failed_with(failed)) for key, one in before.items())
    return [write for write in found if write is not None]
