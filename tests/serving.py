"""A server as its users start it, on a port that was free."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import psutil

from tests.conftest import ROOT

READY_S = 120


class Serving:
    """A server and its log. `command` is what Python is given, but the port."""

    def __init__(
        self,
        log: Path,
        command: Sequence[str],
        cwd: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        key: str = "",
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log, self.key = log, key
        python = [sys.executable, *command, "--port", str(self.port)]
        with open(log, "wb") as stream:
            self.process = subprocess.Popen(
                python, cwd=cwd, env=environment, stdout=stream, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + READY_S
        while self.ready() != 200:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def ready(self) -> int:
        try:
            return self.ask(None, "/health/ready", "GET")[0]
        except OSError:
            return 0

    def ask(
        self,
        body: object,
        path: str = "/predict",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict, dict]:
        """Return the status, the answer and the headers; the key is sent unless other `headers` are given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        given = {"Authorization": f"Bearer {self.key}"} if headers is None else dict(headers)
        with closing(connection):
            connection.request(method, path, json.dumps(body) if method == "POST" else None, given)
            response = connection.getresponse()
            return response.status, json.loads(response.read()), dict(response.getheaders())

    def worker(self) -> psutil.Process:
        (worker,) = psutil.Process(self.process.pid).children()
        return worker

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
