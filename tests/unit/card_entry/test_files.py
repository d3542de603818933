"""The frame's files: each listed with its hash, and served so that a browser can compare it."""

from __future__ import annotations

import json
import re

import pytest

from farthing_cli.card_frame import FOLDER, File, inventory, loaded_by, script_tag
from farthing_cli.fields_check import integrity
from tests.support.lambdas import Context, event_of, load
from tests.support.template import ROOT

BUILT = {file.kind: file for file in inventory()}
YEAR = "public, max-age=31536000, immutable"


def fetch(name: str) -> tuple[int, dict[str, str], str]:
    event = event_of("fields.loader") | {"path": f"/fields/v1/{name}"}
    answer = load("fields").handler(event, Context())
    headers = {key.lower(): values[0] for key, values in answer["multiValueHeaders"].items()}
    return answer["statusCode"], headers, answer["body"]


@pytest.mark.parametrize("file", inventory(), ids=lambda file: file.kind)
def test_each_file_is_what_the_inventory_says_and_it_says_why(file: File) -> None:
    """PCI DSS 6.4.3: every script is listed, with its integrity and its reason."""
    content = (FOLDER / file.path).read_bytes()
    assert integrity(content) == file.integrity
    assert len(file.why) > 20


def test_the_page_loads_what_is_listed_with_its_integrity_and_nothing_else() -> None:
    page = (FOLDER / BUILT["page"].path).read_text()
    loaded = {(one.kind, one.path, one.integrity) for one in loaded_by(page)}
    assert loaded == {(f.kind, f.path, f.integrity) for f in (BUILT["script"], BUILT["style"])}


def test_nothing_lies_beside_it_but_what_merchants_pages_still_name() -> None:
    kept = {
        row["path"]: row["integrity"]
        for row in json.loads((ROOT / "web/fields/kept.json").read_text())
    }
    there = {path.name for path in FOLDER.iterdir()}
    listed = {file.path for file in inventory()}
    assert there == listed | set(kept) | {"scripts.json", "licenses.txt"}
    for name, hash_ in kept.items():
        assert integrity((FOLDER / name).read_bytes()) == hash_


def test_the_bundled_libraries_licences_are_there_and_the_script_names_them() -> None:
    text = (FOLDER / "licenses.txt").read_text()
    versions = json.loads((ROOT / "web/fields/package-lock.json").read_text())["packages"]
    script = (FOLDER / BUILT["script"].path).read_text()
    for name in ("card-validator", "credit-card-type"):
        version = versions[f"node_modules/{name}"]["version"]
        assert f"{name} {version} (MIT)" in text
        assert f"{name} {version}" in script
    assert text.count("Permission is hereby granted, free of charge") == 2
    assert fetch("licenses.txt")[2] == text


def test_the_loader_is_for_every_page_and_can_be_compared_with_its_hash() -> None:
    loader = BUILT["loader"]
    status, headers, body = fetch(loader.path)
    assert (status, integrity(body.encode())) == (200, loader.integrity)
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["cache-control"] == YEAR
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cross-origin-resource-policy"] == "cross-origin"


def test_the_loaders_plain_name_is_the_newest_and_not_kept_for_long() -> None:
    status, headers, body = fetch("fields.js")
    assert (status, integrity(body.encode())) == (200, BUILT["loader"].integrity)
    assert headers["cache-control"] == "public, max-age=300"
    assert headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("kind", ["script", "style"])
def test_the_frames_own_files_are_for_the_frame(kind: str) -> None:
    status, headers, body = fetch(BUILT[kind].path)
    assert (status, integrity(body.encode())) == (200, BUILT[kind].integrity)
    assert headers["cache-control"] == YEAR
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "name",
    ["scripts.json", "frame.html", "app.py", "fields-000000000000.js", "..", "frame.js", "a%2Fb"],
)
def test_nothing_else_is_served(name: str) -> None:
    status, headers, body = fetch(name)
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(body)["code"] == "not_found"


def test_a_path_cannot_lead_out() -> None:
    event = event_of("fields.loader") | {"path": "/fields/v1/../../app.py"}
    assert load("fields").handler(event, Context())["statusCode"] == 404


def test_the_tag_for_a_page_names_the_loader_by_its_hash() -> None:
    tag = script_tag("https://tokens.example/dev")
    assert f'src="https://tokens.example/dev/fields/v1/{BUILT["loader"].path}"' in tag
    assert f'integrity="{BUILT["loader"].integrity}"' in tag
    assert 'crossorigin="anonymous"' in tag
    assert re.fullmatch(r"fields-[0-9a-f]{12}\.js", BUILT["loader"].path)
