"""Exactly one default, after any number of changes in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.errors import FarthingError
from farthing.payments.customer_methods import METHODS_PER_CUSTOMER_MAX, SavedMethods

STEPS = st.lists(
    st.tuples(st.sampled_from(["attach", "attach as default", "detach", "prefer"]), st.integers(0)),
    max_size=40,
)


@given(STEPS)
def test_exactly_one_default_while_there_are_methods(steps: list[tuple[str, int]]) -> None:
    methods = SavedMethods()
    for number, (step, place) in enumerate(steps):
        before = methods
        if step.startswith("attach"):
            id_ = f"pm_{number:03d}"
            methods = methods.attach(id_, as_default=step != "attach")
            assert methods.ids == (*before.ids, id_)
            wanted = id_ if step != "attach" or not before.ids else before.default_id
            assert methods.default_id == wanted
        elif methods.ids:
            id_ = methods.ids[place % len(methods.ids)]
            if step == "prefer":
                methods = methods.prefer(id_)
                assert methods == SavedMethods(before.ids, id_)
            else:
                methods = methods.detach(id_)
                assert id_ not in methods.ids
                if id_ != before.default_id:
                    assert methods.default_id == before.default_id
                elif methods.ids:
                    assert methods.default_id == max(methods.ids)
        assert (methods.default_id in methods.ids) if methods.ids else methods.default_id is None


@pytest.mark.parametrize(
    ("ids", "default"), [(("a",), None), ((), "a"), (("a",), "b"), (("a", "a"), "a")]
)
def test_a_state_that_breaks_the_rule_cannot_be_made(
    ids: tuple[str, ...], default: str | None
) -> None:
    with pytest.raises(ValueError):
        SavedMethods(ids, default)


def test_there_is_an_end_to_it() -> None:
    full = SavedMethods(tuple(str(n) for n in range(METHODS_PER_CUSTOMER_MAX)), "0")
    with pytest.raises(FarthingError) as refused:
        full.attach("more", as_default=False)
    assert refused.value.code.status == 400
