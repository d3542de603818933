"""What each kind of key may call: one table, for the gateway's policy and for our own edge.

A publishable key is in every page of the merchant's shop. It makes tokens, and reads how a checkout
session stands whose id it is told. A checkout key is in one payer's browser: it makes tokens for
its own session, reads it and pays it, and when the session is over it only reads. A secret key does
everything but pay a session: that is done from the payer's own address. To work on breaks it needs
a scope that it is only given if the operator says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from farthing.access.principal import KeyKind, Principal

ANY = "*"


@dataclass(frozen=True)
class Allowed:
    """A method and a path. `*` as a part of the path is any id, and as the whole of it any path."""

    method: str
    path: str

    @property
    def resource(self) -> str:
        """As the end of a resource in a policy of API Gateway."""
        return f"{self.method}/{self.path.removeprefix('/')}"

    def covers(self, method: str, path: str) -> bool:
        """Whether a call is one of these."""
        if self.path == ANY:
            return True
        pattern = re.escape(self.path).replace(re.escape(ANY), "[^/]+")
        return self.method == method and re.fullmatch(pattern, path) is not None


SESSIONS = "/v1/checkout_sessions"
TOKENS = Allowed("POST", "/v1/tokens")
PAYING = Allowed("POST", f"{SESSIONS}/{ANY}/pay")
ON_BREAKS = Allowed("POST", f"/v1/breaks/{ANY}/{ANY}")


def routes_of(principal: Principal) -> tuple[Allowed, ...]:
    """All that the key may call; whether it has the scope for it is asked besides."""
    match principal.kind:
        case KeyKind.SECRET:
            return (Allowed(ANY, ANY),)
        case KeyKind.PUBLISHABLE:
            return (TOKENS, Allowed("GET", f"{SESSIONS}/{ANY}"))
        case KeyKind.CHECKOUT:
            own = f"{SESSIONS}/{principal.session_id}"
            reading = (Allowed("GET", own),)
            paying = (TOKENS, Allowed("POST", f"{own}/pay"))
            return reading + paying if "tokens" in principal.scopes else reading


def may_call(principal: Principal, method: str, path: str) -> bool:
    """Whether this key is for this call at all."""
    if principal.kind is KeyKind.SECRET and PAYING.covers(method, path):
        return False
    return any(allowed.covers(method, path) for allowed in routes_of(principal))
