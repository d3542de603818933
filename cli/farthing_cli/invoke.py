"""One event to one function in its container, with `sam local invoke`, on the running stack."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from farthing_cli import sam_env, template
from farthing_cli.aws import Account
from farthing_cli.failure import Failure
from farthing_cli.project import ROOT, TEMPLATE
from farthing_cli.relay import open_to_containers
from farthing_cli.state import Dev

SAM = ROOT / ".venv-sam" / "bin" / "sam"
EVENTS = ROOT / "events"


def invoke(dev: Dev, event: str) -> int:
    """Send events/<event>.json to its function; the exit code of SAM.

    Raises Failure if there is no such event, no build, or no Docker engine.
    """
    path = EVENTS / f"{event}.json"
    if not path.exists():
        known = ", ".join(sorted(found.stem for found in EVENTS.glob("*.json")))
        raise Failure(f"There is no event {event}. There are: {known}")
    if not SAM.exists() or not (ROOT / ".aws-sam" / "build").exists():
        raise Failure("Run `make build` first: sam local runs what sam build made.")
    account = Account.of(dev)
    with open_to_containers(dev) as host, tempfile.TemporaryDirectory() as folder:
        variables = Path(folder) / "env.json"
        variables.write_text(json.dumps(sam_env.of(account, dev.stack_name, host)))
        command = [
            *(str(SAM), "local", "invoke", logical_id(event.split(".", maxsplit=1)[0])),
            *("--event", str(path), "--env-vars", str(variables), "--skip-pull-image"),
        ]
        return subprocess.run(command, cwd=ROOT, env=credentials(account), check=False).returncode


def logical_id(function: str) -> str:
    """`payment_intents` → `PaymentIntentsFunction`. Raises Failure if there is none."""
    source = template.load(TEMPLATE)
    for name in template.functions(source):
        if template.folder_name(source, name) == function:
            return name
    raise Failure(f"There is no function {function}.")


def credentials(account: Account) -> dict[str, str]:
    """The environment for SAM: the stack's credentials, and none of the user's."""
    return {
        **os.environ,
        "AWS_ACCESS_KEY_ID": account.access_key_id,
        "AWS_SECRET_ACCESS_KEY": account.secret_access_key,
        "AWS_DEFAULT_REGION": account.region,
        "AWS_SESSION_TOKEN": "",
        "SAM_CLI_TELEMETRY": "0",
    }
