"""What happens every minute: several jobs, none of which stops the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping


class TickIncomplete(Exception):
    """Some jobs failed, in whole or in part. The text names them; the log says why."""


def each(
    jobs: Mapping[str, Callable[[], int]], log_failure: Callable[[Exception], None]
) -> dict[str, int]:
    """Do the jobs in their order; how much each did. Raises TickIncomplete after the last."""
    done: dict[str, int] = {}
    for name, job in jobs.items():
        try:
            done[name] = job()
        except Exception as error:  # noqa: BLE001 - one job must not stop the others
            log_failure(error)
    if failed := set(jobs) - set(done):
        raise TickIncomplete(", ".join(sorted(failed)))
    return done
