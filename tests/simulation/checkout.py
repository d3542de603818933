"""Payers at the hosted page, who have no more than a link: they click twice, open it in two tabs,
load it again in the middle, and come back when everybody has forgotten them.

A `Payer` is one browser. What it does is what the page's script does (functions/checkout_page):
one token is one attempt and is its own idempotency key, a lost answer is asked for again, and what
is not known is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.merchant import PAUSES_SECONDS, Asked
from tests.simulation.reviewer import Reviewer
from tests.support.lambdas import MERCHANT

if TYPE_CHECKING:
    from tests.simulation.scenarios import Stage

SESSIONS = "/v1/checkout_sessions"
DAY_SECONDS = 24 * 3600.0
WAITS_MAX = 9
TRIES_MAX = 6


def asking(amount_cents: int, **more: Any) -> dict[str, Any]:
    """The body that asks for a session."""
    return {
        "line_items": [{"name": "Tea", "quantity": 1, "amount_cents": amount_cents}],
        "currency": "eur",
        "success_url": "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/basket",
        **more,
    }


@dataclass
class Payer:
    """Who has the link of one session."""

    stage: Stage
    session_id: str
    merchant_id: str = MERCHANT

    def __post_init__(self) -> None:
        self.browser = self.stage.merchant(self.merchant_id).as_payer_of(self.session_id)
        self.path = f"{SESSIONS}/{self.session_id}"

    def read(self) -> str:
        """What the page shows; empty if it could not be loaded."""
        return str(self.browser.read(self.path).body.get("status", ""))

    def pay(self) -> str:
        """Type a card and click. The status of the session afterwards, as far as it was heard."""
        return self.send(self.stage.token(self.merchant_id)["token"])

    def send(self, token: str) -> str:
        """One attempt, sent again while no answer is heard; then whatever becomes of it."""
        asked: Asked | None = None
        for number in range(TRIES_MAX):
            asked = self.send_once(token)
            code = asked.body.get("code")
            if asked.status and asked.status < 500 and code != "request_in_progress":
                break
            self.browser.sleep(PAUSES_SECONDS[min(number, len(PAUSES_SECONDS) - 1)])
        refused = asked is not None and asked.status in {400, 402}
        return "OPEN" if refused else self.wait()

    def send_once(self, token: str) -> Asked:
        """One request, whatever comes of it."""
        return self.browser.ask("POST", f"{self.path}/pay", {"token": token}, token)

    def wait(self) -> str:
        """Ask until it is known, or patience is at its end."""
        status = self.read()
        for number in range(WAITS_MAX):
            if status and status != "PROCESSING":
                return status
            self.browser.sleep(PAUSES_SECONDS[min(number, len(PAUSES_SECONDS) - 1)])
            status = self.read()
        return status


def begin(stage: Stage, merchant_id: str = MERCHANT, **more: Any) -> Payer | None:
    """A session, and who is sent to its page. None if its merchant never heard of it."""
    asked = stage.merchant(merchant_id).insist(SESSIONS, asking(1000, **more), stage.key())
    if asked.status != 201:
        return None
    return Payer(stage, str(asked.body["session_id"]), merchant_id)


# --- what they do --------------------------------------------------------------------------------


def paid_session(stage: Stage) -> None:
    """A session is made and paid, and its merchant looks."""
    payer = begin(stage)
    if payer is not None:
        payer.pay()
        stage.merchant().read(payer.path)


def double_click(stage: Stage) -> None:
    """The same token, sent twice at once."""
    payer = begin(stage)
    if payer is None:
        return
    token = stage.token()["token"]
    stage.merchant().at_once(lambda: payer.send(token), lambda: payer.send(token))


def two_tabs(stage: Stage) -> None:
    """Two tokens at once, and then another card where nothing was charged."""
    payer = begin(stage)
    if payer is None:
        return
    stage.merchant().at_once(payer.pay, payer.pay)
    if payer.wait() == "OPEN":
        payer.pay()


def loaded_again(stage: Stage) -> None:
    """Sent, and the browser gone before any answer; the page that is loaded again goes on."""
    payer = begin(stage)
    if payer is None:
        return
    token = stage.token()["token"]

    def gone() -> None:
        payer.send_once(token)

    def again() -> None:
        stage.world.scheduler.sleep(stage.dice.between(0.01, 8.0))
        if payer.wait() == "OPEN":
            payer.pay()

    stage.merchant().at_once(gone, again)


def ended_meanwhile(stage: Stage) -> None:
    """Its merchant ends the session while its payer pays."""
    payer = begin(stage)
    if payer is None:
        return
    merchant = stage.merchant()

    def end() -> None:
        merchant.sleep(stage.dice.between(0.0, 0.3))
        merchant.ask("POST", f"{payer.path}/expire", {})

    def come() -> None:
        merchant.sleep(stage.dice.between(0.0, 0.3))
        payer.pay()

    merchant.at_once(come, end)
    merchant.read(payer.path)


def at_the_last_second(stage: Stage) -> None:
    """A session is paid in the seconds in which its day is over."""
    began = stage.world.scheduler.now
    payer = begin(stage)
    if payer is None:
        return
    end = began + DAY_SECONDS
    stage.world.scheduler.sleep(end + stage.dice.between(-3.0, 3.0) - stage.world.scheduler.now)
    asked = stage.merchant().ask("POST", "/v1/tokens", stage.card())
    if asked.status == 201:
        payer.send(str(asked.body["token"]))


def forgotten(stage: Stage) -> None:
    """A session that nobody ever pays."""
    payer = begin(stage)
    if payer is not None:
        payer.read()


def kept_card(stage: Stage) -> None:
    """A session whose card its customer keeps; the card pays again."""
    customer_id = stage.method()["customer_id"]
    payer = begin(stage, customer_id=customer_id, save_payment_method=True)
    if payer is None:
        return
    payer.pay()
    merchant = stage.merchant()
    merchant.read("/v1/payment_methods", customer_id=customer_id)


def held_session(stage: Stage) -> None:
    """Held by its payer, then taken or given back by its merchant."""
    payer = begin(stage, capture_method="MANUAL")
    if payer is None or payer.pay() != "PAID":
        return
    merchant = stage.merchant()
    intent_id = merchant.read(payer.path).body.get("payment_intent_id")
    if intent_id is not None:
        then = stage.dice.choice(("capture", "cancel"))
        merchant.insist(f"/v1/payment_intents/{intent_id}/{then}", {}, stage.key())
    payer.pay()


def reviewed_session(stage: Stage) -> None:
    """Paid by a card that is held for a review; somebody answers that, well or badly, or the
    session's merchant takes it back. Where nothing was taken, another card pays."""
    asked: dict[str, Any] = {"capture_method": stage.dice.choice(("AUTOMATIC", "MANUAL"))}
    if stage.dice.chance(0.3):
        asked |= {"customer_id": stage.method()["customer_id"], "save_payment_method": True}
    payer = begin(stage, **asked)
    if payer is None:
        return
    payer.send_once(stage.reviewed()["token"])
    merchant, reviewer = stage.merchant(), Reviewer(stage)

    def look() -> None:
        intent_id = merchant.read(payer.path).body.get("payment_intent_id")
        if intent_id is not None:
            reviewer.answer(str(intent_id))

    merchant.at_once(payer.wait, look)
    if payer.read() == "OPEN":
        payer.pay()


EVERYTHING = (
    paid_session,
    double_click,
    two_tabs,
    loaded_again,
    ended_meanwhile,
    forgotten,
    kept_card,
    held_session,
    reviewed_session,
)


def any_of_these(stage: Stage) -> None:
    """One payer, who does one of these things."""
    stage.dice.choice(EVERYTHING)(stage)
