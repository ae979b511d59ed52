"""`python -m src serve` as its users start it, with a real engine."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import command_line
from tests.conftest import DEMO, gone_within, runs
from tests.serving import Serving

ENGINE = "onnxruntime-fp32"
COMMAND = ("-m", "src", "serve", "--engine", ENGINE)
LONG = " ".join(["It is a fine film."] * 200)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path / "log.txt", COMMAND)
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
    again = Serving(tmp_path / "log.txt", COMMAND)
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
