"""The one function that may read a card number, and the only one that talks to the acquirer.

It is told an operation's address and nothing else: amount, token and merchant come from the row.
So it is with an answer to a dispute, of which it is told the address, too.
By the vault's keeper it is told cards that are to be sealed anew; by who sees to network tokens,
payment methods, about whose token it asks the token service.
"""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.acquiring import charge, charge_disputes, token_wiring
from farthing.acquiring.invoke import Task, case_to_item, look_up_to_item, page_to_item
from farthing.acquiring.token_wiring import log_token
from farthing.acquiring.wiring import (
    acquirer_of,
    dispute_services,
    log_answer,
    log_outcome,
    services,
)
from farthing.disputes.answer import AnswerAddress
from farthing.network_tokens import at_service
from farthing.network_tokens.on_file import MethodAddress
from farthing.payments.address import Address
from farthing.store import TenantScope
from farthing.vault.reencrypt_wiring import reencrypt_rows


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    runtime.begin(context)
    task = Task(event["task"])
    if task is Task.LIST:
        tenant = TenantScope(event.get("merchant_id", "everybody"), event["mode"])
        acquirer = acquirer_of(event.get("connector", "sandbox"), tenant)
        return page_to_item(lambda: charge.transactions(acquirer, event["since"], event["after"]))
    if task is Task.REENCRYPT:
        return reencrypt_rows(event)
    if task is Task.TEND:
        method = MethodAddress.parse(event["method"])
        state = at_service.tend(method, token_wiring.services(method))
        log_token(method, state.status.value if state else "UNKNOWN")
        return {"token": state.to_item() if state else None}
    if task in {Task.FIND_DISPUTE, Task.ANSWER_DISPUTE}:
        return of_dispute(task, event)
    address = Address.parse(event["operation"])
    if task is Task.LOOK_UP:
        found = look_up_to_item(lambda: charge.look_up(address, services(address)))
        log_outcome("looked up", address, found["found"])
        return found
    if task is Task.REVERSE:
        reversal = charge.reverse(address, services(address))
        log_outcome("reversed", address, reversal.undone.value)
        return {"undone": reversal.undone.value, "as_of": reversal.as_of}
    if task is Task.FORGET_CVC:
        return {"forgotten": charge.forget_cvc(address, services(address))}
    answer = charge.send(address, services(address))
    log_outcome("asked the acquirer", address, answer.outcome.value)
    return answer.to_item()


def of_dispute(task: Task, event: dict[str, Any]) -> dict[str, Any]:
    """Look at a dispute, or send an answer to one."""
    if task is Task.FIND_DISPUTE:
        tenant = TenantScope(event["merchant_id"], event["mode"])
        acquirer = acquirer_of(event["connector"], tenant)
        return case_to_item(lambda: charge_disputes.find(acquirer, event["reference"]))
    address = AnswerAddress.parse(event["answer"])
    answered = charge_disputes.answer(address, dispute_services(address))
    log_answer(address, answered.outcome.value)
    return answered.to_item()
