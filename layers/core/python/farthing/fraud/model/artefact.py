"""The file of a model: packed arrays behind a header that is checked before anything is used.

    at   bytes  what
    0    8      magic, b"FARTHING"
    8    2      format version, unsigned
    10   32     SHA-256 of everything after it
    42   4      length of the description, unsigned
    46   …      description: JSON, UTF-8
    …    …      the arrays of ARRAYS, in that order, each as long as the description's counts say

All numbers are little-endian. A node's child is another node's number, or ~n for leaf n. A child
node stands after its parent, so every walk ends. Nothing in the file is ever run: a wrong file is
a `BadModel`, and the SHA-256 is against accidents, not against forgery.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import sys
from array import array
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

MAGIC: Final = b"FARTHING"
FORMAT_VERSION: Final = 1
FILE_BYTES_MAX: Final = 1_000_000
FEATURES_MAX: Final = 255
NODES_MAX: Final = 32_767
"""Children are 16 bits wide, with their sign."""

DEFAULT_LEFT: Final = 2
MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 4, 8
_FLAGS = {m | left for m in (MISSING_NONE, MISSING_ZERO, MISSING_NAN) for left in (0, DEFAULT_LEFT)}

_HEAD = struct.Struct("<8sH32s")
_LENGTH = struct.Struct("<I")

ARRAYS: Final = (
    ("roots", "h", "trees"),
    ("feature", "B", "nodes"),
    ("flags", "B", "nodes"),
    ("threshold", "d", "nodes"),
    ("left", "h", "nodes"),
    ("right", "h", "nodes"),
    ("expected", "f", "nodes"),
    ("leaf", "d", "leaves"),
)
"""Name, type code of `array`, and which count gives the length. `flags` are LightGBM's own: the
default direction and what counts as missing. `expected` is the mean of the leaves below a node."""


class BadModel(ValueError):
    """The file is not a model that this version can use; the message says why."""


@dataclass(frozen=True)
class Trees:
    """All trees of a model, one behind the other."""

    roots: array[int]
    feature: array[int]
    flags: array[int]
    threshold: array[float]
    left: array[int]
    right: array[int]
    expected: array[float]
    leaf: array[float]


@dataclass(frozen=True)
class Artefact:
    """A model as it is kept.

    `calibration` maps a probability of the trees to the score that is shown, by straight lines
    between its points; without points the score is the probability. `card` says on what the model
    was trained, and `metrics` how well it did on later payments.
    """

    name: str
    features: tuple[str, ...]
    trees: Trees
    sigmoid: float = 1.0
    calibration: tuple[tuple[float, float], ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)


def pack(artefact: Artefact) -> bytes:
    """The file's bytes; the same artefact gives the same bytes. Raises BadModel."""
    check(artefact)
    trees = artefact.trees
    description = {
        "name": artefact.name,
        "features": artefact.features,
        "sigmoid": artefact.sigmoid,
        "calibration": artefact.calibration,
        "metrics": artefact.metrics,
        "card": artefact.card,
        "counts": {
            "trees": len(trees.roots),
            "nodes": len(trees.feature),
            "leaves": len(trees.leaf),
        },
    }
    try:
        text = json.dumps(description, allow_nan=False, separators=(",", ":"), sort_keys=True)
    except ValueError as error:
        raise BadModel(f"the model's description cannot be written: {error}") from None
    encoded = text.encode()
    arrays = b"".join(_little(getattr(trees, name)).tobytes() for name, _, _ in ARRAYS)
    body = _LENGTH.pack(len(encoded)) + encoded + arrays
    packed = _HEAD.pack(MAGIC, FORMAT_VERSION, hashlib.sha256(body).digest()) + body
    if len(packed) > FILE_BYTES_MAX:
        raise BadModel(f"the model has {len(packed)} bytes, at most {FILE_BYTES_MAX} are read")
    return packed


def unpack(data: bytes) -> Artefact:
    """The artefact in a file's bytes, every part of it checked. Raises BadModel."""
    body = _checked_body(data)
    (length,) = _LENGTH.unpack_from(body)
    start = _LENGTH.size + length
    if start > len(body):
        raise BadModel("the description is longer than the file")
    description = _description(body[_LENGTH.size : start])
    try:
        counts = {
            name: _count(description["counts"][name]) for name in ("trees", "nodes", "leaves")
        }
        artefact = Artefact(
            name=str(description["name"]),
            features=tuple(str(name) for name in description["features"]),
            trees=_trees(body, start, counts),
            sigmoid=float(description["sigmoid"]),
            calibration=tuple((float(x), float(y)) for x, y in description["calibration"]),
            metrics=dict(description["metrics"]),
            card=dict(description["card"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, BadModel):
            raise
        raise BadModel(f"the description is not one of a model: {error!r}") from None
    check(artefact)
    return artefact


def digest(data: bytes) -> str:
    """The SHA-256 in the header, by which a decision names the model that made it."""
    _checked_body(data)
    return bytes(_HEAD.unpack_from(data)[2]).hex()


def check(artefact: Artefact) -> None:
    """Raises BadModel unless every walk through the trees ends at a leaf with a finite value."""
    trees, names = artefact.trees, artefact.features
    nodes, leaves = len(trees.feature), len(trees.leaf)
    _require(0 < len(names) <= FEATURES_MAX, f"{len(names)} features")
    _require(len(set(names)) == len(names), "two features have the same name")
    _require(nodes <= NODES_MAX and leaves <= NODES_MAX, f"{nodes} nodes and {leaves} leaves")
    for name, _, _ in ARRAYS[1:-1]:
        _require(len(getattr(trees, name)) == nodes, f"{name} is not as long as there are nodes")
    _require(
        max(trees.feature, default=0) < len(names), "a node asks for a feature beyond the last"
    )
    _require(_FLAGS.issuperset(trees.flags), "a node's flags are unknown")
    # A threshold may be infinite: LightGBM parts what is missing from all that is not by it.
    _require(not any(map(math.isnan, trees.threshold)), "a threshold is not a number")
    for name in ("expected", "leaf"):
        _require(all(map(math.isfinite, getattr(trees, name))), f"a {name} is not finite")
    for children in (trees.left, trees.right):
        _require(
            all(node < child < nodes for node, child in enumerate(children) if child >= 0),
            "a node's child does not stand after it",
        )
    for ends in (trees.left, trees.right, trees.roots):
        _require(min(ends, default=0) >= -leaves, "a leaf is named that is not there")
    _require(max(trees.roots, default=-1) < nodes, "a tree begins after the last node")
    _require(math.isfinite(artefact.sigmoid) and artefact.sigmoid > 0, "sigmoid is not positive")
    _check_calibration(artefact.calibration)


def _check_calibration(points: tuple[tuple[float, float], ...]) -> None:
    inside = all(0 <= x <= 1 and 0 <= y <= 1 for x, y in points)
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(points))
    _require(len(points) != 1 and inside and rising, "the calibration does not rise from 0 to 1")


def _checked_body(data: bytes) -> bytes:
    if len(data) > FILE_BYTES_MAX:
        raise BadModel(f"the file has {len(data)} bytes, at most {FILE_BYTES_MAX} are read")
    if not data.startswith(MAGIC):
        raise BadModel("the file does not begin like a model")
    if len(data) < _HEAD.size + _LENGTH.size:
        raise BadModel("the file ends within its header")
    _, version, sha256 = _HEAD.unpack_from(data)
    if version > FORMAT_VERSION:
        raise BadModel(
            f"the file is of format {version}, this version reads up to {FORMAT_VERSION}"
        )
    if version != FORMAT_VERSION:
        raise BadModel(f"there is no format {version}")
    body = data[_HEAD.size :]
    if hashlib.sha256(body).digest() != sha256:
        raise BadModel("the file is damaged: its SHA-256 is not the one in its header")
    return body


def _description(encoded: bytes) -> dict[str, Any]:
    try:
        found = json.loads(encoded, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadModel(f"the description is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadModel("the description is not an object")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= NODES_MAX:
        raise BadModel(f"{value!r} is no count")
    return value


def _trees(body: bytes, start: int, counts: dict[str, int]) -> Trees:
    found: dict[str, Any] = {}
    for name, code, count in ARRAYS:
        values = array(code)
        end = start + counts[count] * values.itemsize
        if end > len(body):
            raise BadModel(f"the file ends within its {name}")
        values.frombytes(body[start:end])
        found[name], start = _little(values), end
    if start != len(body):
        raise BadModel(f"{len(body) - start} bytes stand behind the last array")
    return Trees(**found)


def _little(values: array[Any]) -> array[Any]:
    """As it is in the file, or back: this machine's order of bytes may be the other one."""
    if sys.byteorder == "little":
        return values
    swapped = array(values.typecode, values)
    swapped.byteswap()
    return swapped


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BadModel(otherwise)
