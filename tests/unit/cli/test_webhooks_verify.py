"""`farthing webhooks verify` and `sign`: each fault is named, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from farthing.webhooks.signature import (
    SignatureRefused,
    make_secret,
    public_key,
    sign,
    signed_headers,
)
from farthing.webhooks.signature import verify as decide
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.webhooks.diagnosis import Diagnosis, diagnose
from farthing_cli.webhooks.message import Message, Part

SECRET = make_secret(b"k" * 32)
OTHER = make_secret(b"o" * 32)
KEY = b"k" * 32
PRIVATE = (  # the reference's
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
ID, NOW = "evt_1", 1_800_000_000
BODY = '{"type":"refund.succeeded","data":{"b":1,"a":"Zoë / 1"}}'.encode()
HEADERS = signed_headers([SECRET], ID, NOW, BODY)
DIGEST = base64.b64decode(HEADERS["webhook-signature"].removeprefix("v1,"))


def diagnosed(
    headers: dict[str, str] | None = None, body: bytes = BODY, *secrets: str
) -> Diagnosis:
    message = Message(HEADERS if headers is None else HEADERS | headers, body)
    return diagnose(secrets or [SECRET], message, now_seconds=NOW)


def only(diagnosis: Diagnosis) -> tuple[Part, str]:
    [finding] = diagnosis.wrong
    return finding.part, finding.text


def mac(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def test_a_right_message_is_accepted_without_a_word() -> None:
    assert diagnosed() == Diagnosis(())


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_is_named(name: str) -> None:
    headers = {key: value for key, value in HEADERS.items() if key != name}
    found = diagnose([SECRET], Message(headers, BODY), now_seconds=NOW)
    assert only(found) == (Part.HEADERS, f"{name} is missing")
    assert only(diagnosed({name: ""})) == (Part.HEADERS, f"{name} is empty")


@pytest.mark.parametrize(
    ("name", "whose"),
    [("svix-signature", "Svix"), ("stripe-signature", "Stripe"), ("x-hub-signature-256", "GitHub")],
)
def test_a_signature_of_another_kind_is_recognised(name: str, whose: str) -> None:
    headers = {"webhook-id": ID, "webhook-timestamp": str(NOW), name: "t=1,v1=00"}
    found = diagnose([SECRET], Message(headers, BODY), now_seconds=NOW)
    assert [one.part for one in found.wrong] == [Part.HEADERS, Part.HEADERS]
    assert whose in found.wrong[1].text


@pytest.mark.parametrize(
    ("timestamp", "words"),
    [
        (f"{NOW}.5", "no whole number of seconds"),
        (f" {NOW}", "no whole number of seconds"),
        ("soon", "no whole number of seconds"),
        (f"{NOW}000", "milliseconds"),
    ],
)
def test_a_timestamp_that_is_none_is_told(timestamp: str, words: str) -> None:
    part, text = only(diagnosed({"webhook-timestamp": timestamp}))
    assert part is Part.TIMESTAMP
    assert words in text


@pytest.mark.parametrize(("off", "words"), [(-301, "301 s old"), (301, "301 s in the future")])
def test_how_old_or_early_a_message_is(off: int, words: str) -> None:
    headers = signed_headers([SECRET], ID, NOW + off, BODY)
    part, text = only(diagnosed(headers))
    assert part is Part.TIMESTAMP
    assert words in text


@pytest.mark.parametrize("off", [-300, 300])
def test_five_minutes_are_let_pass(off: int) -> None:
    assert diagnosed(signed_headers([SECRET], ID, NOW + off, BODY)).accepted


@pytest.mark.parametrize(
    "headers",
    [{"webhook-id": "evt_2"}, {"webhook-timestamp": str(NOW - 200)}],
    ids=["another id", "another time"],
)
def test_a_changed_id_or_time_cannot_be_told_from_another_secret(headers: dict[str, str]) -> None:
    part, text = only(diagnosed(headers))
    assert part is Part.SECRET
    assert "right form" in text
    assert "one of the three was changed" in text


def test_another_secret() -> None:
    part, text = only(diagnosed({}, BODY, OTHER))
    assert (part, "not this secret" in text) == (Part.SECRET, True)
    assert "none of 2 secrets" in only(diagnosed({}, BODY, OTHER, make_secret(b"x" * 32)))[1]


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("whsec_***", "not base64"),
        ("whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(), "base64url"),
        (SECRET[:-2], "cut off"),
        (f"{SECRET}\n", "white space"),
        ("", "empty"),
        ("whsec_", "empty"),
        ("whsec_" + base64.b64encode(b"short").decode(), "5 bytes, and a whsec_ key 24 to 64"),
        ("whsk_" + base64.b64encode(bytes(32)).decode(), "32 bytes, and a whsk_ key 64"),
    ],
)
def test_a_secret_that_is_none(secret: str, words: str) -> None:
    part, text = only(diagnosed({}, BODY, secret))
    assert part is Part.SECRET
    assert words in text


def test_a_secret_without_its_prefix_is_taken_and_remarked() -> None:
    found = diagnosed({}, BODY, SECRET.removeprefix("whsec_"))
    assert found.accepted
    assert found.remarks == ("the secret has no whsec_ before it",)


def test_a_private_key_checks_what_it_signed_and_so_does_its_public_one() -> None:
    headers = signed_headers([PRIVATE], ID, NOW, BODY)
    for key in (PRIVATE, public_key(PRIVATE)):
        assert diagnosed(headers, BODY, key).accepted
    part, text = only(diagnosed(headers, BODY, SECRET))
    assert (part, text) == (Part.SECRET, "the message is signed v1a, which a whpk_ key verifies")
    part, text = only(diagnosed({}, BODY, PRIVATE))
    assert (part, text) == (Part.SECRET, "the message is signed v1, which a whsec_ secret verifies")
    written_again = signed_headers([PRIVATE], ID, NOW, BODY + b"\n")
    assert only(diagnosed(written_again, BODY, public_key(PRIVATE)))[0] is Part.BODY


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (f"v1,{DIGEST.hex()}", "hexadecimal"),
        (DIGEST.hex(), "no version"),
        (base64.b64encode(DIGEST).decode(), "no version"),
        ("v2," + base64.b64encode(DIGEST).decode(), "'v2' is no version"),
        ("V1," + base64.b64encode(DIGEST).decode(), "'V1' is no version"),
        ("v1a," + base64.b64encode(DIGEST).decode(), "32 bytes; v1a has 64"),
        ("v1," + base64.b64encode(DIGEST).decode().rstrip("="), "padding"),
        (
            f"{sign(OTHER, ID, NOW, BODY)},{sign(SECRET, ID, NOW, BODY)}",
            "separated by one space",
        ),
    ],
)
def test_the_right_signature_in_the_wrong_letters(signature: str, words: str) -> None:
    part, text = only(diagnosed({"webhook-signature": signature}))
    assert part is Part.SIGNATURE
    assert words in text
    assert "right one" in text


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        ("garbage", "no version"),
        ("v1,abc", "not base64"),
        ("v1,", "0 bytes"),
        ("v1,é", "not base64"),
        ("v1," + "0" * 64, "hexadecimal"),
        ("v1," + "-" * 43 + "=", "base64url"),
        ("v1," + base64.b64encode(bytes(20)).decode(), "20 bytes; v1 has 32"),
    ],
)
def test_a_signature_that_is_none(signature: str, words: str) -> None:
    part, text = only(diagnosed({"webhook-signature": signature}))
    assert part is Part.SIGNATURE
    assert text.startswith("signature 1: ")
    assert words in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BODY, "the body alone"),
        (f"{NOW}.".encode() + BODY, "without the id"),
        (f"{ID}.".encode() + BODY, "without the time"),
        (f"{NOW}.{ID}.".encode() + BODY, "the id comes first"),
    ],
)
def test_a_signature_over_something_else(content: bytes, words: str) -> None:
    part, text = only(diagnosed({"webhook-signature": mac(KEY, content)}))
    assert part is Part.SIGNATURE
    assert words in text


@pytest.mark.parametrize("text", [SECRET, SECRET.removeprefix("whsec_")])
def test_the_secrets_text_as_the_key(text: str) -> None:
    signature = mac(text.encode(), f"{ID}.{NOW}.".encode() + BODY)
    part, words = only(diagnosed({"webhook-signature": signature}))
    assert part is Part.SECRET
    assert "decode it" in words


def test_a_time_taken_twice() -> None:
    signature = sign(SECRET, ID, NOW - 1, BODY)
    part, text = only(diagnosed({"webhook-signature": signature}))
    assert part is Part.TIMESTAMP
    assert f"{NOW - 1} was signed" in text


PARSED = json.loads(BODY)


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        (json.dumps(PARSED).encode(), "spaces after , and :, non-ASCII escaped"),
        (json.dumps(PARSED, ensure_ascii=False).encode(), "spaces after , and :"),
        (json.dumps(PARSED, separators=(",", ":")).encode(), "compact, non-ASCII escaped"),
        (
            json.dumps(PARSED, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode(),
            "compact, keys sorted",
        ),
        (json.dumps(PARSED, indent=2).encode(), "indented by 2, non-ASCII escaped"),
        (BODY.replace(b"/", b"\\/"), "compact, slashes escaped"),
        (BODY + b"\n", "with a line feed at its end"),
        (BODY + b"\r\n", "with CRLF at its end"),
        (b"\xef\xbb\xbf" + BODY, "with a byte order mark"),
    ],
)
def test_a_body_that_was_written_again(signed: bytes, words: str) -> None:
    """Given a signature over one form of a JSON body, and another form in hand; when it is
    diagnosed; then the form that was signed is named, and where the bytes part ways."""
    found = diagnosed(signed_headers([SECRET], ID, NOW, signed))
    part, text = only(found)
    assert part is Part.BODY
    assert f"was signed: {words}." in text
    at = next((i for i, (a, b) in enumerate(zip(BODY, signed, strict=False)) if a != b), len(BODY))
    assert f"at byte {at}:" in text


@pytest.mark.parametrize(
    ("body", "signed"),
    [(b"a\r\nb", b"a\nb"), (b"a\nb", b"a\r\nb"), (b"a \n", b"a"), (b"\xef\xbb\xbf{}", b"{}")],
)
def test_line_ends_and_edges_also_of_what_is_no_json(body: bytes, signed: bytes) -> None:
    assert only(diagnosed(signed_headers([SECRET], ID, NOW, signed), body))[0] is Part.BODY


def test_several_signatures_are_remarked_and_one_is_enough() -> None:
    headers = signed_headers([OTHER, SECRET], ID, NOW, BODY)
    headers["webhook-signature"] += " garbage"
    found = diagnosed(headers)
    assert found.accepted
    assert [text[:12] for text in found.remarks] == ["3 signatures", "signature 3:"]


def test_what_is_wrong_in_two_places_is_told_twice() -> None:
    headers = signed_headers([SECRET], ID, NOW - 900, json.dumps(PARSED).encode())
    assert [one.part for one in diagnosed(headers).wrong] == [Part.TIMESTAMP, Part.BODY]


@given(
    header=st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
    value=st.text(max_size=40) | st.integers(0, 10**14).map(str),
    body=st.binary(max_size=40) | st.just(BODY) | st.just(b"[" * 20_000),
    secret=st.sampled_from([SECRET, OTHER, PRIVATE, "whsec_x", "é"]),
)
def test_it_accepts_what_a_receiver_accepts_and_never_breaks(
    header: str, value: str, body: bytes, secret: str
) -> None:
    headers = HEADERS | {header: value}
    try:
        decide([secret], headers, body, now_seconds=NOW)
        accepted = True
    except (SignatureRefused, ValueError):
        accepted = False
    assert diagnosed({header: value}, body, secret).accepted == accepted


def run(tmp_path: Path, *arguments: str, body: bytes = BODY, given: str | None = None) -> Result:
    file = tmp_path / "body.json"
    file.write_bytes(body)
    command = ["webhooks", "verify", "--body", str(file), "--now", str(NOW), *arguments]
    return CliRunner().invoke(app, command, input=given)


LINES = "".join(f"{name.title()}: {value}\r\n" for name, value in HEADERS.items())


@pytest.mark.parametrize(
    "text",
    [LINES, f"POST /hook HTTP/1.1\r\nHost: a\r\n{LINES}\r\n{{}}", json.dumps(HEADERS), ""],
    ids=["lines", "a request", "json", "options"],
)
def test_headers_come_as_lines_as_json_and_as_options(tmp_path: Path, text: str) -> None:
    options = [part for item in HEADERS.items() for part in ("-H", ": ".join(item))]
    source = ["--headers", "-"] if text else options
    ran = run(tmp_path, "--secret", SECRET, *source, given=text)
    assert (ran.exit_code, ran.stdout) == (0, "ok\n")


def test_a_refusal_shows_what_is_signed_and_never_the_secret(tmp_path: Path) -> None:
    ran = run(tmp_path, "--secret", OTHER, "--headers", "-", given=LINES)
    assert ran.exit_code == 1
    assert ran.stdout.startswith("secret: ")
    assert hashlib.sha256(BODY).hexdigest() in ran.stdout
    assert f"body {len(BODY)} bytes" in ran.stdout
    assert OTHER not in ran.output


def test_sign_makes_what_verify_accepts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARTHING_WEBHOOK_SECRET", SECRET)
    for more in ([], ["--json"]):
        signing = ["webhooks", "sign", "--body", "-", "--id", ID, "--now", str(NOW), *more]
        made = CliRunner().invoke(app, signing, input=BODY)
        assert made.exit_code == 0
        assert run(tmp_path, "--headers", "-", given=made.stdout).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--secret", SECRET, "--body", "-", "--headers", "-"],
        ["verify", "--secret", SECRET, "--body", "/none"],
        ["verify", "--secret", SECRET, "--body", "-", "-H", "webhook-id"],
        ["verify", "--secret", SECRET, "--body", "/dev/null", "--headers", "-"],
        ["sign", "--secret", "whsec_x", "--body", "-"],
        ["sign", "--secret", SECRET, "--body", "-", "--id", "a.b"],
    ],
)
def test_what_cannot_be_read_is_told(arguments: list[str]) -> None:
    ran = CliRunner().invoke(app, ["webhooks", *arguments], input='{"a": 1')
    assert isinstance(ran.exception, Failure)


@pytest.mark.parametrize("text", [r'{"webhook-id": "\ud800"}', '{"webhook-id": 1}', "{", "{1}"])
def test_headers_that_are_none_are_told(tmp_path: Path, text: str) -> None:
    assert isinstance(
        run(tmp_path, "--secret", SECRET, "--headers", "-", given=text).exception, Failure
    )
