"""Standard Webhooks: the reference vector, the reference library, and what a receiver refuses."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from farthing.webhooks.signature import (
    SECRET_BYTES,
    SignatureRefused,
    make_secret,
    public_key,
    sign,
    signed_headers,
    verify,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_vector() -> None:
    assert sign(SECRET, ID, TIMESTAMP, BODY) == SIGNATURE


@given(entropy=st.binary(min_size=24, max_size=64), body=st.text(), second=st.integers(1, 2**32))
def test_the_reference_library_signs_alike(entropy: bytes, body: str, second: int) -> None:
    secret = make_secret(entropy)
    theirs = standardwebhooks.Webhook(secret)
    at = datetime.fromtimestamp(second, UTC)
    try:
        raw = body.encode()
    except UnicodeEncodeError:
        return
    assert sign(secret, "evt_1", second, raw) == theirs.sign("evt_1", at, body)


def test_the_reference_library_accepts_a_rotation() -> None:
    old, new = make_secret(b"o" * SECRET_BYTES), make_secret(b"n" * SECRET_BYTES)
    now = int(datetime.now(UTC).timestamp())
    headers = signed_headers([new, old], "evt_1", now, b'{"a":1}')
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert standardwebhooks.Webhook(secret).verify(b'{"a":1}', headers) == {"a": 1}
        verify([secret], headers, b'{"a":1}', now_seconds=now)


def test_our_own_check_accepts_what_we_sign() -> None:
    headers = signed_headers([SECRET], ID, TIMESTAMP, BODY)
    verify([SECRET], headers, BODY, now_seconds=TIMESTAMP + 300)
    verify([SECRET], headers, BODY, now_seconds=TIMESTAMP - 300)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("webhook-signature", ""),
        ("webhook-signature", "garbage"),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,a,b"),
        ("webhook-signature", "v1,abc"),
        ("webhook-signature", "v1,é"),
        ("webhook-signature", SIGNATURE.replace("v1,", "v2,")),
        ("webhook-signature", SIGNATURE.replace("g0h", "g0H")),
        ("webhook-id", ""),
        ("webhook-id", "msg.1"),
        ("webhook-id", "msg_other"),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", f"{TIMESTAMP}.0"),
        ("webhook-timestamp", f" {TIMESTAMP}"),
        ("webhook-timestamp", f"+{TIMESTAMP}"),
        ("webhook-timestamp", "٣"),
        ("webhook-timestamp", str(TIMESTAMP - 301)),
        ("webhook-timestamp", str(TIMESTAMP + 301)),
        ("webhook-timestamp", str(TIMESTAMP + 1)),
    ],
)
def test_every_refusal_is_one_exception(header: str, value: str) -> None:
    headers = signed_headers([SECRET], ID, TIMESTAMP, BODY) | {header: value}
    with pytest.raises(SignatureRefused):
        verify([SECRET], headers, BODY, now_seconds=TIMESTAMP)


def test_a_bad_signature_beside_a_good_one_does_no_harm() -> None:
    headers = signed_headers([SECRET], ID, TIMESTAMP, BODY)
    headers["webhook-signature"] = "v1,abc garbage " + headers["webhook-signature"]
    verify([SECRET], headers, BODY, now_seconds=TIMESTAMP)


def test_a_body_that_is_no_text_can_be_checked() -> None:
    headers = signed_headers([SECRET], ID, TIMESTAMP, b"\xff\x00")
    verify([SECRET], headers, b"\xff\x00", now_seconds=TIMESTAMP)
    with pytest.raises(SignatureRefused):
        verify([SECRET], headers, b"\xff\x01", now_seconds=TIMESTAMP)


def test_an_id_that_would_blur_what_is_signed_is_not_signed() -> None:
    with pytest.raises(ValueError, match="full stop"):
        sign(SECRET, "a.b", TIMESTAMP, BODY)


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_secret_has_24_to_64_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="24 to 64"):
        make_secret(bytes(size))


PRIVATE = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
ED25519 = (
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)


def test_the_reference_vector_of_v1a() -> None:
    assert sign(PRIVATE, ID, TIMESTAMP, BODY) == ED25519
    assert public_key(PRIVATE) == PUBLIC


def test_a_public_key_checks_and_signs_nothing() -> None:
    headers = signed_headers([SECRET, PRIVATE], ID, TIMESTAMP, BODY)
    assert headers["webhook-signature"] == f"{SIGNATURE} {ED25519}"
    for key in (SECRET, PRIVATE, PUBLIC):
        verify([key], headers, BODY, now_seconds=TIMESTAMP)
        with pytest.raises(SignatureRefused, match="by this secret"):
            verify([key], headers, BODY + b" ", now_seconds=TIMESTAMP)
    with pytest.raises(ValueError, match="makes none"):
        sign(PUBLIC, ID, TIMESTAMP, BODY)
    with pytest.raises(ValueError, match="has a public one"):
        public_key(SECRET)


@pytest.mark.parametrize("signature", ["v1a,", "v1a,abc", "v1a,AAAA", ED25519.replace("v1a", "v1")])
def test_a_wrong_v1a_signature_is_refused(signature: str) -> None:
    headers = signed_headers([PRIVATE], ID, TIMESTAMP, BODY) | {"webhook-signature": signature}
    with pytest.raises(SignatureRefused):
        verify([PUBLIC], headers, BODY, now_seconds=TIMESTAMP)


@pytest.mark.parametrize(
    "key", ["whsec_", "whsec_A", "whsec_é", "whsk_AAAA", "whpk_AAAA", PRIVATE[:-4]]
)
def test_a_key_that_is_none_is_told_without_repeating_it(key: str) -> None:
    headers = signed_headers([SECRET, PRIVATE], ID, TIMESTAMP, BODY)
    with pytest.raises(ValueError, match=r"this is no wh(sec|sk|pk)_ key$"):
        verify([key], headers, BODY, now_seconds=TIMESTAMP)


def test_signing_by_a_shared_secret_loads_no_ed25519() -> None:
    script = (
        "import sys; from farthing.webhooks.signature import sign; "
        f"sign({SECRET!r}, 'evt_1', 1, b''); assert 'cryptography' not in sys.modules"
    )
    path = ":".join(sys.path)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30, env={"PYTHONPATH": path})
