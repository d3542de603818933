"""How tokens and cryptograms lie in the table, apart from the acquirer's books.

| pk | sk | what |
|---|---|---|
| `TOKEN#{reference}` | `TOKEN` | a token: no number of it, nor of its card |
| `TOKEN#{reference}` | `LOST` | the first answer about this token never arrived |
| `CRYPTOGRAM#{digest}` | `ISSUED` | what a cryptogram is good for, and whether it was used |
| `TOKEN_WEBHOOK_ENDPOINT` | `TOKEN_WEBHOOK_ENDPOINT` | where the token service posts |

A cryptogram itself is in no row: its digest finds it.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox.token_rules import CRYPTOGRAM_SECONDS, Cryptogram, Status, Token

if TYPE_CHECKING:
    from farthing_sandbox.books import Books
    from farthing_sandbox.items import Item

ENDPOINT_KEY: Final = {"pk": "TOKEN_WEBHOOK_ENDPOINT", "sk": "TOKEN_WEBHOOK_ENDPOINT"}
NOT_DELETED: Final = "attribute_exists(pk) AND #status <> :deleted"
NOT_USED: Final = "attribute_exists(pk) AND used = :no"
SPEND: Final = "SET used = :yes"
DELETE: Final = "SET #status = :deleted"
CHANGE: Final = (
    "SET #status = :status, last_four = :last_four, exp_month = :exp_month, exp_year = :exp_year"
)
TTL_AFTER: Final = timedelta(days=1)


def token_key(reference: str) -> Item:
    """Where a token is."""
    return {"pk": f"TOKEN#{reference}", "sk": "TOKEN"}


def cryptogram_key(cryptogram: str) -> Item:
    """Where what a cryptogram is good for is."""
    digest = hashlib.sha256(cryptogram.encode()).hexdigest()
    return {"pk": f"CRYPTOGRAM#{digest}", "sk": "ISSUED"}


def token(books: Books, reference: str) -> Token | None:
    """A token as it stands."""
    item = books.get(token_key(reference))
    if item is None:
        return None
    known = {name: item[name] for name in Token.__dataclass_fields__}
    return Token(**known | {"status": Status(item["status"])})


def create(books: Books, made: Token) -> bool:
    """Write a token, unless there is one under its reference."""
    return books.create({**token_key(made.reference), **vars(made), "status": made.status.value})


def change(books: Books, after: Token) -> None:
    """Write what became of a token, unless it was deleted meanwhile: that is for good."""
    values = {
        ":status": after.status.value,
        ":last_four": after.last_four,
        ":exp_month": after.exp_month,
        ":exp_year": after.exp_year,
    }
    _update(books, after.reference, CHANGE, values)


def delete(books: Books, reference: str) -> None:
    """Mark a token that is there as deleted."""
    _update(books, reference, DELETE, {})


def lose_first_answer(books: Books, reference: str) -> bool:
    """Whether this is the first answer about a token; it remembers having been asked."""
    return books.create({"pk": f"TOKEN#{reference}", "sk": "LOST", "reference": reference})


def issue(books: Books, cryptogram: str, good_for: Cryptogram, now: datetime) -> None:
    """Remember what a cryptogram is good for."""
    item = {**cryptogram_key(cryptogram), **vars(good_for)}
    end = now + timedelta(seconds=CRYPTOGRAM_SECONDS) + TTL_AFTER
    books.replace(item | {"ttl": int(end.timestamp())})


def issued(books: Books, cryptogram: str) -> Cryptogram | None:
    """What a cryptogram is good for."""
    item = books.get(cryptogram_key(cryptogram))
    if item is None:
        return None
    return Cryptogram(**{name: item[name] for name in Cryptogram.__dataclass_fields__})


def spend(books: Books, cryptogram: str) -> dict[str, Any]:
    """The write that uses a cryptogram up, or fails if somebody has used it."""
    values = {":yes": True, ":no": False}
    return {"Update": books.expression(cryptogram_key(cryptogram), SPEND, values, when=NOT_USED)}


def register_endpoint(books: Books, url: str) -> None:
    """Post to `url` from now on."""
    books.replace({**ENDPOINT_KEY, "url": url})


def _update(books: Books, reference: str, change: str, values: dict[str, Any]) -> None:
    asked = books.expression(
        token_key(reference), change, {**values, ":deleted": Status.DELETED.value}, NOT_DELETED
    )
    with suppress(books.client.exceptions.ConditionalCheckFailedException):
        books.client.update_item(**asked)


def endpoint(books: Books) -> str | None:
    """Where to post, None if nobody has said so."""
    item = books.get(ENDPOINT_KEY)
    return None if item is None else str(item["url"])
