"""From a LightGBM booster to the artefact that is served without LightGBM.

It reads the booster's text, which holds every threshold and leaf with 17 digits: all of a double.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from farthing.fraud.model.artefact import ARRAYS, NODES_MAX, Artefact, Trees, check
from farthing_cli.failure import Failure

CATEGORICAL = 1


class _Tree:
    """One tree as LightGBM writes it, its numbers still counted from its own root."""

    def __init__(self, said: dict[str, str]) -> None:
        self.leaf = _floats(said, "leaf_value")
        self.leaf_count = _floats(said, "leaf_count") or [1.0]
        self.feature = _ints(said, "split_feature")
        self.flags = _ints(said, "decision_type")
        self.threshold = _floats(said, "threshold")
        self.left, self.right = _ints(said, "left_child"), _ints(said, "right_child")
        if said.get("is_linear", "0") != "0":
            raise Failure(
                "Trees with linear leaves cannot be packed: train with linear_tree=false."
            )
        if any(flag & CATEGORICAL for flag in self.flags):
            raise Failure("Categorical splits cannot be packed: give the features as numbers.")

    def expected(self) -> list[float]:
        """For each node the mean of the leaves below it, weighted by their rows of training."""
        nodes = len(self.feature)
        sums, counts = [0.0] * nodes, [0.0] * nodes
        for node in reversed(range(nodes)):  # children stand after their parents
            for child in (self.left[node], self.right[node]):
                if child >= 0:
                    sums[node] += sums[child]
                    counts[node] += counts[child]
                else:
                    count = max(self.leaf_count[~child], 1.0)
                    sums[node] += self.leaf[~child] * count
                    counts[node] += count
        return [total / count for total, count in zip(sums, counts, strict=True)]


def artefact_of(
    booster_text: str,
    name: str,
    *,
    calibration: Sequence[tuple[float, float]] = (),
    metrics: dict[str, Any] | None = None,
    card: dict[str, Any] | None = None,
) -> Artefact:
    """What `booster.model_to_string()` says, as an artefact.

    Raises Failure for a booster that is not a binary classifier made of plain numerical splits.
    """
    head, *trees = _blocks(booster_text)
    artefact = Artefact(
        name,
        features=tuple(head["feature_names"].split(" ")),
        trees=_joined([_Tree(said) for said in trees]),
        sigmoid=_sigmoid(head),
        calibration=tuple(calibration),
        metrics=metrics or {},
        card=card or {},
    )
    check(artefact)
    return artefact


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """The header's settings, then each tree's."""
    before, _, _ = text.partition("\nend of trees")
    for block in before.split("\nTree="):
        lines = (line.partition("=") for line in block.splitlines())
        yield {name: value for name, is_pair, value in lines if is_pair} | (
            {"average_output": "1"} if "\naverage_output" in block else {}
        )


def _sigmoid(head: dict[str, str]) -> float:
    kind, *settings = head.get("objective", "none").split(" ")
    if kind != "binary" or head.get("num_class", "1") != "1":
        raise Failure(f"Only a binary classifier can be packed, not the objective {kind}.")
    if "average_output" in head:
        raise Failure("A random forest cannot be packed: train with boosting=gbdt.")
    said = dict(setting.split(":") for setting in settings if ":" in setting)
    return float(said.get("sigmoid", "1"))


def _joined(trees: list[_Tree]) -> Trees:
    empty: dict[str, Any] = {name: array(code) for name, code, _ in ARRAYS}
    joined = Trees(**empty)
    nodes = leaves = 0
    if sum(len(tree.leaf) for tree in trees) > NODES_MAX:
        raise Failure(
            "The model has more leaves than 16 bits can name: train fewer or smaller trees."
        )
    for tree in trees:

        def moved(child: int, nodes: int = nodes, leaves: int = leaves) -> int:
            return child + nodes if child >= 0 else child - leaves

        joined.roots.append(moved(0 if tree.feature else -1))
        joined.feature.extend(tree.feature)
        joined.flags.extend(tree.flags)
        joined.threshold.extend(tree.threshold)
        joined.left.extend(map(moved, tree.left))
        joined.right.extend(map(moved, tree.right))
        joined.expected.extend(tree.expected())
        joined.leaf.extend(tree.leaf)
        nodes, leaves = nodes + len(tree.feature), leaves + len(tree.leaf)
    return joined


def _floats(said: dict[str, str], name: str) -> list[float]:
    return [float(word) for word in said.get(name, "").split()]


def _ints(said: dict[str, str], name: str) -> list[int]:
    return [int(word) for word in said.get(name, "").split()]
