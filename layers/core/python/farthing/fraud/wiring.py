"""The decision's ports, filled for one merchant and one request."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from farthing import runtime
from farthing.fraud.ask_model import ask
from farthing.fraud.country import Viewer, country_of, viewer_of
from farthing.fraud.country_wiring import country_reader
from farthing.fraud.facts import Known
from farthing.fraud.model.features import unpack_row
from farthing.fraud.model_row import ModelMode, in_force_of
from farthing.fraud.model_wiring import model_of
from farthing.fraud.ports import Fraud
from farthing.fraud.rule_row import DEFAULT_VERSION, default_rules, rules_of
from farthing.fraud.rules import RuleSet
from farthing.fraud.signals import Scored
from farthing.observe import log_unhandled
from farthing.store import Item, TenantScope

RULE_SETS_KEPT = 64
"""How many merchants' rules a warm process remembers."""

SHA_SHOWN = 12
"""As much of a model's SHA-256 as tells it from all others."""


def fraud(tenant: TenantScope, viewer: Viewer | None) -> Fraud:
    """What a decision needs beside rows."""
    read = country_reader(runtime.setting("COUNTRY_DATABASE", "") or None)

    def country(ip_address: str | None) -> str | None:
        return country_of(ip_address, viewer, read)

    def rules(item: Item | None) -> RuleSet:
        return _rules(tenant, item)

    def model(item: Item | None, known: Known) -> Scored | None:
        in_force = in_force_of(item)
        found = model_of(tenant, in_force, runtime.store(tenant))
        if found is None or not known.features:
            return None
        watched = in_force.mode is not ModelMode.DECIDE
        version = f"{found.artefact.name}:{found.sha256[:SHA_SHOWN]}"
        return ask(found, version, unpack_row(known.features), watched)

    return Fraud(rules, model, country)


def viewer(headers: Mapping[str, str]) -> Viewer | None:
    """Who called, as CloudFront says; None where no distribution of ours is in front, or where that
    cannot be known: no payment waits for it."""
    if not runtime.setting("ORIGIN_SECRET_ID", ""):
        return None
    try:
        return viewer_of(headers, runtime.secret("ORIGIN_SECRET_ID"))
    except (BotoCoreError, ClientError) as error:
        log_unhandled(error)
        return None


def _rules(tenant: TenantScope, item: Item | None) -> RuleSet:
    """The rule set of a row. A version never changes, so it is read once in a process."""
    if item is None:
        return runtime.once(("rules", DEFAULT_VERSION), default_rules)
    kept: dict[tuple[TenantScope, int], RuleSet] = runtime.once("rule_sets", dict)
    key = (tenant, item["version"])
    if key not in kept:
        if len(kept) >= RULE_SETS_KEPT:
            kept.clear()
        kept[key] = rules_of(item)
    return kept[key]
