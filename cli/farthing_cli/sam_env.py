"""The environment of each deployed function, in the form that `sam local invoke --env-vars` takes.

Only there are a template's names replaced by those of a real stack: `sam local` knows no tables.
"""

from __future__ import annotations

from farthing_cli import template
from farthing_cli.aws import Account
from farthing_cli.project import TEMPLATE
from farthing_cli.relay import LOOPBACK


def of(account: Account, stack_name: str, host: str = LOOPBACK) -> dict[str, dict[str, str]]:
    """Variables by the logical id of the function, with the stack's own endpoint.

    `host` is where the container reaches the stack, which itself is at the loopback address.
    """
    source = template.load(TEMPLATE)
    client = account.client("lambda")
    found = {}
    for logical_id in template.functions(source):
        name = template.folder_name(source, logical_id)
        deployed = client.get_function_configuration(FunctionName=f"{stack_name}-{name}")
        variables = deployed["Environment"]["Variables"]
        variables["AWS_ENDPOINT_URL"] = account.endpoint_url
        found[logical_id] = {
            variable: value.replace(LOOPBACK, host) for variable, value in variables.items()
        }
    return found
