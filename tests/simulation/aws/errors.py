"""botocore's ClientError in the shape that each service's client raises, made cheaply.

A simulation raises a failed condition some hundred times a second, so an error is built without
formatting what nobody reads. Each has its own response: whoever injects a retry may write
`RetryAttempts` into its metadata, as the SDK does.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.exceptions import ClientError

_SERVER_FAULTS = frozenset({"InternalServerError", "ServiceUnavailable", "KMSInternalException"})


@cache
def error_class(name: str) -> type[ClientError]:
    """The class of a modelled error, the same for every client of this process."""
    return type(name, (ClientError,), {})


class Exceptions:
    """What a client has as `exceptions`: its modelled errors as attributes."""

    ClientError = ClientError

    def __init__(self, *names: str) -> None:
        for name in names:
            setattr(self, name, error_class(name))


def client_error(
    operation: str, name: str, message: str, *, code: str | None = None, **fields: Any
) -> ClientError:
    """An error that a client of AWS raises. `code` is given where it is not the class's name."""
    kind = error_class(name)
    error: Any = kind.__new__(kind, f"{operation}: {name}: {message}")
    error.operation_name = operation
    error.response = {
        "Error": {"Code": code or name, "Message": message},
        "ResponseMetadata": {
            "HTTPStatusCode": 500 if name in _SERVER_FAULTS else 400,
            "RetryAttempts": 0,
        },
        **fields,
    }
    made: ClientError = error
    return made


def answer(**fields: Any) -> dict[str, Any]:
    """An answer of a client, with the metadata that every one has."""
    fields["ResponseMetadata"] = {"HTTPStatusCode": 200, "RetryAttempts": 0}
    return fields
