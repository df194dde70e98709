"""Ports of this machine, and HTTP to them."""

import socket
import sys
import urllib.request

from include.errors import ConfigurationError

HOST = "127.0.0.1"
TRIES = 50
# Asks past any proxy that the environment names: no proxy knows the servers of this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

_claims: dict[int, socket.socket] = {}


def free_port(wanted: int) -> int:
    """The wanted port of this machine, or the next free one; another `make run` does not get it meanwhile.

    Raises:
        ConfigurationError: none of the `TRIES` ports from it on is free.
    """
    for port in range(wanted, wanted + TRIES):
        if _is_free(port) and _claim(port):
            return port
    raise ConfigurationError(
        f"None of the ports {wanted} to {wanted + TRIES - 1} is free on {HOST}. Stop what holds them."
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A server that has just stopped leaves the port in TIME_WAIT, which does not keep others from it.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _claim(port: int) -> bool:
    """Take a port until this process ends: seconds pass between the choice and the server that listens.

    The claim is a name that the kernel gives to one process only and takes back when it dies (Linux).
    """
    if port in _claims or sys.platform != "linux":
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0nightshift-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims[port] = claim
    return True
