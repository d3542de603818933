"""The function that tries the books, called by hand: one merchant and mode, stretch by stretch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from farthing_cli.failure import Failure
from farthing_cli.place import Place, one_line

FUNCTION = "trial_balance"
STUCK_MAX = 3
"""So many stretches that do not get on, and it is given up."""

Run = dict[str, Any]


@dataclass(frozen=True)
class Trier:
    """`trial_balance` of one stack."""

    client: Any
    function_name: str

    @classmethod
    def of(cls, place: Place) -> Trier:
        """That of a stack."""
        return cls(place.client("lambda"), f"{place.stack_name}-{FUNCTION}")

    def run(self, merchant_id: str, mode: str, *, full: bool) -> Iterator[Run]:
        """A run from its beginning to its end, as it is after each stretch. Raises Failure."""
        whose = {"merchant_id": merchant_id, "mode": mode}
        run = self._call({**whose, "full": full})
        yield run
        stuck = 0
        while not run["done"]:
            following = self._call({**whose, "run_id": run["run_id"]})
            stuck = stuck + 1 if _place(following) == _place(run) else 0
            if stuck >= STUCK_MAX:
                raise Failure(f"{FUNCTION} does not get on with {run['run_id']}.")
            run = following
            yield run

    def newest(self, merchant_id: str, mode: str) -> Run | None:
        """The run that was begun last, None if there was none. Raises Failure."""
        asked = {"merchant_id": merchant_id, "mode": mode, "show": 1}
        return next(iter(self._call(asked)["runs"]), None)

    def _call(self, event: Run) -> Run:
        answer = self.client.invoke(
            FunctionName=self.function_name, Payload=json.dumps(event).encode()
        )
        result: Run = json.load(answer["Payload"])
        if "FunctionError" in answer:
            raise Failure(f"{FUNCTION} failed: {one_line(result.get('errorMessage', result))}")
        if "error" in result:
            raise Failure(f"Refused: {one_line(result['error'])}")
        return result


def _place(run: Run) -> tuple[Any, ...]:
    return run["day"], run["days_done"], run["counts"]
