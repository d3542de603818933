"""What the frame knows of accounts is what the server knows: it refuses none that would pay."""

from __future__ import annotations

import re

from farthing import iban
from farthing.vault import typed_account
from tests.support.template import ROOT

FRAME = ROOT / "web" / "fields" / "frame"


def test_the_frame_knows_the_same_countries_and_lengths() -> None:
    source = (FRAME / "iban.js").read_text()
    listed = source[source.index("const COUNTRIES") : source.index(";")]
    known = {
        country: int(length) for country, length in re.findall(r"\b([A-Z]{2})(\d\d)\b", listed)
    }
    assert known == iban.LENGTHS


def test_the_frame_knows_the_same_routing_and_account_numbers() -> None:
    source = (FRAME / "ach.js").read_text()

    def constant(name: str) -> str:
        found = re.search(rf"{name} = (.*);", source)
        assert found is not None
        return found[1]

    prefix = constant("ROUTING_PREFIX").strip("/")
    taken = {number for number in range(100) if re.match(prefix, f"{number:02d}")}
    assert taken == typed_account._ROUTING_PREFIXES
    assert tuple(map(int, constant("ROUTING_WEIGHTS").strip("[]").split(", "))) == (
        typed_account._ROUTING_WEIGHTS
    )
    assert int(constant("ROUTING_LENGTH")) == typed_account.ROUTING_LENGTH
    lengths = (int(constant("ACCOUNT_LENGTH_MIN")), int(constant("ACCOUNT_LENGTH_MAX")))
    assert lengths == (typed_account.ACCOUNT_LENGTH_MIN, typed_account.ACCOUNT_LENGTH_MAX)
