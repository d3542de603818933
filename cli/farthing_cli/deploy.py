"""Deploys template.yaml, the one for AWS, to MiniStack by CloudFormation.

`sam deploy` does the same in ten times the time, most of it spent asleep.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farthing_cli import build, quirks, template
from farthing_cli.aws import Account
from farthing_cli.build import PYTHON
from farthing_cli.failure import Failure
from farthing_cli.front import Front
from farthing_cli.project import TEMPLATE
from farthing_cli.template import Template

STACK_NAME = "farthing-local"
ENVIRONMENT = "dev"
BUCKET = "farthing-packages"


@dataclass(frozen=True)
class Stack:
    """A deployed stack."""

    name: str
    outputs: Mapping[str, str]

    def api_path(self, output: str) -> str:
        """The path below MiniStack's endpoint at which an API answers."""
        return f"/_aws/execute-api/{self.outputs[output]}/{ENVIRONMENT}"


def packages(source: Template) -> dict[str, bytes]:
    """The package of each function and layer, by logical id."""
    zips = {}
    for logical_id, folder in template.packages(source).items():
        if folder.startswith("layers/"):
            zips[logical_id] = build.empty_layer_zip()
        else:
            zips[logical_id] = build.function_zip(folder)
    return zips


def deploy(account: Account, zips: Mapping[str, bytes], front: Front) -> Stack:
    """Create the stack. Raises Failure with CloudFormation's reasons if that does not work."""
    source = template.load(TEMPLATE)
    s3 = account.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for logical_id, content in zips.items():
        s3.put_object(Bucket=BUCKET, Key=f"{logical_id}.zip", Body=content)
    pointed = template.pointed_at(source, lambda logical_id: f"s3://{BUCKET}/{logical_id}.zip")
    body = json.dumps(quirks.with_batches(pointed)).encode()
    s3.put_object(Bucket=BUCKET, Key="template.json", Body=body)
    origins = front.page_origins, front.tokens_url
    values = parameters(front.acquirer_url, account.endpoint_url, *origins)
    _create(account, values)
    stack = Stack(STACK_NAME, _outputs(account))
    for output in ("ApiId", "TokensApiId", "AcquirerApiId"):
        quirks.put_gateway_responses(account, stack.outputs[output], ENVIRONMENT, source)
    return stack


def parameters(
    acquirer_url: str,
    endpoint_url: str,
    checkout_origins: Sequence[str] = (),
    tokens_origin: str = "",
) -> dict[str, str]:
    """What the local stack sets differently from the template's defaults."""
    return {
        "Environment": ENVIRONMENT,
        "PythonRuntime": PYTHON,
        "AcquirerUrl": acquirer_url,
        "SandboxFaults": "front",
        "SandboxIdempotent": sandbox_idempotent(),
        "WebhooksAllowLoopback": "true",
        "CheckoutOrigin": ",".join(checkout_origins),
        "TokensOrigin": tokens_origin,
        "AwsEndpointUrl": endpoint_url,
    }


def sandbox_idempotent() -> str:
    """Whether the sandbox does a reference once. Raises Failure if the setting is something else.

    FARTHING_SANDBOX_IDEMPOTENT=false makes it an acquirer at which nothing may be sent twice.
    """
    text = os.environ.get("FARTHING_SANDBOX_IDEMPOTENT", "true")
    if text not in ("true", "false"):
        raise Failure(f"FARTHING_SANDBOX_IDEMPOTENT is true or false, not {text!r}.")
    return text


def _create(account: Account, values: Mapping[str, str]) -> None:
    cloudformation = account.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK_NAME,
        TemplateURL=f"{account.endpoint_url}/{BUCKET}/template.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in values.items()
        ],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    from botocore.exceptions import WaiterError

    try:
        waiter.wait(StackName=STACK_NAME, WaiterConfig={"Delay": 0.2, "MaxAttempts": 150})
    except WaiterError:
        raise Failure(f"The stack was not created.\n{_reasons(cloudformation)}") from None


def _reasons(cloudformation: Any) -> str:
    events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    return "\n".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in reversed(failed)
    )


def _outputs(account: Account) -> dict[str, str]:
    stack = account.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
