"""What `fields` needs: the table of merchants and keys, and the files that it was packaged with."""

from __future__ import annotations

from pathlib import Path

from farthing import runtime
from farthing.card_entry.embedding import Embedding, embedding_of
from farthing.card_entry.served import Built


def embedding(key: str) -> Embedding:
    """Who may embed the frame for a key, now."""
    checkout = runtime.setting("CHECKOUT_ORIGIN", "").split(",")
    return embedding_of(runtime.system_store(), key, checkout, runtime.clock().now())


def built(folder: Path) -> Built:
    """The files, read once for the life of the process."""

    def read() -> Built:
        texts = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
        return Built.of(texts)

    return runtime.once(("built", folder), read)
