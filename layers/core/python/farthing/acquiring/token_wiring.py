"""What `charge` needs for network tokens, filled with AWS: vault, keys, and the token service."""

from __future__ import annotations

from collections.abc import Callable

from farthing import runtime
from farthing.access.principal import Mode
from farthing.acquiring.charge import CannotSend, NoNetworkToken
from farthing.acquiring.sandbox import ANSWER_BYTES_MAX
from farthing.acquiring.wiring import before_sending
from farthing.network_tokens import at_service
from farthing.network_tokens.on_file import MethodAddress, OnFile, turn_is, turn_is_ours
from farthing.network_tokens.port import IssuedToken, NoCryptogram, TokenService
from farthing.network_tokens.sandbox import SandboxTokenService
from farthing.observe import logger
from farthing.payments.names import reference_of
from farthing.payments.operation import Operation
from farthing.store import EXISTS, NOT_CREATED, Check, ConditionFailed, Delete, Put
from farthing.store.table import DynamoStore
from farthing.vault.claim import CLAIM_PREFIX, claim_to_send
from farthing.vault.envelope import DataKeys, EnvelopeRefused, TokenRef
from farthing.vault.kms import data_keys_like, unwrapper
from farthing.vault.network_token import network_token_key, sealed
from farthing.vault.open import CardUnreadable, open_network_token, open_source
from farthing.vault.rows import card_key
from farthing.vault.source import NetworkToken, Source

PROVISION = "PROVISION"
"""Why a card is opened, in the audit row."""


def present(operation: Operation, ref: TokenRef, store: DynamoStore) -> NetworkToken:
    """The network token that pays for an operation, with a cryptogram for it alone.

    Raises NoNetworkToken if it cannot be had. Every sending has a cryptogram of its own: the
    acquirer knows the operation by its reference, and by nothing that changes.
    """

    def cryptogram() -> str:
        service = token_service(operation.tenant.mode)
        return service.cryptogram(reference_of(operation.method_id or ""), operation.instruction())

    try:
        return open_network_token(store, unwrapper(operation.tenant), ref, cryptogram)
    except (CardUnreadable, NoCryptogram, CannotSend) as error:
        raise NoNetworkToken(type(error).__name__) from error


def services(address: MethodAddress) -> at_service.Services:
    """The world as `charge` sees it for one payment method."""
    store = runtime.store(address.tenant)

    @before_sending
    def claim(on_file: OnFile) -> None:
        claim_to_send(
            store,
            address.tenant,
            reference=on_file.reference,
            fence=on_file.turn,
            claim_id=runtime.new_id(CLAIM_PREFIX),
            who=runtime.setting("AWS_LAMBDA_FUNCTION_NAME", "charge"),
            purpose=PROVISION,
            now=runtime.clock().now(),
        )

    @before_sending
    def open_card(on_file: OnFile) -> Source:
        now = runtime.clock().now()
        return open_source(store, unwrapper(address.tenant), on_file.card, now, with_cvc=False)

    @before_sending
    def holds(on_file: OnFile) -> bool:
        return store.get(network_token_key(on_file.card)) is not None

    return at_service.Services(
        read=before_sending(store.get),
        service=lambda: token_service(address.tenant.mode),
        claim=claim,
        open_card=open_card,
        holds=holds,
        keep=_keeper(store),
        forget=_forgetter(store),
        seconds_left=runtime.seconds_left,
    )


def _keeper(store: DynamoStore) -> Callable[[OnFile, IssuedToken], bool]:
    @before_sending
    def keep(on_file: OnFile, token: IssuedToken) -> bool:
        ref, now = on_file.card, runtime.clock().now()
        keys = _keys_of_the_card(store, ref)
        number, month, year = token.number, token.exp_month, token.exp_year
        item = sealed(ref, number, month, year, keys, runtime.entropy, now)
        still_ours = Check(on_file.address.key, turn_is_ours(on_file))
        try:
            store.write(still_ours, Put(network_token_key(ref), item, NOT_CREATED))
        except ConditionFailed as failed:
            return failed.index == 1  # it is there: a reference has one token
        return True

    return keep


def _keys_of_the_card(store: DynamoStore, ref: TokenRef) -> DataKeys:
    """A token is kept under the key of its card: it is rewrapped and lost with it."""
    item = store.get(card_key(ref))
    if item is None:
        raise CardUnreadable(f"no card {ref.token}")
    try:
        return data_keys_like(item["envelope"]["wrapped_by"], ref.tenant)
    except EnvelopeRefused as refused:
        raise CardUnreadable(str(refused)) from refused


def _forgetter(store: DynamoStore) -> Callable[[OnFile], None]:
    @before_sending
    def forget(on_file: OnFile) -> None:
        still_ours = Check(on_file.address.key, turn_is(on_file.turn))
        try:
            store.write(still_ours, Delete(network_token_key(on_file.card), EXISTS))
        except ConditionFailed:
            return

    return forget


@before_sending
def token_service(mode: str) -> TokenService:
    """The token service of a mode. Raises CannotSend where there is none."""
    if mode != Mode.TEST:
        raise CannotSend(f"there is no token service for {mode} mode")
    secret, url = runtime.secret("TOKEN_SERVICE_SECRET_ID"), runtime.setting("TOKEN_SERVICE_URL")
    exchange = runtime.platform().exchange(url, secret, ANSWER_BYTES_MAX)
    return SandboxTokenService(exchange, secret.encode())


def log_token(method: MethodAddress, status: str) -> None:
    """One line for each time that the token service was asked about a method."""
    logger().info(
        "saw to a network token",
        extra={
            "merchant_id": method.tenant.merchant_id,
            "method_id": method.method_id,
            "status": status,
        },
    )
