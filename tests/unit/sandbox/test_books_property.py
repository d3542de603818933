"""Whatever is asked in whatever order, the books never show more than was authorized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

AUTHORIZED = 10
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["capture", "void", "refund", "refund", "repeat"]),
        st.integers(1, AUTHORIZED + 1),
    ),
    max_size=8,
)


@given(taken=st.booleans(), steps=STEPS)
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_refunded_at_most_captured_at_most_authorized(
    client: Client, taken: bool, steps: list[tuple[str, int]]
) -> None:
    # Given a charge
    charge = client.authorize(amount_cents=AUTHORIZED, capture=taken)
    last = None
    for kind, amount in steps:
        # When anything is asked, or the last request is repeated
        if kind != "repeat":
            last = (f"/v1/{kind}s", client.following(kind, charge, amount_cents=amount))
        if last is not None:
            client.ask(*last)
        # Then the books hold
        rows = client.books(order_id=charge["order_id"])
        done = [(operation, cents) for operation, cents, status in rows if status == "APPROVED"]
        captured = sum(cents for operation, cents in done if operation == "CAPTURE")
        refunded = sum(cents for operation, cents in done if operation == "REFUND")
        operations = [operation for operation, _ in done]
        assert refunded <= captured <= AUTHORIZED
        assert operations.count("CAPTURE") <= 1
        assert operations.count("VOID") <= 1
        if "VOID" in operations:
            assert operations == ["VOID"]
