"""The file that tells countries of addresses, if its user supplies one: any MMDB of countries.

The package `maxminddb` and the file are the user's to add to a layer: none comes with Farthing,
because the licences of the known ones ask things of whoever passes them on.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from farthing.fraud.country import CountryReader, unknown
from farthing.observe import log_unhandled


@cache
def country_reader(path: str | None) -> CountryReader:
    """The reader of the file at `path`. Without one, or if it cannot be read, nothing is known:
    no payment waits for it. Opened once in a process: that takes longer than all look-ups."""
    if not path:
        return unknown
    try:
        import maxminddb

        database = maxminddb.open_database(path)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        log_unhandled(error)
        return unknown

    def read(ip_address: str) -> str | None:
        try:
            return _country_in(database.get(ip_address))
        except (ValueError, RuntimeError) as error:
            log_unhandled(error)
            return None

    return read


def _country_in(record: Any) -> str | None:
    """The layouts of GeoLite2 and DB-IP, and of files that hold nothing else."""
    if not isinstance(record, dict):
        return None
    nested = record.get("country")
    code = nested.get("iso_code") if isinstance(nested, dict) else record.get("country_code")
    return code if isinstance(code, str) else None
