"""The bugs of the gate that are about network tokens: see planted_bugs.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from farthing.acquiring.answer import Answer, Outcome
from farthing.acquiring.port import Kind
from farthing.ids import make_id
from farthing.network_tokens import on_file, tend
from farthing.network_tokens.on_file import OnFile, Step
from farthing.network_tokens.port import TokenState, TokenStatus
from farthing.payments import fallback, resolve
from farthing.payments.fallback import FallenBack
from farthing.payments.operation import Operation, Via
from farthing.store import Put, Update, Write
from farthing.store.table import DynamoStore
from tests.simulation import profiles
from tests.simulation.planted import Patches
from tests.simulation.planted_bugs import bug, no_condition


@bug(
    "no answer to a charge by network token is taken for a refusal of the token",
    invariant=1,
    profile=profiles.TOKEN_SILENT,
)
def fallback_on_silence(patch: Patches) -> None:
    real = fallback.falls_back

    def falls_back(operation: Operation, answer: Answer) -> bool:
        silent = answer.outcome is Outcome.UNKNOWN
        by_token = operation.kind is Kind.AUTHORIZE and operation.via is Via.NETWORK_TOKEN
        return real(operation, answer) or (by_token and silent)

    patch.everywhere(real, falls_back)
    _answer_any(patch)


def _answer_any(patch: Patches) -> None:
    """Close the first whatever it was answered."""
    real = fallback.fall_back

    def fall_back(intent: Any, operation: Operation, answer: Answer, now: Any) -> FallenBack:
        if answer.outcome is Outcome.UNKNOWN:
            answer = replace(answer, outcome=Outcome.DECLINED)
        return real(intent, operation, answer, now)

    patch.everywhere(real, fall_back)


@bug(
    "that a resend had no cryptogram is taken for the whole of it not being sent",
    invariant=1,
    limit=60,
    profile=profiles.TOKEN_UNPRESENTED,
)
def fallback_after_a_resend(patch: Patches) -> None:
    real = resolve._send_again

    def send_again(operation: Operation, services: Any) -> None:
        seen: list[Answer] = []

        class Listening:
            def send(self, address: Any) -> Answer:
                seen.append(services.sender.send(address))
                return seen[-1]

        real(operation, replace(services, sender=Listening()))
        if seen and seen[0].outcome is Outcome.NOT_SENT and seen[0].decline is not None:
            refused = replace(seen[0], outcome=Outcome.DECLINED)
            resolve._ask_the_number(operation, refused, services)

    patch.attribute(resolve, "_send_again", send_again)


@bug(
    "the first is closed in a transaction of its own, before the second is begun",
    invariant=9,
    profile=profiles.FALLBACK,
)
def fallback_in_two_transactions(patch: Patches) -> None:
    real = DynamoStore.write

    def write(self: DynamoStore, *writes: Write) -> None:
        if not _is_fallback(writes):
            real(self, *writes)
            return
        real(self, writes[0])
        real(self, *writes[1:])

    patch.attribute(DynamoStore, "write", write)


@bug("the second is begun, and the first is left open", invariant=1, profile=profiles.FALLBACK)
def fallback_leaves_the_first_open(patch: Patches) -> None:
    real = DynamoStore.write

    def write(self: DynamoStore, *writes: Write) -> None:
        real(self, *(writes[1:] if _is_fallback(writes) else writes))

    patch.attribute(DynamoStore, "write", write)


def _is_fallback(writes: Sequence[Write]) -> bool:
    return any(isinstance(one, Put) and one.item.get("fallback_of") for one in writes)


@bug(
    "whoever is late falls back as well, under an id of their own",
    invariant=3,
    limit=200,
    profile=profiles.FALLBACK_FREEZING,
)
def fallback_without_conditions(patch: Patches) -> None:
    """One of the rules is enough to stop it, and so is the id that the first one gives: all go."""
    count = iter(range(1, 10_000))

    def another_id(operation_id: str) -> str:
        from farthing.ids import instant_of

        return make_id("op", instant_of(operation_id), next(count).to_bytes(10, "big"))

    for name in ("held_under_fence", "holds_operation", "key_held_by"):
        patch.attribute(fallback, name, no_condition)
    patch.attribute(fallback, "fallback_id", another_id)


@bug("the key still waits for the first", invariant=9, profile=profiles.FALLBACK)
def fallback_keeps_the_key(patch: Patches) -> None:
    patch.attribute(fallback, "_key_handed_over", lambda first, second: [])


@bug(
    "what is sent again is sent by number, under the same reference",
    invariant=6,
    profile=profiles.TOKEN_SILENT,
)
def resend_by_number(patch: Patches) -> None:
    from farthing.acquiring import wiring

    real = wiring.services

    def services(address: Any) -> Any:
        found = real(address)

        def open_source(operation: Operation) -> Any:
            again = operation.fence > 1
            return found.open_source(replace(operation, via=Via.PAN) if again else operation)

        return replace(found, open_source=open_source)

    patch.everywhere(real, services)


@bug(
    "each try to get a network token has a reference of its own",
    invariant=12,
    profile=profiles.PROVISIONING,
)
def token_for_each_try(patch: Patches) -> None:
    def reference(self: OnFile) -> str:
        name = self.address.method_id.removeprefix("pm_").upper()
        return name[:-2] + f"{self.turn % 90 + 10}" if self.step is Step.PROVISION else name

    patch.attribute(OnFile, "reference", property(reference))


@bug("an unknown answer to provisioning is a refusal", invariant=3, profile=profiles.PROVISIONING)
def silence_is_no_token(patch: Patches) -> None:
    from farthing.acquiring.invoke import ChargeFunction

    real = ChargeFunction.tend

    def tend_(self: ChargeFunction, method: Any) -> TokenState:
        return real(self, method) or TokenState(TokenStatus.REFUSED)

    patch.attribute(ChargeFunction, "tend", tend_)


@bug("a deleted method's network token is left where it is", invariant=9, profile=profiles.DELETED)
def token_outlives_its_method(patch: Patches) -> None:
    from farthing.payments import payment_method, payment_methods

    real = payment_method.mark_deleted

    def mark_deleted(method: Any, tenant: Any, now: Any) -> Update:
        return real(replace(method, network_token=None), tenant, now)

    patch.attribute(payment_methods, "mark_deleted", mark_deleted)


@bug(
    "news of a token is told without a number of its own", invariant=4, profile=profiles.PROVISIONED
)
def method_event_not_counted(patch: Patches) -> None:
    names = tuple(name for name in tend._MAY_CHANGE if name != "event_sequence")
    patch.attribute(tend, "_MAY_CHANGE", names)


@bug("the network token's number is answered", invariant=8, profile=profiles.PROVISIONED)
def token_number_in_the_answer(patch: Patches) -> None:
    real = TokenState.to_item

    def to_item(self: TokenState) -> dict[str, Any]:
        shown = {"number": self.token.number.reveal()} if self.token else {}
        return real(self) | shown

    patch.attribute(TokenState, "to_item", to_item)


@bug("a cryptogram is kept with its operation", invariant=8, profile=profiles.PROVISIONED)
def cryptogram_in_the_answer(patch: Patches) -> None:
    from farthing.acquiring.sandbox import SandboxAcquirer

    real = SandboxAcquirer.send

    def send(self: Any, asked: Any, source: Any) -> Answer:
        answer = real(self, asked, source)
        cryptogram = getattr(source, "cryptogram", None)
        return replace(answer, authorization_code=cryptogram) if cryptogram else answer

    patch.attribute(SandboxAcquirer, "send", send)


@bug("a turn is taken by whoever comes", invariant=3, profile=profiles.TURNS_AT_ONCE)
def turn_without_condition(patch: Patches) -> None:
    """The turn that is written is still one more than the one that was read."""
    patch.attribute(on_file, "turn_is", no_condition)
    patch.attribute(tend, "turn_is", no_condition)


@bug(
    "what was learned of a token is written whoever learned something since",
    invariant=9,
    limit=180,
    profile=profiles.DELETED_AT_ONCE,
)
def stale_news_of_a_token(patch: Patches) -> None:
    patch.attribute(tend, "turn_is_ours", no_condition)
