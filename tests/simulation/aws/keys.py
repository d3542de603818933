"""Keys and indexed attributes: which DynamoDB takes. Every key here is text, as the template's."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulation.aws.grammar import Invalid
from tests.simulation.aws.index import Key
from tests.simulation.aws.values import Item

PARTITION_KEY_BYTES_MAX = 2048
SORT_KEY_BYTES_MAX = 1024
SHORT_ENOUGH = SORT_KEY_BYTES_MAX // 4
"""So many characters of text are never too many bytes."""


def key_of_item(item: Item) -> Key:
    """The key of a whole item. Raises Invalid."""
    try:
        pk, sk = item["pk"]["S"], item["sk"]["S"]
    except KeyError:
        raise Invalid(_why_no_key(item)) from None
    if not pk or not sk:
        raise Invalid(_empty("pk" if not pk else "sk"))
    _check_length(pk, sk)
    return pk, sk


def key_of(key: Item) -> Key:
    """The key that a call names. Raises Invalid."""
    if len(key) != 2 or "pk" not in key or "sk" not in key:
        raise Invalid("The provided key element does not match the schema")
    try:
        pk, sk = key["pk"]["S"], key["sk"]["S"]
    except KeyError:
        raise Invalid("The provided key element does not match the schema") from None
    if not pk or not sk:
        raise Invalid(_empty("pk" if not pk else "sk"))
    _check_length(pk, sk)
    return pk, sk


def place_of(arguments: Mapping[str, Item]) -> Key:
    """The key of a write by its arguments. Raises Invalid."""
    return key_of(arguments["Key"]) if "Key" in arguments else key_of_item(arguments["Item"])


def check_indexed(item: Item, schemas: Mapping[str, tuple[str, str]]) -> None:
    """Raises Invalid for an attribute that an index cannot have as its key."""
    for index, schema in schemas.items():
        for name in schema:
            value = item.get(name)
            if value is None:
                continue
            text = value.get("S")
            if text is None:
                raise Invalid(
                    "One or more parameter values were invalid: Type mismatch for Index Key "
                    f"{name} Expected: S Actual: {next(iter(value))} IndexName: {index}"
                )
            if not text:
                raise Invalid(
                    "One or more parameter values are not valid. A value specified for a "
                    "secondary index key is not supported. The AttributeValue for a key "
                    "attribute cannot contain an empty string value. IndexName: "
                    f"{index}, IndexKey: {name}"
                )


def _check_length(pk: str, sk: str) -> None:
    if len(pk) + len(sk) < SHORT_ENOUGH:
        return
    if len(pk.encode()) > PARTITION_KEY_BYTES_MAX:
        raise Invalid(
            "One or more parameter values were invalid: Size of hashkey has exceeded the "
            f"maximum size limit of {PARTITION_KEY_BYTES_MAX} bytes"
        )
    if len(sk.encode()) > SORT_KEY_BYTES_MAX:
        raise Invalid(
            "One or more parameter values were invalid: Aggregated size of all range keys "
            f"has exceeded the size limit of {SORT_KEY_BYTES_MAX} bytes"
        )


def _empty(name: str) -> str:
    return (
        "One or more parameter values are not valid. The AttributeValue for a key attribute "
        f"cannot contain an empty string value. Key: {name}"
    )


def _why_no_key(item: Item) -> str:
    for name in ("pk", "sk"):
        if name not in item:
            return f"One or more parameter values were invalid: Missing the key {name} in the item"
        if "S" not in item[name]:
            return (
                f"One or more parameter values were invalid: Type mismatch for key {name} "
                f"expected: S actual: {next(iter(item[name]))}"
            )
    raise AssertionError("the item has a key")
