"""The keeper of the vault, called by hand: a walk over all rows, a stretch at a time.

    {"count": {…}}      sealed rows by merchant and key
    {"rewrap": {…}}     cards under the key that is their merchant's now
    {"reencrypt": {…}}  cards with a new data key, by way of `charge`
    {"in_flight": {…}}  what of a merchant is not over

The operator's own credentials touch no card and no key's use: they call `vault_keeper`, which may
rewrap and cannot decrypt. A stretch that breaks is asked for again; a walk that was left is begun
again, and passes quickly over what is done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from farthing.vault.rotation import Holding
from farthing_cli.failure import Failure
from farthing_cli.place import Place, one_line

FUNCTION = "vault_keeper"
TRIES_MAX = 6
PAUSE_SECONDS_MAX = 30

Row = dict[str, Any]


@dataclass(frozen=True)
class Keeper:
    """`vault_keeper` of one stack. `sleep` waits, so that tests need not."""

    client: Any
    function_name: str
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, place: Place) -> Keeper:
        """That of a stack."""
        return cls(place.client("lambda"), f"{place.stack_name}-{FUNCTION}")

    def walk(self, task: str, **asked: Any) -> Iterator[Row]:
        """A whole walk, stretch by stretch. Raises Failure if it does not get on any more."""
        behind, failed = None, 0
        while True:
            stretch = self._stretch(task, {**asked, "after": behind})
            yield stretch
            if stretch["done"]:
                return
            if stretch["behind"] != behind:
                behind, failed = stretch["behind"], 0
                continue
            failed += 1
            if failed >= TRIES_MAX:
                why = stretch.get("stopped") or "it has no time"
                raise Failure(f"{FUNCTION} does not get on: {why}. Begin again when that is over.")
            self.sleep(min(2.0**failed, PAUSE_SECONDS_MAX))

    def holdings(self, seen: Callable[[int], None] = lambda rows: None) -> list[Holding]:
        """How many sealed rows each merchant has under each key, by a walk over all of them."""
        rows: dict[tuple[str, ...], Holding] = {}
        for stretch in self.walk("count"):
            seen(stretch["rows"])
            for row in stretch["held"]:
                one = Holding(**row)
                name = one.merchant_id, one.mode, one.key_id, one.kind
                if name in rows:
                    before = rows[name]
                    latest = max(before.latest, one.latest)
                    one = Holding(*name, rows=before.rows + one.rows, latest=latest)
                rows[name] = one
        return list(rows.values())

    def in_flight(self, merchant_id: str, seen: Callable[[int], None]) -> list[str]:
        """What of a merchant's payments is not over."""
        found: list[str] = []
        for stretch in self.walk("in_flight", merchant=merchant_id):
            seen(stretch["rows"])
            found += stretch["found"]
        return found

    def _stretch(self, task: str, asked: Row) -> Row:
        """One stretch. What broke on the way there or back counts as one that did not get on."""
        try:
            answer = self.client.invoke(
                FunctionName=self.function_name, Payload=json.dumps({task: asked}).encode()
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _PASSES:
                raise
            return _stuck(asked, one_line(error))
        except BotoCoreError as error:
            return _stuck(asked, one_line(error))
        result: Row = json.load(answer["Payload"])
        if "FunctionError" in answer:
            return _stuck(asked, one_line(result.get("errorMessage", result)))
        if "error" in result:
            raise Failure(f"Refused: {one_line(result['error'])}")
        return result


_PASSES = frozenset({"ServiceException", "TooManyRequestsException", "ThrottlingException"})


def _stuck(asked: Row, why: str) -> Row:
    nothing: Row = {"rows": 0, "counts": {}, "held": [], "found": []}
    return {**nothing, "behind": asked["after"], "done": False, "stopped": why}
