"""A way for containers to the local stack, which listens on the loopback address alone.

A container cannot reach its host's 127.0.0.1. It can reach the address that the host has on
Docker's bridge, so this listens there, on the stack's own ports, and passes the bytes on. Nobody
outside this machine's containers can connect.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from ipaddress import ip_network
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from farthing_cli.failure import Failure
from farthing_cli.state import Dev

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 64 * 1024
DOCKER_TIMEOUT_SECONDS = 20


def docker_gateway() -> str:
    """This machine's address on Docker's bridge. Raises Failure without a Docker engine."""
    asked = ["docker", "network", "inspect", "bridge"]
    try:
        answer = subprocess.run(
            asked, capture_output=True, text=True, timeout=DOCKER_TIMEOUT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Failure("sam local needs a Docker engine, and none answers here.") from error
    return gateway_of(json.loads(answer.stdout)[0])


def gateway_of(network: Mapping[str, Any]) -> str:
    """The host's address on a bridge: named, or else the first of its IPv4 subnet.

    Raises Failure if there is none, for an empty address would listen to everybody.
    """
    for config in network["IPAM"]["Config"] or ():
        subnet = ip_network(config["Subnet"])
        if subnet.version == 4:
            return str(config.get("Gateway") or next(subnet.hosts()))
    raise Failure("Docker's bridge has no IPv4 subnet.")


def ports_of(dev: Dev) -> list[int]:
    """The ports that a function talks to: AWS, the API, the acquirer."""
    urls = (dev.aws_endpoint_url, dev.api_url, dev.acquirer_url)
    return sorted({port for url in urls if (port := urlsplit(url).port)})


@contextmanager
def open_to_containers(dev: Dev) -> Iterator[str]:
    """The stack, reachable at the address that this gives, for as long as it is open."""
    gateway = docker_gateway()
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opened = asyncio.run_coroutine_threadsafe(_listen(gateway, ports_of(dev)), loop)
    try:
        stack = opened.result()
        yield gateway
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result()
    except OSError as error:
        raise Failure(f"cannot listen on {gateway}: {error.strerror}") from error
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _listen(gateway: str, ports: Sequence[int]) -> AsyncExitStack:
    stack = AsyncExitStack()
    for port in ports:
        await stack.enter_async_context(await asyncio.start_server(_relay(port), gateway, port))
    return stack


def _relay(port: int) -> Connected:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(LOOPBACK, port)
        await asyncio.gather(_pass_on(reader, there_writer), _pass_on(there_reader, writer))

    return relay


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await source.read(CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()
    sink.close()
