"""The model card: what a model was trained on and how well it did, for people."""

from __future__ import annotations

import json
from typing import Any

from farthing.fraud.model.artefact import Artefact
from farthing.fraud.model.features import FEATURES

WARNING = (
    "Scores of another merchant's payments than those that a model was trained on are worth less "
    "than these numbers say. Before it blocks anything, let it run beside your rules and look at "
    "what it would have done."
)


def markdown(artefact: Artefact, sha256: str, size_bytes: int) -> str:
    """The card as a page."""
    card, trees = artefact.card, artefact.trees
    lines = [
        f"# Model card: {artefact.name}",
        "",
        f"**Trained on {card.get('trained_on', 'nobody knows what')}.** {WARNING}",
        "",
        f"- SHA-256 `{sha256}`, {size_bytes:,} bytes",
        f"- {len(trees.roots)} trees with {len(trees.leaf):,} leaves, LightGBM",
        f"- {len(artefact.calibration)} points of calibration",
        *(f"- {name.replace('_', ' ')}: {_text(value)}" for name, value in card.items()),
        "",
        "## On payments that it did not learn from",
        "",
        "| measure | value |",
        "| --- | --- |",
        *(f"| {name.replace('_', ' ')} | {value} |" for name, value in artefact.metrics.items()),
        "",
        "## What it looks at",
        "",
        "| feature | is |",
        "| --- | --- |",
        *(f"| `{name}` | {FEATURES.get(name, '')} |" for name in artefact.features),
        "",
    ]
    return "\n".join(lines)


def as_json(artefact: Artefact, sha256: str) -> str:
    """The card for programs."""
    said: dict[str, Any] = {
        "name": artefact.name,
        "sha256": sha256,
        "features": artefact.features,
        "calibration": artefact.calibration,
        "metrics": artefact.metrics,
        "card": artefact.card,
    }
    return json.dumps(said, indent=2) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={each}" for name, each in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
