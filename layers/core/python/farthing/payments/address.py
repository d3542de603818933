"""Where an operation is."""

from __future__ import annotations

from dataclasses import dataclass

from farthing.store import Key, TenantScope


@dataclass(frozen=True)
class Address:
    """Where an operation's row is. Its text is all that `charge` is ever told."""

    tenant: TenantScope
    intent_id: str
    operation_id: str

    @property
    def key(self) -> Key:
        """The row."""
        return Key("payments", self.tenant.pk("PI", self.intent_id), f"OP#{self.operation_id}")

    def __str__(self) -> str:
        tenant = self.tenant
        return "/".join((tenant.merchant_id, tenant.mode, self.intent_id, self.operation_id))

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address of a text. Raises ValueError for anything else."""
        merchant_id, mode, intent_id, operation_id = text.split("/")
        return cls(TenantScope(merchant_id, mode), intent_id, operation_id)
