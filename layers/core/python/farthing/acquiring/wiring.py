"""What `charge` needs, filled with AWS: vault, keys, and the connector with its credentials."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from farthing import runtime
from farthing.access.principal import Mode
from farthing.acquiring.charge import CannotSend, ChargeServices
from farthing.acquiring.charge_disputes import DisputeServices
from farthing.acquiring.declared import capabilities
from farthing.acquiring.port import Acquirer, Use
from farthing.acquiring.sandbox import ANSWER_BYTES_MAX, SandboxAcquirer
from farthing.disputes.answer import AnswerAddress
from farthing.files import FileTooLarge, NoSuchFile
from farthing.method_type import MethodType
from farthing.observe import log_unhandled, logger
from farthing.payments.address import Address
from farthing.payments.operation import Operation, Via
from farthing.store import StoreBusy, TenantScope
from farthing.vault.claim import CLAIM_PREFIX, claim_to_send
from farthing.vault.envelope import TokenRef
from farthing.vault.kms import unwrapper
from farthing.vault.open import CardUnreadable, forget_cvc, forget_wallet, open_source
from farthing.vault.source import Source

_USED_ONCE = {MethodType.CARD: forget_cvc, MethodType.WALLET: forget_wallet}
"""What is forgotten when the outcome is definite. An account is kept: its mandate lasts."""
_TROUBLE = (BotoCoreError, ClientError, StoreBusy, CardUnreadable, NoSuchFile, FileTooLarge)

Given = ParamSpec("Given")
Got = TypeVar("Got")


def before_sending(step: Callable[Given, Got]) -> Callable[Given, Got]:
    """What fails in `step` fails before the first byte leaves: it becomes CannotSend."""

    @wraps(step)
    def checked(*args: Given.args, **kwargs: Given.kwargs) -> Got:
        try:
            return step(*args, **kwargs)
        except _TROUBLE as error:
            log_unhandled(error)
            raise CannotSend(step.__name__) from error

    return checked


def services(address: Address) -> ChargeServices:
    """The world as `charge` sees it for one operation: its merchant's rows and no other's."""
    store = runtime.store(address.tenant)

    @before_sending
    def claim(operation: Operation) -> None:
        claim_to_send(
            store,
            operation.tenant,
            reference=operation.reference,
            fence=operation.fence,
            claim_id=runtime.new_id(CLAIM_PREFIX),
            who=runtime.setting("AWS_LAMBDA_FUNCTION_NAME", "charge"),
            purpose=operation.kind.value,
            now=runtime.clock().now(),
        )

    @before_sending
    def open_(operation: Operation) -> Source:
        if operation.via is Via.NETWORK_TOKEN:
            from farthing.acquiring.token_wiring import present

            return present(operation, token_ref(operation), store)
        stored = operation.stored_credential
        return open_source(
            store,
            unwrapper(operation.tenant),
            token_ref(operation),
            runtime.clock().now(),
            with_cvc=stored is None or stored.use is Use.FIRST,
        )

    def forget(operation: Operation) -> None:
        used_once = _USED_ONCE.get(operation.method_type)
        try:
            if used_once is not None:
                used_once(store, token_ref(operation))
        except _TROUBLE as error:
            log_unhandled(error)

    return ChargeServices(
        read=before_sending(store.get),
        acquirer=before_sending(lambda name: connector(name, address.tenant)),
        claim=claim,
        open_source=open_,
        forget=forget,
        now=runtime.clock().now,
        seconds_left=runtime.seconds_left,
    )


def dispute_services(address: AnswerAddress) -> DisputeServices:
    """The world as `charge` sees it for an answer to a dispute of one merchant."""
    return DisputeServices(
        read=before_sending(runtime.store(address.tenant).get),
        file=before_sending(lambda key: runtime.files().get(key)),
        acquirer=before_sending(lambda name: connector(name, address.tenant)),
        now=runtime.clock().now,
        seconds_left=runtime.seconds_left,
    )


def log_answer(address: AnswerAddress, outcome: str) -> None:
    """One line for each answer to a dispute that was sent."""
    ids = {"merchant_id": address.tenant.merchant_id, "dispute_id": address.dispute_id}
    logger().info("answered a dispute", extra={**ids, "outcome": outcome})


def token_ref(operation: Operation) -> TokenRef:
    """The card that pays for an authorization."""
    if operation.token is None:
        raise ValueError("only an authorization has a card")
    return TokenRef(operation.tenant, operation.token)


def acquirer_of(name: str, tenant: TenantScope) -> Callable[[], Acquirer]:
    """The acquirer of a connector, when it is asked for. That raises CannotSend."""
    return before_sending(lambda: connector(name, tenant))


def connector(name: str, tenant: TenantScope) -> Acquirer:
    """The acquirer of a connector for a merchant in a mode. Raises CannotSend where there is none.

    A live payment must not "succeed" at a simulator, whatever a row says.
    """
    if name == "sandbox" and tenant.mode == Mode.TEST:
        return sandbox()
    if name == "stripe":
        from farthing.acquiring.stripe_wiring import stripe

        return stripe(tenant)
    raise CannotSend(f"there is no connector {name} for {tenant.mode} mode")


def sandbox() -> SandboxAcquirer:
    """The connector, with the credentials that no other function holds."""
    secret, url = runtime.secret("ACQUIRER_SECRET_ID"), runtime.setting("ACQUIRER_URL")
    exchange = runtime.platform().exchange(url, secret, ANSWER_BYTES_MAX)
    return SandboxAcquirer(exchange, secret.encode(), capabilities("sandbox"))


def log_outcome(what: str, address: Address, outcome: str) -> None:
    """One line for each operation that was sent or looked up: by it a payment can be followed."""
    logger().info(
        what,
        extra={
            "merchant_id": address.tenant.merchant_id,
            "intent_id": address.intent_id,
            "operation_id": address.operation_id,
            "outcome": outcome,
        },
    )
