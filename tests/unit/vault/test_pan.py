"""A card number does not show by accident."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import asdict

import pytest

from farthing.vault.bodies import CreateToken
from farthing.vault.card import Card
from farthing.vault.pan import Pan
from farthing.vault.typed_card import TypedCard
from tests.support.vault import NUMBER, card


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        lambda pan: f"{pan}",
        lambda pan: f"{pan:>40}",
        lambda pan: f"{pan!r}",
        lambda pan: "%s %r" % (pan, pan),  # noqa: UP031
        lambda pan: f"{[pan]} { {'n': pan} }",
        lambda pan: str(ValueError(pan)),
        lambda pan: logging.makeLogRecord({"msg": "%s", "args": (pan,)}).getMessage(),
    ],
)
def test_every_way_to_text_is_masked(show) -> None:  # type: ignore[no-untyped-def]
    assert "4242" not in show(Pan(NUMBER))


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash])
def test_it_cannot_be_taken_elsewhere(take) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError):
        take(Pan(NUMBER))


def test_what_holds_a_number_does_not_show_it_either() -> None:
    held = Card(Pan(NUMBER), 12, 2040, cvc="987")
    typed = TypedCard(Pan(NUMBER), 12, 2040, cvc="987", name="Ada")
    body = CreateToken.model_validate(card(cvc="987"))
    for shown in (repr(held), repr(typed), repr(body), str(body), body.model_dump_json()):
        assert NUMBER not in shown
        assert "987" not in shown
    with pytest.raises(TypeError):
        asdict(held)


def test_the_connector_gets_the_digits() -> None:
    assert Card(Pan(NUMBER), 12, 2040, "987").reveal() == {
        "number": NUMBER,
        "exp_month": 12,
        "exp_year": 2040,
        "cvc": "987",
    }
    assert "cvc" not in Card(Pan(NUMBER), 12, 2040).reveal()
