"""Evidence: texts by their names, and documents, collected in one row until they are sent.

What is given again replaces what was there under the name. A document is a file under a key that
holds its content's digest, so giving it twice keeps it once. Nothing is said of what is in it: it
is looked at by no scanner here, and goes to the acquirer as it came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from farthing.errors import invalid
from farthing.store import Item, Key, TenantScope

TEXT_FIELDS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
)
"""Names of texts: the field's own, as Stripe has them."""

FILE_PURPOSES = (
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
)
"""What a document stands for; there is one for each."""

TEXT_LENGTH_MAX = 20_000
TEXTS_LENGTH_MAX = 60_000
"""Of all texts together, in characters: with four bytes each they fit into a row."""
FILES_BYTES_MAX = 4 * 1024 * 1024
"""Of all documents together: in base64 they fit into one invocation."""

SIGNATURES: Mapping[str, bytes] = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
}
"""What documents may be, and how their content begins."""


@dataclass(frozen=True)
class StoredFile:
    """A document, and where it is kept."""

    purpose: str
    name: str
    content_type: str
    size_bytes: int
    sha256: str

    def key(self, tenant: TenantScope, dispute_id: str) -> str:
        """Where its content is."""
        return f"{tenant.pk('DISPUTES', dispute_id)}/{self.sha256}"


@dataclass(frozen=True)
class GivenFile:
    """A document as it came. Its content is in no log."""

    purpose: str
    name: str
    content_type: str
    content: bytes = field(repr=False)

    def stored(self) -> StoredFile:
        """What is kept of it beside its content."""
        digest = hashlib.sha256(self.content).hexdigest()
        size = len(self.content)
        return StoredFile(self.purpose, self.name, self.content_type, size, digest)


@dataclass(frozen=True)
class Evidence:
    """One row. `version` is 0 for what was never written."""

    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: tuple[StoredFile, ...] = ()
    version: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not self.texts and not self.files

    def to_item(self, tenant: TenantScope, dispute_id: str) -> Item:
        """The row."""
        return {
            "entity": "dispute_evidence",
            "merchant_id": tenant.merchant_id,
            "mode": tenant.mode,
            "dispute_id": dispute_id,
            "texts": dict(self.texts),
            "files": [dict(vars(one)) for one in self.files],
            "version": self.version,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any] | None) -> Evidence:
        """The evidence of a row; none if there is no row."""
        if item is None:
            return cls()
        files = tuple(StoredFile(**one) for one in item["files"])
        return cls(item["texts"], files, item["version"])


def evidence_key(tenant: TenantScope, dispute_id: str) -> Key:
    """Where the evidence is, beside its dispute."""
    return Key("payments", tenant.pk("DP", dispute_id), "EVIDENCE")


def merged(
    before: Evidence, texts: Mapping[str, str], files: Iterable[GivenFile], *, takes_files: bool
) -> Evidence:
    """The evidence with what was given now. An empty text takes its field away.

    Raises FarthingError for what cannot be taken: too much of it, or a document that is not what it
    says, or that this acquirer does not take.
    """
    given = list(files)
    if given and not takes_files:
        raise invalid("files", "this acquirer takes texts alone")
    for number, one in enumerate(given):
        _require_content(f"files.{number}", one)
    all_texts = {**before.texts, **texts}
    kept_texts = {name: text for name, text in all_texts.items() if text}
    if sum(map(len, kept_texts.values())) > TEXTS_LENGTH_MAX:
        raise invalid("body", f"all texts together have at most {TEXTS_LENGTH_MAX} characters")
    kept = {one.purpose: one for one in before.files}
    kept |= {one.purpose: one.stored() for one in given}
    if sum(one.size_bytes for one in kept.values()) > FILES_BYTES_MAX:
        raise invalid("files", f"all documents together have at most {FILES_BYTES_MAX} bytes")
    return replace(
        before,
        texts=kept_texts,
        files=tuple(kept[purpose] for purpose in sorted(kept)),
        version=before.version + 1,
    )


def show_evidence(evidence: Evidence) -> dict[str, Any]:
    """What there is, as the API shows it."""
    return {
        "texts": dict(evidence.texts),
        "files": [
            {name: value for name, value in vars(one).items() if name != "key"}
            for one in evidence.files
        ],
    }


def _require_content(name: str, given: GivenFile) -> None:
    if not given.content.startswith(SIGNATURES[given.content_type]):
        raise invalid(f"{name}.content", f"is no {given.content_type}")
