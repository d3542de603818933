"""The body of POST /v1/customers."""

from __future__ import annotations

from pydantic import Field

from farthing.http.fields import Email, Fields, FreeText, Metadata
from farthing.payments.customers import CustomerFields


class CreateCustomer(Fields):
    """Everything is optional: a customer may be an id to hang payment methods on."""

    email: Email | None = None
    name: FreeText | None = None
    description: FreeText | None = None
    metadata: Metadata = Field(default_factory=dict)

    def fields(self) -> CustomerFields:
        """For the use case."""
        return CustomerFields(self.email, self.name, self.description, self.metadata)
