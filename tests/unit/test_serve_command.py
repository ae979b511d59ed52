"""`python -m src serve` as its users start it, with a real engine."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests import command_line
from tests.conftest import DEMO, ROOT, gone_within, runs

ENGINE = "onnxruntime-fp32"
LONG = " ".join(["It is a fine film."] * 200)


class Serving:
    """The command, on a port that was free."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = folder / "log.txt"
        command = [sys.executable, "-m", "src", "serve", "--engine", ENGINE, "--port", str(self.port)]
        with open(self.log, "wb") as stream:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 120
        while self.ready() != 200:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def ready(self) -> int:
        try:
            return self.ask(None, "/health/ready", "GET")[0]
        except OSError:
            return 0

    def ask(self, body: object, path: str = "/predict", method: str = "POST") -> tuple[int, dict, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(connection):
            connection.request(method, path, json.dumps(body) if method == "POST" else None)
            response = connection.getresponse()
            return response.status, json.loads(response.read()), dict(response.getheaders())

    def worker(self) -> psutil.Process:
        (worker,) = psutil.Process(self.process.pid).children()
        return worker

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.end()


def test_it_answers_infinitys_demo_as_the_engine_does(serving: Serving):
    status, told, headers = serving.ask({"inputs": DEMO})
    assert status == 200
    assert told["info"] == {"was_input_truncated": False, "num_tokens": 16}
    assert sum(told["probabilities"]) == pytest.approx(1)
    assert float(headers["x-compute-time"]) < 1
    done = command_line.run("predict", DEMO, "--engines", ENGINE, "--json")
    (answer,) = json.loads(done.stdout)["engines"]
    assert told["probabilities"][1] == pytest.approx(answer["probability"], abs=1e-6)
    cut = serving.ask({"inputs": LONG})[1]
    assert cut["info"] == {"was_input_truncated": True, "num_tokens": 512}
    several = serving.ask({"inputs": [DEMO, LONG]})[1]
    assert several == [told, cut]
    about = serving.ask(None, "/info", "GET")[1]
    assert about["name"] == ENGINE
    assert about["engine"]["onnxruntime"]
    assert about["artifact"]
    assert DEMO not in serving.log.read_text()


def test_what_was_accepted_is_answered_before_it_stops(serving: Serving):
    worker = serving.worker()
    with ThreadPoolExecutor(16) as crowd:
        asked = [crowd.submit(serving.ask, {"inputs": [LONG] * 4}) for _ in range(16)]
        while not any(one.done() for one in asked):
            time.sleep(0.01)
        serving.process.send_signal(signal.SIGTERM)
        statuses = [one.result()[0] for one in asked]
    assert statuses == [200] * 16
    assert serving.process.wait(10) in (0, -signal.SIGTERM)
    assert gone_within([worker.pid], 5)


def test_an_engine_that_is_killed_is_told(serving: Serving):
    serving.worker().kill()
    status, told, _ = serving.ask({"inputs": DEMO})
    assert status == 503
    assert "Start the server again" in told["error"]
    assert serving.ready() == 503


def test_no_worker_outlives_it_and_another_is_ready_again(serving: Serving, tmp_path: Path):
    worker = serving.worker()
    serving.process.kill()
    serving.process.wait()
    assert gone_within([worker.pid], 5)
    again = Serving(tmp_path)
    try:
        assert again.ask({"inputs": DEMO})[0] == 200
        assert runs(again.worker().pid)
    finally:
        again.end()


def test_a_port_that_is_taken_is_told_before_anything_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = command_line.run("serve", "--engine", ENGINE, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "--port" in done.stderr
    assert "Loading" not in done.stderr
