"""What a merchant does with its rules: put others in force, look at what was, go back to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from farthing.cards import holds_pan
from farthing.clock import to_text
from farthing.errors import (
    CARD_NUMBER_IN_TEXT,
    CONFLICT,
    INVALID_REQUEST,
    FarthingError,
    FieldProblem,
    not_found,
)
from farthing.fraud.ask_document import Path
from farthing.fraud.rule_document import MalformedRules, read_rules, show_path, write_rules
from farthing.fraud.rule_row import (
    DEFAULT_VERSION,
    Published,
    in_force_key,
    publish_writes,
    published_of,
    rules_pk,
    version_key,
)
from farthing.fraud.rules import RuleSet
from farthing.fraud.services import Services
from farthing.fraud.versions import newest_versions, number_of, version_page
from farthing.http.page import unknown_cursor
from farthing.store import ConditionFailed

MISTAKES_SHOWN_MAX = 100


def in_force(services: Services) -> Published:
    """The rules that are asked now."""
    return published_of(services.store.get(in_force_key(services.tenant)))


def get(services: Services, version: str) -> Published:
    """One version; 0 is what everybody begins with. Raises FarthingError if there is none."""
    number = number_of(version)
    found = None if number is None else _find(services, number)
    if found is None:
        raise not_found("version of the rules", version[:64])
    return found


def listed(services: Services, query: Mapping[str, str]) -> tuple[list[Published], bool]:
    """A page of the versions, newest first, and whether there are more. The last one is 0."""
    page = version_page(query)
    if page.before == DEFAULT_VERSION:
        return [], False
    if page.before is not None and _find(services, page.before) is None:
        raise unknown_cursor(str(page.before))
    pk = rules_pk(services.tenant)
    rows = newest_versions(services.store, pk, page.before, page.limit + 1)
    found = [*map(published_of, rows), published_of(None)]
    return found[: page.limit], len(found) > page.limit


def publish(
    services: Services, document: Any, follows: int | None = None, note: str | None = None
) -> Published:
    """Put a document in force as the next version.

    Raises FarthingError with the place of each mistake, or if `follows` is not the version in
    force, or if somebody else published meanwhile.
    """
    rule_set = _checked(document)
    before = in_force(services).version
    if follows is not None and follows != before:
        raise _conflict(f"version {before} is in force, not {follows}")
    return _put_in_force(services, rule_set, before, note)


def activate(services: Services, version: str) -> Published:
    """Put an earlier version in force again, as the next one. Raises FarthingError."""
    earlier = get(services, version)
    rule_set, before = _checked(earlier.document), in_force(services).version
    return _put_in_force(services, rule_set, before, f"version {earlier.version} again")


def _put_in_force(
    services: Services, rule_set: RuleSet, before: int, note: str | None
) -> Published:
    following = replace(rule_set, version=before + 1)
    writes = publish_writes(services.tenant, following, services.now, note)
    try:
        services.store.write(*writes)
    except ConditionFailed as error:
        raise _conflict("somebody else published rules just now") from error
    return Published(following.version, write_rules(following), to_text(services.now), note)


def _conflict(says: str) -> FarthingError:
    return FarthingError(CONFLICT, f"{says}: look at the rules in force first")


def _find(services: Services, version: int) -> Published | None:
    if version == DEFAULT_VERSION:
        return published_of(None)
    item = services.store.get(version_key(services.tenant, version))
    return None if item is None else published_of(item)


def _checked(document: Any) -> RuleSet:
    """The rules of a document, under no version yet. Raises FarthingError."""
    try:
        rule_set = read_rules(document, DEFAULT_VERSION)
    except MalformedRules as refused:
        mistakes = [(mistake.path, mistake.message) for mistake in refused.mistakes]
        raise _refused(mistakes) from refused
    paths = [path for path, text in _texts((), document) if holds_pan(text)]
    if paths:
        problems = [_problem(path, "holds what looks like a card number") for path in paths]
        raise FarthingError(
            CARD_NUMBER_IN_TEXT, "a rule holds a card number", fields=problems[:MISTAKES_SHOWN_MAX]
        )
    return rule_set


def _refused(mistakes: list[tuple[Path, str]]) -> FarthingError:
    count = len(mistakes)
    detail = "the rules have a mistake" if count == 1 else f"the rules have {count} mistakes"
    shown = [_problem(*mistake) for mistake in mistakes[:MISTAKES_SHOWN_MAX]]
    return FarthingError(INVALID_REQUEST, detail, fields=shown)


def _problem(path: Path, message: str) -> FieldProblem:
    """A mistake by its place in the request: `document.rules[2].when[0].value`."""
    return FieldProblem(f"document.{show_path(path)}" if path else "document", message)


def _texts(path: Path, document: Any) -> Iterator[tuple[Path, str]]:
    """Every text of a document that was read, with its place."""
    if isinstance(document, str):
        yield path, document
    elif isinstance(document, Mapping):
        for name, value in document.items():
            yield from _texts((*path, name), value)
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from _texts((*path, place), value)
