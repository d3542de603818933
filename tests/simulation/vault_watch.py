"""Invariants 11 and 12: no card is lost or kept too little, and none is opened without its audit
row.

11. Each card that somebody may still need is there, and opens under a key that can be used. Its
    envelope changes as a whole: what was sealed anew never comes back as it was.
12. A number is opened by whoever has put an audit row for it, and by nobody else.

Like `Watch`, this knows the product's rows and nothing of its code.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from farthing.clock import to_text
from tests.simulation.aws.dynamo import WriteRecord
from tests.simulation.aws.kms import Keys
from tests.simulation.invariants import UNRESOLVED, Item, Watch, changed, text
from tests.simulation.violation import Violation

LOST, UNSEEN = 11, 12
PAYS = {"card": "pan", "bank_account": "bank_account", "wallet": "wallet"}
"""The rows of what pays, and what each is sealed as. A wallet's goes when it was used."""
KEPT = frozenset({"card", "bank_account"})
SEALED = frozenset({*PAYS, "cvc", "network_token"})
LANDED_LATE = None
"""Stands for a process that had sent it once more by then, or is gone."""


class VaultWatch:
    """Looks at every write to the vault, and at every data key that is given out.

    `process` names who is at work now; `watch` knows the payments, and has seen each write before;
    `payments` gives the rows of that table.
    """

    def __init__(
        self,
        watch: Callable[[], Watch],
        payments: Callable[[], Iterable[Item]],
        keys: Keys,
        now: Callable[[], float],
        process: Callable[[], str | None],
    ) -> None:
        self._watch, self._payments, self._keys = watch, payments, keys
        self._now, self._process = now, process
        self._given_up: dict[Any, set[bytes]] = defaultdict(set)
        """Ciphertexts that a row had, and has no more."""
        self._audited: set[tuple[str | None, str]] = set()
        """Who has put an audit row for which card."""

    def __call__(self, records: Sequence[WriteRecord]) -> None:
        """One transaction. Raises Violation."""
        for table, key, old, new in records:
            if table != "vault":
                continue
            if text(new or {}, "entity") == "audit" and old is None:
                self._audit(new or {})
            if "envelope" in (new or old or {}):
                self._sealed(key, old, new, records)

    def opened(self, context: Mapping[str, str]) -> None:
        """A data key is given out. Raises Violation."""
        process, token = self._process(), context.get("token", "")
        if context.get("purpose") != "pan" or process is None:
            return
        if not {(process, token), (LANDED_LATE, token)} & self._audited:
            raise Violation(UNSEEN, token, f"opened by {process}, which has put no audit row")

    # --- what is written ---------------------------------------------------------------------

    def _audit(self, row: Item) -> None:
        self._audited.add((self._process(), self._token_of(row)))

    def _token_of(self, row: Item) -> str:
        """Which card an audit row is about: it names the card, its method, or an operation."""
        reference = text(row, "reference")
        match text(row, "purpose"):
            case "REENCRYPT":
                return text(row, "token")
            case "PROVISION":
                method_id = f"pm_{reference.lower()}"
                of_it = (one for one in self._methods() if text(one, "method_id") == method_id)
                return next((text(one, "token") for one in of_it), "")
        return (self._watch().operation_of(reference) or {}).get("token") or ""

    def _sealed(
        self, key: Any, old: Item | None, new: Item | None, records: Sequence[WriteRecord]
    ) -> None:
        if new is None:
            self._deleted(key, old or {}, records)
            return
        if text(new, "entity") not in SEALED or not text(new, "token"):
            self._lost(key, "what is written is no whole row: it was deleted before")
        sealed = envelope_of(new)
        if old is not None and new["envelope"] == old["envelope"]:
            return
        if not self._keys.is_usable(str(sealed["wrapped_by"])):
            self._lost(key, f"comes under {sealed['wrapped_by']}, which is to be deleted")
        if bytes(sealed["ciphertext"]) in self._given_up[key]:
            self._lost(key, "an envelope that was given up came back")
        if old is not None:
            self._changed(key, old, new)

    def _changed(self, key: Any, old: Item, new: Item) -> None:
        """An envelope is wrapped otherwise, or sealed anew under the same key, and nothing else."""
        if extra := changed(old, new) - {"envelope", "sealed_at"}:
            self._lost(key, f"with its envelope changed {sorted(extra)}")
        before, after = envelope_of(old), envelope_of(new)
        if after["ciphertext"] == before["ciphertext"]:
            return
        self._given_up[key].add(bytes(before["ciphertext"]))
        if after["wrapped_by"] != before["wrapped_by"]:
            self._lost(key, "who seals it anew brings it under another key")

    def _deleted(self, key: Any, old: Item, records: Sequence[WriteRecord]) -> None:
        """Nothing that may still be sent, and nothing that may still be claimed, goes."""
        self._given_up[key].add(bytes(envelope_of(old)["ciphertext"]))
        if text(old, "entity") not in KEPT:
            return
        token = text(old, "token")
        for payment in self._watch().payments.values():
            intent = payment.intent or {}
            paid_by = text(intent.get("instrument", {}).get("M", {}), "token")
            if paid_by == token and text(intent, "status_detail") == "REQUIRES_REVIEW":
                self._lost(key, f"{text(intent, 'intent_id')} may be sent when it was looked at")
            for operation in payment.operations.values():
                same = operation.get("token") == {"S": token}
                if same and text(operation, "state") in UNRESOLVED:
                    self._lost(key, f"{text(operation, 'reference')} may still need it")
        face = next(
            (was for _, _, was, now in records if _is_face_of(was, token) and not now), None
        )
        if face is None and not self._is_closed(token):
            self._lost(key, "its face stays")
        elif face is not None:
            self._may_go(key, face)

    def _may_go(self, key: Any, face: Item) -> None:
        claimed_by = text(face, "claimed_by")
        if claimed_by.startswith("pm_"):
            if not self._has_a_method(claimed_by, "deleted_at"):
                self._lost(key, f"{claimed_by} is saved")
        elif text(face, "expires_at") > to_text(datetime.fromtimestamp(self._now(), UTC)):
            self._lost(key, f"the token lives until {text(face, 'expires_at')}")

    def _has_a_method(self, method_id: str, that_is: str) -> bool:
        return any(
            text(row, "method_id") == method_id and that_is in row for row in self._methods()
        )

    def _is_closed(self, token: str) -> bool:
        """Whether the card's method is one whose card expired long ago."""
        return any(text(row, "token") == token and "closed_at" in row for row in self._methods())

    def _methods(self) -> Iterator[Item]:
        return (row for row in self._payments() if text(row, "entity") == "payment_method")

    def _lost(self, key: Any, facts: str) -> None:
        raise Violation(LOST, f"vault {key}", facts)


# --- at rest -------------------------------------------------------------------------------------


def cards_are_there(
    payments: Iterable[Item], vault: Mapping[Any, Item], keys: Keys, numbers: Iterable[str]
) -> Iterator[Violation]:
    """Each face has its card, which opens to a number that somebody typed; each card has its
    face."""
    known, faces = frozenset(numbers), {}
    closed = {text(row, "token") for row in payments if "closed_at" in row}
    for row in payments:
        if text(row, "entity") == "card_face":
            faces[text(row, "token")] = row
    cards = {text(row, "token"): row for row in vault.values() if text(row, "entity") in PAYS}
    closed |= {token for token, face in faces.items() if text(face, "type") == "WALLET"}
    for token in faces.keys() - cards.keys() - closed:
        yield Violation(LOST, token, "it has a face, and no card")
    for token in cards.keys() - faces.keys():
        yield Violation(LOST, token, "it has a card, and no face: nobody will purge it")
    for token in faces.keys() & cards.keys():
        sealed = envelope_of(cards[token])
        if not keys.is_usable(str(sealed["wrapped_by"])):
            yield Violation(LOST, token, f"is under {sealed['wrapped_by']}, which cannot be used")
        elif not _is_known(_opened(cards[token], keys), known):
            yield Violation(LOST, token, "its card does not open")


def _is_known(secret: str | None, known: frozenset[str]) -> bool:
    """Whether somebody typed it. Of a wallet's payload, its sealed part is known."""
    return secret in known or any(each in (secret or "") for each in known if not each.isdigit())


def _opened(row: Item, keys: Keys) -> str | None:
    """What a row of what pays holds, by the format as the docs say it."""
    purpose = PAYS[text(row, "entity")]
    sealed, merchant_id, mode = envelope_of(row), text(row, "merchant_id"), text(row, "mode")
    token = text(row, "token")
    context = {"purpose": purpose, "merchant": merchant_id, "mode": mode, "token": token}
    data_key = keys.look(bytes(sealed["wrapped_key"]), context)
    if data_key is None:
        return None
    facts = ["farthing", int(sealed["version"]), purpose, merchant_id, mode, token]
    bound = json.dumps(facts, separators=(",", ":")).encode()
    try:
        padded = AESGCM(data_key).decrypt(
            bytes(sealed["nonce"]), bytes(sealed["ciphertext"]), bound
        )
    except InvalidTag:
        return None
    return padded.decode().rstrip(" ")


def envelope_of(row: Item) -> dict[str, Any]:
    """A sealed row's envelope, in plain values."""
    return {name: next(iter(value.values())) for name, value in row["envelope"]["M"].items()}


def _is_face_of(row: Item | None, token: str) -> bool:
    return row is not None and text(row, "entity") == "card_face" and text(row, "token") == token
