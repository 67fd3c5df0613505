"""Hosts on one machine: network namespaces on a bridge, which share the machine's file system."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

NETWORK = "10.213.0"
# Where the machine itself is reached from the hosts.
ADDRESS = f"{NETWORK}.1"


class NoNamespacesError(Exception):
    """This machine lets nobody make network namespaces; the message says what failed."""


@contextmanager
def hosts(count: int) -> Iterator[list[list[str]]]:
    """For each of `count` hosts, what a command begins with that is to run there."""
    bridge = f"vrs{os.getpid()}"
    names = [f"{bridge}h{number}" for number in range(count)]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{ADDRESS}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number, name in enumerate(names):
            _ip("netns", "add", name)
            _ip("link", "add", f"v{os.getpid()}{number}", "type", "veth", "peer", "eth0", "netns", name)
            _ip("link", "set", f"v{os.getpid()}{number}", "master", bridge, "up")
            _ip("-n", name, "addr", "add", f"{NETWORK}.{number + 2}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield [["ip", "netns", "exec", name] for name in names]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", bridge], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    try:
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise NoNamespacesError("ip (iproute2) is not installed") from None
    except subprocess.CalledProcessError as error:
        raise NoNamespacesError(f"ip {' '.join(arguments)}: {error.stderr.strip()}") from None
