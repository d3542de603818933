"""/v1/fraud: what a merchant says of fraud. Rules, in versions of which one is in force."""

from __future__ import annotations

from typing import Any

from farthing.fraud import rule_sets
from farthing.fraud.api_wiring import services
from farthing.fraud.bodies import LARGE_BODY_BYTES_MAX, PublishRules
from farthing.fraud.views import rules_line, rules_object
from farthing.http.api import api
from farthing.http.page import page
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, created, ok

app = api()
RULES = "/v1/fraud/rules"
VERSION = f"{RULES}/versions/<version>"


@app.get(RULES)
def rules_in_force(request: Request[NoBody]) -> Response:
    published = rule_sets.in_force(services(request.principal))
    return ok(rules_object(published, livemode=request.principal.livemode))


@app.post(RULES, body=PublishRules, body_bytes_max=LARGE_BODY_BYTES_MAX)
def publish_rules(request: Request[PublishRules]) -> Response:
    published = rule_sets.publish(services(request.principal), **dict(request.body))
    return created(rules_object(published, livemode=request.principal.livemode))


@app.get(f"{RULES}/versions")
def list_rules(request: Request[NoBody]) -> Response:
    found, has_more = rule_sets.listed(services(request.principal), request.query)
    livemode = request.principal.livemode
    return page([rules_line(one, livemode=livemode) for one in found], has_more=has_more)


@app.get(VERSION)
def get_rules(request: Request[NoBody], version: str) -> Response:
    published = rule_sets.get(services(request.principal), version)
    return ok(rules_object(published, livemode=request.principal.livemode))


@app.post(f"{VERSION}/activate")
def activate_rules(request: Request[NoBody], version: str) -> Response:
    published = rule_sets.activate(services(request.principal), version)
    return created(rules_object(published, livemode=request.principal.livemode))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
