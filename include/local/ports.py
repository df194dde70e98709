"""Free ports on this machine."""

import socket

from include.errors import ConfigurationError

HOST = "127.0.0.1"
TRIES = 50


def free_port(wanted: int) -> int:
    """The wanted port of 127.0.0.1, or the next free one.

    Raises:
        ConfigurationError: none of the `TRIES` ports from it on is free.
    """
    for port in range(wanted, wanted + TRIES):
        with socket.socket() as probe:
            # A server that has just stopped leaves the port in TIME_WAIT, which does not keep others from it.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise ConfigurationError(
        f"None of the ports {wanted} to {wanted + TRIES - 1} is free on {HOST}. Stop what holds them."
    )
