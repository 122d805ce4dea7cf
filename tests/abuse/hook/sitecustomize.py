"""Loaded by the server's process before anything else: writes down each address that is dialled, and tells names.

`ABUSE_LOG` names the file. A line is `dial ADDRESS PORT`, or `child KILOBYTES`: the most that any child so far has
held. Names below `abuse.example` are the addresses in them: `x-127-0-0-1.abuse.example`, with dashes, or hexadecimal
digits of IPv6 behind `six-`; `turn-` says 127.0.0.2, which is allowed, at every odd time, and another one at even ones.
"""

import os
import resource
import socket
import sys
from ipaddress import IPv6Address
from itertools import count

LOG = open(os.environ["ABUSE_LOG"], "a", buffering=1)  # noqa: SIM115 - as long as the process lasts
TURNS = count()
resolved = socket.getaddrinfo


def heard(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        LOG.write("dial {} {}\n".format(*arguments[1][:2]))
    elif event == "subprocess.Popen":
        LOG.write(f"child {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}\n")


def told(host, *given, **more):
    name = str(host).lower()
    if not name.endswith(".abuse.example"):
        return resolved(host, *given, **more)
    kind, _, address = name.removesuffix(".abuse.example").rpartition(".")[2].partition("-")
    if kind == "turn" and next(TURNS) % 2 == 0:
        address = "127.0.0.2"
    found = [str(IPv6Address(int(address, 16)))] if kind == "six" else [address.replace("-", ".")]
    if kind == "both":
        found.insert(0, "127.0.0.2")
    return [
        (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0))
        for each in found
    ]


if "service.cli" in " ".join(sys.orig_argv):
    socket.getaddrinfo = told
    sys.addaudithook(heard)
