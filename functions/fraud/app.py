"""/v1/fraud: what a merchant says of fraud. Rules in versions, lists, and the model in force."""

from __future__ import annotations

from typing import Any

from farthing.fraud import list_entries, models, rule_sets
from farthing.fraud.api_wiring import services
from farthing.fraud.bodies import (
    LARGE_BODY_BYTES_MAX,
    ActivateModel,
    AddEntry,
    DeactivateModel,
    PublishRules,
    UploadModel,
)
from farthing.fraud.views import (
    entry_object,
    in_force_object,
    model_object,
    rules_line,
    rules_object,
)
from farthing.http.api import api
from farthing.http.page import page
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, created, ok

app = api()
RULES = "/v1/fraud/rules"
VERSION = f"{RULES}/versions/<version>"
ENTRIES = "/v1/fraud/list_entries"
ENTRY = f"{ENTRIES}/<entry_id>"
MODELS = "/v1/fraud/models"
MODEL = f"{MODELS}/<model>"


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


@app.post(ENTRIES, body=AddEntry)
def add_entry(request: Request[AddEntry]) -> Response:
    here = services(request.principal)
    entry = list_entries.add(here, request.body.wanted())
    return created(entry_object(entry, here.now, livemode=request.principal.livemode))


@app.get(ENTRIES)
def list_of_entries(request: Request[NoBody]) -> Response:
    here, livemode = services(request.principal), request.principal.livemode
    found, has_more = list_entries.listed(here, request.query)
    shown = [entry_object(one, here.now, livemode=livemode) for one in found]
    return page(shown, has_more=has_more)


@app.get(ENTRY)
def get_entry(request: Request[NoBody], entry_id: str) -> Response:
    here = services(request.principal)
    entry = list_entries.get(here, entry_id)
    return ok(entry_object(entry, here.now, livemode=request.principal.livemode))


@app.delete(ENTRY)
def remove_entry(request: Request[NoBody], entry_id: str) -> Response:
    list_entries.remove(services(request.principal), entry_id)
    return ok({"entry_id": entry_id, "deleted": True})


@app.post(MODELS, body=UploadModel, body_bytes_max=LARGE_BODY_BYTES_MAX)
def upload_model(request: Request[UploadModel]) -> Response:
    body = request.body
    model, is_new = models.upload(services(request.principal), body.model, body.note)
    shown = model_object(model.sha256, model, livemode=request.principal.livemode)
    return created(shown) if is_new else ok(shown)


@app.get(MODELS)
def list_models(request: Request[NoBody]) -> Response:
    found, has_more = models.listed(services(request.principal), request.query)
    livemode = request.principal.livemode
    return page([model_object(*one, livemode=livemode) for one in found], has_more=has_more)


@app.get(f"{MODELS}/in_force")
def model_in_force(request: Request[NoBody]) -> Response:
    found = models.in_force(services(request.principal))
    return ok(in_force_object(found, livemode=request.principal.livemode))


@app.get(f"{MODELS}/history")
def list_in_force(request: Request[NoBody]) -> Response:
    found, has_more = models.history(services(request.principal), request.query)
    livemode = request.principal.livemode
    return page([in_force_object(one, livemode=livemode) for one in found], has_more=has_more)


@app.post(f"{MODELS}/deactivate", body=DeactivateModel)
def deactivate_model(request: Request[DeactivateModel]) -> Response:
    found = models.deactivate(services(request.principal), request.body.note)
    return ok(in_force_object(found, livemode=request.principal.livemode))


@app.get(MODEL)
def get_model(request: Request[NoBody], model: str) -> Response:
    found = models.get(services(request.principal), model)
    return ok(model_object(model, found, livemode=request.principal.livemode))


@app.post(f"{MODEL}/activate", body=ActivateModel)
def activate_model(request: Request[ActivateModel], model: str) -> Response:
    body = request.body
    found = models.activate(services(request.principal), model, body.mode, body.note)
    return ok(in_force_object(found, livemode=request.principal.livemode))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
