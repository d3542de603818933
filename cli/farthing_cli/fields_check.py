"""What a browser is really sent as the card frame, against what was built (PCI DSS 11.6.1).

The measure is the checkout that runs this: its scripts.json, its built page, and the headers that
its code sets. Whoever changes a file or a header on the way, or adds one, makes a difference.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import urllib3

from farthing.access.origin import is_origin
from farthing.card_entry.headers import file_headers, frame_headers, loader_headers
from farthing_cli.card_frame import BASE, File, loaded_by
from farthing_cli.failure import Failure

CONNECT_SECONDS = 5
READ_SECONDS = 30
BODY_BYTES_MAX = 1_000_000
LOADER = "fields.js"
POLICY = "content-security-policy"
EMBEDDERS = "frame-ancestors"

OF_THE_WAY = frozenset(
    {
        "age", "alt-svc", "connection", "content-encoding", "content-length", "date",
        "keep-alive", "server", "transfer-encoding", "vary", "via", "x-cache",
    }
)  # fmt: skip
"""Headers that servers between us and a browser set, and that change nothing in the page."""
OF_AWS = ("x-amz-", "x-amzn-")

TYPES = {"loader": "text/javascript", "script": "text/javascript", "style": "text/css"}


@dataclass(frozen=True)
class Received:
    """An answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Difference:
    """Where something is not as it was built, and what."""

    where: str
    what: str


Fetch = Callable[[str], Received]


def fetcher(url: str) -> Fetch:
    """Fetches paths below `url` as a browser would. Raises Failure if nobody answers."""
    pool = urllib3.PoolManager(
        retries=False, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    )

    def fetch(path: str) -> Received:
        try:
            answer = pool.request(
                "GET", url.rstrip("/") + path, redirect=False, preload_content=False
            )
            body = answer.read(BODY_BYTES_MAX, decode_content=True)
        except urllib3.exceptions.HTTPError as error:
            raise Failure(f"{url} does not answer: {error}") from None
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Received(answer.status, headers, body)

    return fetch


def differences(
    fetch: Fetch, built: Sequence[File], key: str, origins: Sequence[str] | None
) -> list[Difference]:
    """All that is otherwise than built. `origins` are who may embed, None for any real ones."""
    found: list[Difference] = []
    for file in built:
        if file.kind == "page":
            found += _frame(fetch, file, built, key, origins)
        else:
            headers = file_headers(is_for_other_pages=file.kind == "loader")
            found += _file(fetch, file.path, file, headers)
        if file.kind == "loader":
            found += _file(fetch, LOADER, file, loader_headers())
    return found


def _frame(
    fetch: Fetch, page: File, built: Sequence[File], key: str, origins: Sequence[str] | None
) -> Iterator[Difference]:
    received = fetch(f"{BASE}/frame?key={key}")
    if received.status != 200:
        yield Difference("frame", f"status {received.status}: is this key one of a merchant?")
        return
    ancestors = directives(received.headers.get(POLICY, "")).get(EMBEDDERS, "").split()
    are_real = bool(ancestors) and all(map(is_origin, ancestors))
    if not are_real or (origins is not None and set(ancestors) != set(origins)):
        yield Difference("frame", f"may be embedded by {' '.join(ancestors) or 'everybody'}")
    yield from _headers("frame", received, frame_headers(ancestors), "text/html")
    if integrity(received.body) != page.integrity:
        yield Difference("frame", "the page is not the one that was built")
    known = {(file.kind, file.path, file.integrity) for file in built}
    for one in loaded_by(received.body.decode(errors="replace")):
        if (one.kind, one.path, one.integrity) not in known:
            what = one.path or "in the page itself"
            yield Difference("frame", f"a {one.kind} that nobody listed: {what}")


def _file(fetch: Fetch, path: str, file: File, headers: Mapping[str, str]) -> Iterator[Difference]:
    received = fetch(f"{BASE}/{path}")
    if received.status != 200:
        yield Difference(path, f"status {received.status}")
        return
    if integrity(received.body) != file.integrity:
        yield Difference(path, "is not what was built")
    yield from _headers(path, received, headers, TYPES[file.kind])


def _headers(
    where: str, received: Received, wanted: Mapping[str, str], content_type: str
) -> Iterator[Difference]:
    expected = {name.lower(): value for name, value in wanted.items()}
    expected["content-type"] = f"{content_type}; charset=utf-8"
    for name, value in expected.items():
        got = received.headers.get(name)
        if got is None:
            yield Difference(where, f"{name} is missing")
        elif not _same(name, got, value):
            yield Difference(where, f"{name} is {got!r}")
    for name in received.headers:
        if name not in expected and name not in OF_THE_WAY and not name.startswith(OF_AWS):
            yield Difference(where, f"{name} was added: {received.headers[name]!r}")


def _same(name: str, got: str, wanted: str) -> bool:
    return directives(got) == directives(wanted) if name == POLICY else got == wanted


def directives(policy: str) -> dict[str, str]:
    """A Content-Security-Policy by directive. Of two of a name, browsers take the first."""
    found: dict[str, str] = {}
    for part in policy.split(";"):
        name, _, value = part.strip().partition(" ")
        if name:
            found.setdefault(name.lower(), " ".join(value.split()))
    return found


def integrity(content: bytes) -> str:
    """As a script tag says it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()
