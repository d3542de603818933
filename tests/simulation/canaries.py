"""Card numbers and codes that a run works with, and a search for them where they must not be.

Found is: one of this run's card numbers, IBANs or wallets' payloads, plain or grouped; any other
run of 13 to 19 digits that starts and checks like a card number and is no part of a longer word, as
the numbers of network tokens are; a cryptogram; one of this run's CVCs as a whole text value. Bytes
are searched like text, and where no ciphertext belongs they are a finding themselves: nobody can
say what is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from farthing.cards import passes_luhn

_CARD_LIKE = re.compile(r"(?<![0-9A-Za-z])[3-6][0-9]{12,18}(?![0-9A-Za-z])")
_DIGITS_MIN = 13
_ENVELOPE = frozenset({"envelope.ciphertext", "envelope.nonce", "envelope.wrapped_key"})
SEALED: Mapping[str, frozenset[str]] = {
    "card": _ENVELOPE | {"fingerprint"},
    "cvc": _ENVELOPE,
    "network_token": _ENVELOPE,
    "bank_account": _ENVELOPE | {"fingerprint"},
    "wallet": _ENVELOPE,
    "idempotency": frozenset({"sealed_key"}),
}
"""Rows that hold bytes, and where: the vault's ciphertext and an HMAC of the number, and the key of
a checkout session, sealed under the request's own key."""


class Canaries:
    """What is searched for. `cvcs` should be no amounts of the run."""

    def __init__(self, numbers: Iterable[str], cvcs: Iterable[str]) -> None:
        self.numbers = tuple(numbers)
        self.cvcs = frozenset(cvcs)
        self.cryptograms: set[str] = set()
        """Those that were given out so far."""
        groups = (r"[ \-]?".join(number) for number in self.numbers)
        self._grouped = re.compile("|".join(groups)) if self.numbers else None
        cvc = "|".join(map(re.escape, sorted(self.cvcs)))
        self._quoted = re.compile(rf'"(?:{cvc})"|\{{\'S\': \'(?:{cvc})\'\}}') if cvc else None

    def for_a_run(self) -> Canaries:
        """The same, for a run that gives out cryptograms of its own."""
        return Canaries(self.numbers, self.cvcs)

    def in_text(self, text: str) -> str | None:
        """What of them is in a text such as a log line or a body; None if nothing is."""
        number = self._number_in(text) if len(text) >= _DIGITS_MIN else None
        if number is not None:
            return number
        cryptogram = next((one for one in self.cryptograms if one in text), None)
        if cryptogram is not None:
            return cryptogram
        quoted = self._quoted.search(text) if self._quoted is not None else None
        return quoted[0] if quoted else None

    def _number_in(self, text: str) -> str | None:
        for number in self.numbers:
            if number in text:
                return number
        for match in _CARD_LIKE.finditer(text):
            if passes_luhn(match[0]):
                return match[0]
        grouped = self._grouped.search(text) if self._grouped is not None else None
        return grouped[0] if grouped else None

    def in_value(self, value: Mapping[str, Any]) -> str | None:
        """What of them is in an AttributeValue."""
        ((kind, content),) = value.items()
        if kind == "S":
            if content in self.cvcs:
                return str(content)
            return self.in_text(content)
        if kind == "N":
            return self.in_text(content) if len(content) >= _DIGITS_MIN else None
        if kind == "M":
            return next(filter(None, map(self.in_value, content.values())), None)
        if kind == "L":
            return next(filter(None, map(self.in_value, content)), None)
        if kind == "B":
            text = bytes(content).decode("latin-1")
            return text.strip() if text.strip() in self.cvcs else self.in_text(text)
        return None

    def in_change(
        self, old: Mapping[str, Any] | None, new: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        """Attribute and finding, for what a write changed: the rest was searched before."""
        sealed = SEALED.get(new.get("entity", {}).get("S", ""), frozenset())
        for name, value in new.items():
            if old is not None and old.get(name) is value:
                continue
            found = self.in_value(value)
            if found is not None:
                yield name, found
            for path in _bytes_in(name, value):
                if path not in sealed:
                    yield path, "bytes"


def _bytes_in(path: str, value: Mapping[str, Any]) -> Iterator[str]:
    ((kind, content),) = value.items()
    if kind in {"B", "BS"}:
        yield path
    elif kind == "M":
        for name, inside in content.items():
            yield from _bytes_in(f"{path}.{name}", inside)
    elif kind == "L":
        for inside in content:
            yield from _bytes_in(path, inside)
