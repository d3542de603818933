"""The keeper of the vault: counts cards by key, and brings them under another. It opens none.

By hand, a stretch at a time (`farthing vault`); each answer says behind which row to go on.

{"count": {"after": …}}                                       sealed rows by merchant and key
{"rewrap": {"merchant": …, "after": …, "rows": n, "apply": bool}}
{"reencrypt": {"before": time, "merchant": …, "after": …, "rows": n, "apply": bool}}
{"in_flight": {"merchant": …, "after": …}}                    what of a merchant is not over
"""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.vault import keeper_wiring


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    runtime.begin(context)
    for name, task in keeper_wiring.BY_HAND.items():
        if name in event:
            return task(event[name])
    return {"error": f"ask for one of {', '.join(keeper_wiring.BY_HAND)}"}
