"""`farthing dev`: start, deploy, seed, serve, show logs; and at the end leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from farthing_cli import (
    acquirer_webhook,
    build,
    connectors,
    core_link,
    deploy,
    guide,
    logs,
    seed,
    shop_pages,
    state,
    template,
    warm,
)
from farthing_cli.access_table import AccessTable
from farthing_cli.aws import Account
from farthing_cli.emulator import ACCESS_KEY_ID, REGION, Emulator
from farthing_cli.failure import Failure
from farthing_cli.front import DEFAULT_PORT, SHOP_PORT_OFFSET, Front, Upstreams, setting
from farthing_cli.project import TEMPLATE, run_folder
from farthing_cli.shop import Merchant, Shop

Result = TypeVar("Result")
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """Somebody asked us to end: Ctrl-C, a signal, a closed terminal.

    Like KeyboardInterrupt no Exception, so that no library takes it for a failure of its own.
    """


class LocalStack:
    """The parts of one local stack, from first to last."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._parts = contextlib.ExitStack()
        self._began_at = time.monotonic()
        self._meanwhile = ThreadPoolExecutor(1)

    def start(self) -> tuple[state.Dev, Account]:
        """Start everything. What is started is ended by `end`, also after a failure half-way."""
        lock = state.Lock()
        lock.take()
        self._parts.callback(lock.release)
        state.withdraw()
        connectors.require_all_safe({"SandboxIdempotent": deploy.sandbox_idempotent()})
        front = Front(setting("FARTHING_PORT", DEFAULT_PORT))
        self._parts.callback(front.close)
        shop = Shop(front.port + SHOP_PORT_OFFSET)
        self._parts.callback(shop.close)
        folder, third_party = run_folder(os.getpid()), build.third_party_folder()
        emulator = Emulator(packages=(core_link.path(folder), third_party), folder=folder)
        self._parts.callback(emulator.end)
        self._emulator = emulator
        emulator.start()
        third_party_built = self._meanwhile.submit(build.third_party)
        core = self._step("Core layer", build.core)
        core_link.point(folder, core)
        build.forget_all_but(core, third_party)
        zips = self._step("Functions", lambda: deploy.packages(template.load(TEMPLATE)))
        self._step("MiniStack", emulator.wait)
        account = Account(emulator.url, REGION, ACCESS_KEY_ID, emulator.secret_access_key)
        stack = self._step("Stack", lambda: deploy.deploy(account, zips, front))
        dev = self._step("Merchants", lambda: _dev(account, stack, front))
        front.connect(
            Upstreams(
                api=emulator.url + stack.api_path("ApiId"),
                tokens=emulator.url + stack.api_path("TokensApiId"),
                acquirer=emulator.url + stack.api_path("AcquirerApiId"),
            )
        )
        self._step("Third-party packages", third_party_built.result)
        failed = self._step("Warm functions", lambda: warm.warm(dev, account))
        if failed:
            self._console.print(f"  [yellow]did not wake: {', '.join(failed)}[/]")
        shop.open(Merchant(dev.api_url, dev.tokens_url, dev.secret_key, dev.publishable_key))
        self._step(
            "Acquirer's webhooks", lambda: acquirer_webhook.register(dev, account, stack.outputs)
        )
        self._parts.callback(state.withdraw)
        state.publish(dev)
        self._console.print(f"[bold green]Ready[/] in {self._elapsed():.1f} s\n")
        return dev, account

    def follow_logs(self, dev: state.Dev, account: Account, since_milliseconds: int) -> None:
        """Show what the functions log, until MiniStack ends. Raises Failure when it does."""
        follower = logs.Follower(account, dev.stack_name, since_milliseconds)
        while self._emulator.is_alive():
            with contextlib.suppress(BotoCoreError, ClientError):  # too busy to answer, or gone
                for line in follower.read():
                    self._console.print(line.render(), soft_wrap=True)
            time.sleep(logs.POLL_SECONDS)
        raise Failure(f"MiniStack ended by itself.\n{self._emulator.log_tail()}")

    def end(self) -> None:
        """End every process, close every port, remove every temporary file."""
        self._parts.close()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began_at

    def _step(self, name: str, do: Callable[[], Result]) -> Result:
        began_at = time.monotonic()
        with self._console.status(f"{name} …"):
            result = do()
        took = time.monotonic() - began_at
        self._console.print(f"[green]✓[/] {name} [dim]{took:.1f} s[/]")
        return result


def run(console: Console) -> None:
    """Run the local stack until somebody ends it."""
    with _endings_raise():
        local = LocalStack(console)
        try:
            dev, account = local.start()
            console.print(guide.addresses(dev), highlight=False, soft_wrap=True)
            console.print(
                f"\n{guide.commands(dev)}\n", highlight=False, markup=False, soft_wrap=True
            )
            console.print("Logs of the functions follow. Ctrl-C ends everything.\n", style="dim")
            local.follow_logs(dev, account, logs.now_milliseconds())
        except Ended:
            console.print("\nEnding …")
        finally:
            for number in ENDINGS:  # a second Ctrl-C must not leave half of it behind
                signal.signal(number, signal.SIG_IGN)
            local.end()


def _dev(account: Account, stack: deploy.Stack, front: Front) -> state.Dev:
    table = AccessTable(account.client("dynamodb"), stack.outputs["AccessTable"])
    origins = [*front.page_origins, *front.shop_origins]
    demo = seed.merchant(table, shop_pages.NAME, origins, shop_pages.COLOUR)
    other = seed.merchant(table, "Somebody else")
    return state.Dev(
        api_url=front.api_url,
        tokens_url=front.tokens_url,
        acquirer_url=front.acquirer_url,
        dashboard_url=f"{front.api_url}/dashboard",
        checkout_url=f"{front.api_url}/checkout",
        shop_url=front.shop_url,
        aws_endpoint_url=account.endpoint_url,
        aws_region=account.region,
        aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
        secret_key=demo.secret_key,
        publishable_key=demo.publishable_key,
        merchant_id=demo.merchant_id,
        other_secret_key=other.secret_key,
        stack_name=stack.name,
        pid=os.getpid(),
    )


@contextlib.contextmanager
def _endings_raise() -> Iterator[None]:
    def end(*_: object) -> None:
        raise Ended

    before = {number: signal.signal(number, end) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
