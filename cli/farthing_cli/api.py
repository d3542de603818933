"""The API as a merchant's own program calls it: an address and a secret key.

Both are in the environment, FARTHING_API_URL and FARTHING_SECRET_KEY, or they are those of the demo
merchant on the running local stack. A key is never an argument, which other users of the machine
and the shell's history would see.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from farthing_cli import state
from farthing_cli.failure import Failure

URL, KEY = "FARTHING_API_URL", "FARTHING_SECRET_KEY"
CONNECT_SECONDS, READ_SECONDS = 5, 35
PAGE_ITEMS_MAX = 100

Document = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """Whom to ask, and as which merchant."""

    url: str
    key: str = field(repr=False)

    @classmethod
    def of(cls) -> Api:
        """That of the environment, or the local stack's. Raises Failure if there is none."""
        url, key = os.environ.get(URL), os.environ.get(KEY)
        if not url and not key:
            running = state.running()
            return cls(running.api_url, running.secret_key)
        if not url or not key:
            raise Failure(f"Set {URL} and {KEY}, or neither: then it is the local stack.")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise Failure(f"{URL} is no address: https://…")
        return cls(url.rstrip("/"), key)

    def get(self, path: str, **query: str | int | None) -> Document:
        """What a path answers. Raises Failure with what the API says is wrong."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._checked("GET", f"{path}?{urlencode(asked)}" if asked else path)

    def file(self, path: str) -> bytes:
        """A file that a path gives. Raises Failure with what the API says is wrong."""
        status, content = self._request("GET", path)
        if status >= 400:
            raise Failure(in_words(status, self._document(path, status, content)))
        return content

    def post(self, path: str, body: Document | None = None, key: str | None = None) -> Document:
        """What comes of a write. `key` is its Idempotency-Key, which what moves money needs. Raises
        Failure."""
        return self._checked("POST", path, body or {}, key)

    def delete(self, path: str) -> Document:
        """What comes of a deletion. Raises Failure."""
        return self._checked("DELETE", path)

    def listed(
        self, path: str, id_name: str, items_max: int, **query: str | None
    ) -> Iterator[Document]:
        """The newest of a list, page by page. `id_name` is the field that a cursor names."""
        left, after = items_max, None
        while left > 0:
            page = self.get(path, limit=min(left, PAGE_ITEMS_MAX), starting_after=after, **query)
            yield from page["data"]
            if not page["has_more"] or not page["data"]:
                return
            left -= len(page["data"])
            after = str(page["data"][-1][id_name])

    def _checked(
        self, method: str, path: str, body: Document | None = None, key: str | None = None
    ) -> Document:
        status, answer = self.ask(method, path, body, key)
        if status >= 400:
            raise Failure(in_words(status, answer))
        return answer

    def ask(
        self, method: str, path: str, body: Document | None = None, key: str | None = None
    ) -> tuple[int, Document]:
        """One call. Raises Failure if there is no answer."""
        status, content = self._request(method, path, body, key)
        return status, self._document(path, status, content)

    def _request(
        self, method: str, path: str, body: Document | None = None, key: str | None = None
    ) -> tuple[int, bytes]:
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        sent = None if body is None else json.dumps(body).encode()
        try:
            with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
                answer = pool.request(method, self.url + path, body=sent, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise Failure(f"{self.url} does not answer: {error}") from None
        return answer.status, answer.data

    def _document(self, path: str, status: int, content: bytes) -> Document:
        try:
            document = json.loads(content)
        except ValueError:
            raise Failure(f"{self.url}{path} answers {status}, and no JSON.") from None
        if not isinstance(document, dict):
            raise Failure(f"{self.url}{path} is no API of Farthing's.")
        return document


def part(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")


def in_words(status: int, problem: Document) -> str:
    """A problem document for people: what is wrong, and each field's mistake on a line."""
    lines = [f"{status} {problem.get('code')}: {problem.get('detail')}"]
    lines += [f"  {one.get('field')}: {one.get('message')}" for one in problem.get("fields", [])]
    return "\n".join(lines)
