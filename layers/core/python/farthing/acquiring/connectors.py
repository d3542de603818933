"""Which connectors there are, and whether what their acquirers guarantee is enough to be safe.

Recovery needs to learn what became of a request, and to end one that never arrived. A connector
with which it could do neither is refused before anything is deployed, and again before anything
is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from farthing.acquiring import sandbox
from farthing.acquiring.port import Capabilities
from farthing.acquiring.stripe import guarantees as stripe
from farthing.method_type import MethodType

CHARGE_SECONDS = 20
"""The time limit of the `charge` function: what it has not begun to send by then, it never will."""

RESEND_SECONDS = 90
"""How long an AUTHORIZE that is not found is sent again, before it is reversed."""

TERMINAL_SECONDS = 200
"""By when an AUTHORIZE that the acquirer never saw has come to its end."""

LATE_SECONDS = 10
"""By how much looks may come after their time, and take, altogether."""

REFERENCE_LENGTH = 26
REVERSAL_SUFFIX_LENGTH = 10
CLOCK_SKEW_SECONDS = 600
"""Two of our processes may disagree about the time by so much."""

CONNECTORS: Mapping[str, Callable[[Mapping[str, str]], Capabilities]] = {
    "sandbox": sandbox.declared,
    "stripe": stripe.declared,
}
"""Name → what its acquirer guarantees, given the settings of the deployment."""


class UnsafeConnector(Exception):
    """With these guarantees money could be lost or moved twice. `reasons` says why."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def capabilities_of(name: str, settings: Mapping[str, str]) -> Capabilities:
    """What a connector's acquirer guarantees. Raises UnsafeConnector if that is not enough."""
    declared = CONNECTORS[name](settings)
    require_safe(declared)
    return declared


def require_safe(declared: Capabilities) -> None:
    """Raises UnsafeConnector unless every operation can be brought to its end with this."""
    reasons = [why for broken, why in _rules(declared) if broken]
    if reasons:
        raise UnsafeConnector(reasons)


def quiet_seconds(declared: Capabilities) -> int:
    """How long after nobody may begin to send any more nothing can arrive or be hidden."""
    return (
        CHARGE_SECONDS
        + declared.max_flight_seconds
        + declared.lookup_lag_seconds
        + declared.clock_skew_seconds
    )


def _rules(declared: Capabilities) -> list[tuple[bool, str]]:
    length = REFERENCE_LENGTH + REVERSAL_SUFFIX_LENGTH
    resends = RESEND_SECONDS + declared.max_flight_seconds + CLOCK_SKEW_SECONDS
    return [
        (
            not (declared.lookup_by_reference or declared.idempotent_by_reference),
            "it can neither look a reference up nor take it twice: no outcome can be learned",
        ),
        (
            not (declared.reversal_by_reference or declared.idempotent_by_reference),
            "it can neither reverse a reference nor take it twice: "
            "an authorization that never arrived can never be ended",
        ),
        (
            declared.idempotent_by_reference and declared.key_retention_seconds < resends,
            f"it forgets references after {declared.key_retention_seconds} s: "
            f"they are sent again for {resends} s",
        ),
        (
            declared.reversal_by_reference
            and RESEND_SECONDS + quiet_seconds(declared) + LATE_SECONDS > TERMINAL_SECONDS,
            f"an authorization that never arrived would be open for longer than "
            f"{TERMINAL_SECONDS} s",
        ),
        (
            MethodType.BANK in declared.methods and not declared.lookup_by_reference,
            "it debits accounts and cannot be asked what the bank decided",
        ),
        (
            declared.max_flight_seconds < declared.timeout_seconds,
            "a request may be on its way for longer than it claims: its timeout alone is longer",
        ),
        (
            declared.timeout_seconds > 15,
            "its timeout is longer than the 15 s that fit into our own",
        ),
        (
            declared.reference_length_max < length,
            f"it takes references of {declared.reference_length_max} characters, not of {length}",
        ),
    ]
