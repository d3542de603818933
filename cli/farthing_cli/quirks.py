"""What MiniStack does otherwise than AWS, put right when deploying: template.yaml is for AWS."""

from __future__ import annotations

from typing import Any

from farthing_cli import template
from farthing_cli.aws import Account
from farthing_cli.template import Template

BATCHES = {"sqs:SendMessage": "sqs:SendMessageBatch"}
"""AWS has one permission for both calls, MiniStack two."""


def with_batches(document: Any) -> Any:
    """A template, or a part of it, in which each grant names the batched call too."""
    if isinstance(document, list):
        return [with_batches(part) for part in document]
    if not isinstance(document, dict):
        return document
    changed = {name: with_batches(part) for name, part in document.items()}
    actions = changed.get("Action")
    if isinstance(actions, list):
        changed["Action"] = actions + [BATCHES[one] for one in actions if one in BATCHES]
    return changed


def put_gateway_responses(account: Account, api_id: str, stage: str, source: Template) -> None:
    """Give one API the template's GatewayResponses, which MiniStack does not read there.

    They count from the next deployment.
    """
    gateway = account.client("apigateway")
    for kind, response in template.gateway_responses(source).items():
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        gateway.put_gateway_response(
            restApiId=api_id,
            responseType=kind,
            statusCode=response["StatusCode"],
            responseParameters={
                f"gatewayresponse.header.{name}": value for name, value in headers.items()
            },
            responseTemplates=response["ResponseTemplates"],
        )
    gateway.create_deployment(restApiId=api_id, stageName=stage)
