"""How fast a job goes: no faster than asked, so that payments have the table and KMS to
themselves."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """At most `per_second` things a second, over the whole job; None is as fast as it goes."""

    def __init__(
        self,
        per_second: int | None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_second, self._now, self._sleep = per_second, now, sleep
        self._began = now()

    def rows(self, most: int) -> int:
        """How many at a time: not more than two seconds' worth, so that the pace is an even one."""
        return most if self._per_second is None else min(most, 2 * self._per_second)

    def wait(self, done: int) -> None:
        """Wait until so many may have been done."""
        if self._per_second is not None:
            early = done / self._per_second - (self._now() - self._began)
            if early > 0:
                self._sleep(early)
