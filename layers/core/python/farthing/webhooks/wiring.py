"""The webhooks' ports, filled with AWS."""

from __future__ import annotations

from farthing import runtime
from farthing.access.principal import Principal
from farthing.acquiring import inbox_due, webhooks_wiring
from farthing.observe import log_unhandled
from farthing.store import TenantScope
from farthing.webhooks import deliver, endpoints, news, recover, redeliver
from farthing.webhooks.due import Run
from farthing.webhooks.notices import Notices
from farthing.webhooks.outbox import Outbox
from farthing.webhooks.ports import Queue, Sender
from farthing.webhooks.sns import SnsNotices
from farthing.webhooks.sqs import SqsQueue
from farthing.webhooks.tick import each


def endpoint_services(principal: Principal) -> endpoints.Services:
    """One merchant's view of the world, for one request."""
    return endpoints.Services(
        tenant=principal.tenant,
        store=runtime.tenant_store(principal),
        now=runtime.clock().now(),
        new_id=runtime.new_id,
        entropy=runtime.entropy,
        allow_loopback=loopback_allowed(),
        queue=queue(),
        log_failure=log_unhandled,
    )


def outbox() -> Outbox:
    """For one batch of the stream."""
    return Outbox(runtime.system_store(), queue(), runtime.clock().now())


def one_run() -> Run:
    """Every merchant's rows, for one run."""
    return Run(
        runtime.system_store(), queue(), runtime.clock().now(), runtime.seconds_left, log_unhandled
    )


def tick() -> dict[str, int]:
    """What every minute does, the bounded jobs first: a backlog of deliveries takes all the time
    that there is."""
    jobs = {
        "told": lambda: news.tell_due(news_services()),
        "recovered": lambda: recover.recover_due(one_run()),
        "items": lambda: inbox_due.queue_due(webhooks_wiring.due_services()),
        "queued": lambda: redeliver.redeliver_due(redeliver_services()),
    }
    return each(jobs, log_unhandled)


def news_services() -> news.Services:
    """Every merchant's news of endpoints, for one run."""
    return news.Services(**vars(one_run()), notices=notices())


def redeliver_services() -> redeliver.Services:
    """Every merchant's deliveries, for one run."""
    return redeliver.Services(**vars(one_run()), exhausted=exhausted())


def deliver_services(tenant: TenantScope) -> deliver.Services:
    """The world as the merchant of one message sees it."""
    return deliver.Services(
        tenant=tenant,
        store=runtime.store(tenant),
        queue=queue(),
        exhausted=exhausted(),
        sender=sender(),
        clock=runtime.clock(),
        wall=runtime.ShiftedClock(),
        chance=runtime.chance,
        new_id=runtime.new_id,
        seconds_left=runtime.seconds_left,
    )


def queue() -> Queue:
    """The deliveries queue."""
    return SqsQueue(runtime.client("sqs"), runtime.setting("DELIVERIES_QUEUE_URL"))


def notices() -> Notices:
    """Where the people who run Farthing are told."""
    return SnsNotices(lambda: runtime.client("sns"), runtime.setting("NOTICES_TOPIC_ARN"))


def exhausted() -> Queue:
    """Copies of the deliveries that did not arrive."""
    return SqsQueue(runtime.client("sqs"), runtime.setting("EXHAUSTED_QUEUE_URL"))


def sender() -> Sender:
    """What sends, with its TLS settings read once."""
    make = runtime.platform().webhook_sender
    return runtime.once("webhook_sender", lambda: make(allow_loopback=loopback_allowed()))


def loopback_allowed() -> bool:
    """Whether endpoints may be on this machine: on the local stack alone."""
    return runtime.setting("WEBHOOKS_ALLOW_LOOPBACK", "false") == "true"
