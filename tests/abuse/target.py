"""A real API process on a real Valkey, to be abused: what each input may do to it, and what is measured of it."""

import json
import re
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import grpc

from service.errors import INTERNAL, REFUSALS

SECONDS = 20.0  # within which any one input is answered, on two busy cores
GROWTH = (
    192 << 10
)  # kilobytes that the API process may grow by: bodies of 20 MB are held for as long as they are read
CODES = {refusal.code: refusal for refusal in REFUSALS.values()}
FRAMEWORK = {
    "not_found",
    "method_not_allowed",
    "invalid_request",
}  # of paths and methods that are none of ours
REFUSED = {refusal.grpc for refusal in REFUSALS.values()} - {INTERNAL.grpc, grpc.StatusCode.UNAVAILABLE}


class Target:
    """The doors of one process, everything that lies around it, and how it has taken what it was sent."""

    def __init__(self, process, http, rpc, redis, data, log):
        self.process, self.http, self.rpc, self.redis = process, http, rpc, redis
        self._data, self._log = data, log
        self._lock = threading.Lock()
        self.inputs = self.accepted = 0
        self.slowest = (0.0, "")
        self.kinds = {}
        self.keys_before = self.keys()
        self.memory_before = self.memory("VmRSS")

    @contextmanager
    def timed(self, what):
        """One input more, which takes no longer than it may."""
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        with self._lock:
            self.inputs += 1
            self.slowest = max(self.slowest, (took, str(what)[:80]))
            kind = str(what).split(":")[0]
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
        assert took < SECONDS, f"{what} took {took:.1f} s"
        assert self.process.poll() is None, f"{what} has ended the API process"

    def ask(self, what, method, path, taken=False, **given):
        """The answer to a bad input: a refusal of the table that names its field; with `taken` it may be a good one."""
        with self.timed(what):
            reply = self.http.request(method, path, **given)
        if reply.is_success and taken:
            self.accepted += 1
            if method == "POST":
                self._take_back(reply)
            return reply
        assert 400 <= reply.status_code < 500 or reply.status_code == 501, (
            what,
            reply.status_code,
            reply.text[:500],
        )
        if method == "HEAD":  # whose answer has no body
            return reply
        if reply.headers.get("content-type") != "application/json":
            assert reply.status_code == 400, (
                what,
                reply.status_code,
            )  # the HTTP server's own, of what is no HTTP
            return reply
        error = reply.json()["error"]
        if error["code"] not in FRAMEWORK:
            assert CODES[error["code"]].status == reply.status_code, (what, error)
        if error["code"] in ("invalid_value", "invalid_media", "media_too_large"):
            assert error["param"] is not None, (what, error)
        assert len(error["message"]) < 5000, (what, len(error["message"]))
        return reply

    def _take_back(self, reply):
        """Delete what a bad input has made that turned out to be a good one."""
        made = reply.json()
        paths = {"video": "/v1/videos", "file": "/v1/files", "webhook_endpoint": "/v1/webhook_endpoints"}
        if (kind := made.get("object")) in paths:
            assert self.http.delete(f"{paths[kind]}/{made['id']}").status_code == 200

    def call(self, what, method, request, metadata=(), taken=False):
        """The same over gRPC, by the name of a method or by what sends; answers with the code, OK if it was taken."""
        problem = found = None
        with self.timed(what):
            try:
                send = getattr(self.rpc, method) if isinstance(method, str) else method
                answer = send(request, metadata=list(metadata), timeout=SECONDS)
                found = list(answer) if isinstance(answer, grpc.Call) else answer
            except grpc.RpcError as refused:
                problem = refused
        if problem is not None:
            assert problem.code() in REFUSED, (what, problem.code(), problem.details())
            return problem.code()
        assert taken, (what, found)
        self.accepted += 1
        for made, path in (
            (getattr(found, "video", None), "videos"),
            (getattr(found, "file", None), "files"),
        ):
            if made is not None and made.id:
                assert self.http.delete(f"/v1/{path}/{made.id}").status_code == 200
        return grpc.StatusCode.OK

    def keys(self):
        """What the store knows of videos, files, webhooks and requests; rates and days wear off by themselves."""
        passing = re.compile(
            r"ciotat:(bucket|spent|place|events|request|warm|load|reaper|sweep|swept|storage)\b|^_kombu|^ciotat$"
        )
        return {name for name in self.redis.keys("*") if not passing.search(name)}

    def left_behind(self):
        """Files and records that were not there before; of nothing that was refused is there any."""
        files = [str(path) for place in ("videos", "scratch") for path in (self._data / place).rglob("*")]
        own = ("ciotat-owner", ".ciotat-owner.type")  # the mark of the storage
        files = [each for each in files if Path(each).is_file() and Path(each).name not in own]
        return files, self.keys() - self.keys_before

    def check(self):
        """Nothing is left of what was sent, and the process is no larger than it may be."""
        deadline = time.monotonic() + 5
        while self.left_behind() != ([], set()) and time.monotonic() < deadline:
            time.sleep(0.05)  # a body that was refused half way is let go when its connection is
        objects, records = self.left_behind()
        assert (objects, records) == ([], set()), (objects, records)
        assert self.memory("VmHWM") - self.memory_before < GROWTH
        assert self.http.get("/livez").status_code == 200

    def memory(self, line):
        """Kilobytes: VmRSS as it is now, VmHWM the most it ever was."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{line}:\s+(\d+)", status)[1])

    def dialled(self):
        """The addresses that the process has connected to, with their ports."""
        lines = [line.split() for line in self._log.read_text().splitlines()]
        return {(line[1], int(line[2])) for line in lines if line[0] == "dial"}

    def figures(self):
        """What is reported in the end."""
        lines = [line.split() for line in self._log.read_text().splitlines()]
        children = max([int(line[1]) for line in lines if line[0] == "child"], default=0)
        return {
            "inputs": self.inputs,
            "of them taken": self.accepted,
            "by kind": dict(sorted(self.kinds.items())),
            "slowest, seconds": round(self.slowest[0], 2),
            "slowest input": self.slowest[1],
            "API process, kB: before, after, most": [
                self.memory_before,
                self.memory("VmRSS"),
                self.memory("VmHWM"),
            ],
            "processes that look into media, kB, most": children,
        }

    def told(self):
        """The figures as text."""
        return json.dumps(self.figures(), indent=2)
