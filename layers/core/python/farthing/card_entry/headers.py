"""The headers with which the frame and its files are served: what a browser lets them do.

`farthing fields check` compares them with what a browser is really sent (PCI DSS 11.6.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

YEAR_SECONDS = 365 * 24 * 3600
LOADER_SECONDS = 300
"""How long a page may go on with the loader that it has, where it does not name one by its hash."""

NOT_NEEDED = (
    "accelerometer",
    "camera",
    "clipboard-read",
    "display-capture",
    "geolocation",
    "gyroscope",
    "microphone",
    "midi",
    "payment",
    "usb",
)

_ALWAYS = {
    "Strict-Transport-Security": f"max-age={YEAR_SECONDS}",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_DOCUMENT = {
    **_ALWAYS,
    "Cache-Control": "no-store",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in NOT_NEEDED),
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Origin-Agent-Cluster": "?1",
}


def frame_policy(origins: Iterable[str]) -> str:
    """The frame's Content-Security-Policy: its own files, its own origin, these embedders."""
    return _policy(
        {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "connect-src": "'self'",
            "img-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": " ".join(origins) or "'none'",
            "require-trusted-types-for": "'script'",
            "trusted-types": "'none'",
        }
    )


def frame_headers(origins: Iterable[str]) -> dict[str, str]:
    """Those of the frame."""
    return {**_DOCUMENT, "Content-Security-Policy": frame_policy(origins)}


def refused_headers() -> dict[str, str]:
    """Those of a page that does nothing, and that nobody may embed."""
    nothing = {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {**_DOCUMENT, "Content-Security-Policy": _policy(nothing)}


def file_headers(*, is_for_other_pages: bool) -> dict[str, str]:
    """Those of a file whose name holds its hash: it is the same for ever.

    The loader is for merchants' pages, which need CORS to compare it with its hash; all else is
    for the frame.
    """
    return {
        **_ALWAYS,
        **_shared(is_for_other_pages),
        "Cache-Control": f"public, max-age={YEAR_SECONDS}, immutable",
    }


def loader_headers() -> dict[str, str]:
    """Those of the loader under its plain name."""
    return {
        **_ALWAYS,
        **_shared(True),
        "Cache-Control": f"public, max-age={LOADER_SECONDS}",
    }


def _shared(is_for_other_pages: bool) -> dict[str, str]:
    if is_for_other_pages:
        return {"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*"}
    return {"Cross-Origin-Resource-Policy": "same-origin"}


def _policy(directives: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in directives.items())
