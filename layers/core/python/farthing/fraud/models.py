"""What a merchant does with its models: upload one, look, put one in force, take it out."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace

from farthing.clock import to_text
from farthing.errors import CONFLICT, FarthingError, invalid, not_found
from farthing.fraud.model.artefact import BadModel
from farthing.fraud.model_file import default_description, described
from farthing.fraud.model_row import (
    DEFAULT_MODEL,
    NEVER_CHOSE,
    UPLOADED_SK,
    Description,
    InForce,
    ModelMode,
    in_force_of,
    in_force_writes,
    model_in_force_key,
    model_key,
    model_line_key,
    model_version_key,
    models_pk,
    upload_writes,
)
from farthing.fraud.services import Services
from farthing.fraud.versions import newest_versions, version_page
from farthing.http.page import page_request, unknown_cursor
from farthing.store import ConditionFailed

_SHA256 = re.compile(r"[0-9a-f]{64}")


def upload(services: Services, file: str, note: str | None = None) -> tuple[Description, bool]:
    """Keep a model's file, given in base64; and whether it is new here. Raises FarthingError."""
    try:
        data = base64.b64decode(file, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("model", "is the file in base64") from error
    try:
        model = described(data)
    except BadModel as bad:
        raise invalid("model", f"is not taken: {bad}") from bad
    before = _find(services, model.sha256)
    if before is not None:
        return before, False
    model = replace(model, note=note, created_at=to_text(services.now))
    try:
        services.store.write(*upload_writes(services.tenant, model, data))
    except ConditionFailed:  # the same, at the same moment
        return get(services, model.sha256), False
    return model, True


def get(services: Services, name: str) -> Description:
    """A model by its SHA-256, or `default`. Raises FarthingError if there is none."""
    if name == DEFAULT_MODEL:
        return default_description()
    found = _find(services, name) if _SHA256.fullmatch(name) else None
    if found is None:
        raise not_found("model", name[:64])
    return found


def listed(
    services: Services, query: Mapping[str, str]
) -> tuple[list[tuple[str, Description]], bool]:
    """A page of the models by their names, and whether there are more: the one that ships, then
    the newest first."""
    rest = {name: text for name, text in query.items() if name != "starting_after"}
    limit, cursor = page_request(rest, "").limit, query.get("starting_after")
    found = [] if cursor else [(DEFAULT_MODEL, default_description())]
    before = f"{UPLOADED_SK}~"
    if cursor not in (None, DEFAULT_MODEL):
        seen = _find(services, cursor) if _SHA256.fullmatch(cursor) else None
        if seen is None:
            raise unknown_cursor(cursor)
        before = model_line_key(services.tenant, seen).sk
    answer = services.store.query(
        "risk",
        models_pk(services.tenant),
        sk_after=UPLOADED_SK,
        sk_before=before,
        newest_first=True,
        limit=limit + 1,
    )
    found += [(item["sha256"], Description.from_item(item)) for item in answer.items]
    return found[:limit], len(found) > limit


def in_force(services: Services) -> InForce:
    """Which model is asked now."""
    return in_force_of(services.store.get(model_in_force_key(services.tenant)))


def history(services: Services, query: Mapping[str, str]) -> tuple[list[InForce], bool]:
    """A page of what was in force, newest first, and whether there are more. The last one is what
    everybody begins with."""
    page = version_page(query)
    if page.before == NEVER_CHOSE.version:
        return [], False
    if page.before is not None:
        seen = services.store.get(model_version_key(services.tenant, page.before))
        if seen is None:
            raise unknown_cursor(str(page.before))
    pk = models_pk(services.tenant)
    rows = newest_versions(services.store, pk, page.before, page.limit + 1)
    found = [*map(in_force_of, rows), NEVER_CHOSE]
    return found[: page.limit], len(found) > page.limit


def activate(services: Services, name: str, mode: ModelMode, note: str | None = None) -> InForce:
    """Put a model in force. Raises FarthingError if there is none, or another one was put in force
    meanwhile."""
    get(services, name)
    return _put_in_force(services, name, mode, note)


def deactivate(services: Services, note: str | None = None) -> InForce:
    """Ask no model. Raises FarthingError if one was put in force meanwhile."""
    return _put_in_force(services, None, None, note)


def _put_in_force(
    services: Services, name: str | None, mode: ModelMode | None, note: str | None
) -> InForce:
    before = in_force(services).version
    after = InForce(before + 1, name, mode, to_text(services.now), note)
    try:
        services.store.write(*in_force_writes(services.tenant, after, services.now))
    except ConditionFailed as error:
        raise FarthingError(CONFLICT, "somebody else chose a model just now: look first") from error
    return after


def _find(services: Services, sha256: str) -> Description | None:
    item = services.store.get(model_key(services.tenant, sha256))
    return None if item is None else Description.from_item(item)
