"""What `charge` needs, filled with AWS: vault, keys, and the connector with its credentials."""

from __future__ import annotations

import os
from functools import cache

from farthing import runtime
from farthing.acquiring.charge import ChargeServices
from farthing.acquiring.http import Exchange
from farthing.acquiring.port import Use
from farthing.acquiring.sandbox import SandboxAcquirer
from farthing.payments.operation import Address, Operation
from farthing.vault.card import Card
from farthing.vault.claim import claim_to_send
from farthing.vault.envelope import TokenRef
from farthing.vault.kms import data_keys
from farthing.vault.open import forget_cvc, open_card

CLAIM_ID_BYTES = 8


def services(address: Address) -> ChargeServices:
    """The world as `charge` sees it for one operation: its merchant's rows and no other's."""
    store = runtime.store(address.tenant)

    def claim(operation: Operation) -> None:
        claim_to_send(
            store,
            operation.tenant,
            reference=operation.reference,
            fence=operation.fence,
            claim_id=os.urandom(CLAIM_ID_BYTES).hex(),
            who=runtime.setting("AWS_LAMBDA_FUNCTION_NAME", "charge"),
            purpose=operation.kind.value,
            now=runtime.clock().now(),
        )

    def open_(operation: Operation) -> Card:
        stored = operation.stored_credential
        return open_card(
            store,
            data_keys(),
            token_ref(operation),
            runtime.clock().now(),
            with_cvc=stored is None or stored.use is Use.FIRST,
        )

    return ChargeServices(
        read=store.get,
        acquirer=acquirer(),
        claim=claim,
        open_card=open_,
        forget_cvc=lambda operation: forget_cvc(store, token_ref(operation)),
        now=runtime.clock().now,
        seconds_left=runtime.seconds_left,
    )


def token_ref(operation: Operation) -> TokenRef:
    """The card that pays for an authorization."""
    if operation.token is None:
        raise ValueError("only an authorization has a card")
    return TokenRef(operation.tenant, operation.token)


@cache
def acquirer() -> SandboxAcquirer:
    """The connector, with the credentials that no other function holds."""
    secrets = runtime.client("secretsmanager")
    secret = secrets.get_secret_value(SecretId=runtime.setting("ACQUIRER_SECRET_ID"))
    text: str = secret["SecretString"]
    exchange = Exchange(runtime.setting("ACQUIRER_URL"), text)
    return SandboxAcquirer(exchange, text.encode())
