"""Free ports, and waiting until a server answers on one."""

import random
import socket
import struct
import time


def free(count):
    """`count` different ports that are free now, as the system chose them."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return numbers


def lasting(wanted=(), taken=()):
    """A free port: one that is wanted, else one below the range that outgoing connections get, so that none takes it
    while its server is stopped. None of those that are taken already."""
    for port in [*wanted, *random.sample(range(10_000, 32_000), 200)]:
        if port in taken:
            continue
        try:
            socket.create_server(("127.0.0.1", port)).close()
            return port
        except OSError:
            continue
    raise RuntimeError("no free port between 10000 and 32000")


def answers_tcp(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def answers_kafka(port):
    """Does a broker answer an ApiVersions request? Only then does it serve others too."""
    request = struct.pack(">hhih", 18, 0, 1, -1)  # key, version, correlation, no client id
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = connection.recv(10)
            return len(head) == 10 and struct.unpack(">iih", head)[1:] == (1, 0)
    except OSError:
        return False


def wait(what, child, log, answers, seconds=90):
    """Waits until `answers()`; fails as soon as the server has ended, with the last lines of its log."""
    deadline = time.monotonic() + seconds
    while not answers():
        if child.poll() is not None:
            raise RuntimeError(f"{what} ended while starting:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not answer within {seconds} s:\n{tail(log)}")
        time.sleep(0.1)


def tail(log):
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
