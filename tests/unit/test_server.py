"""The server over real connections, before a classifier whose answers and troubles are known."""

import asyncio
import contextlib
import http.client
import json
import random
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvicorn

from src.serve.desk import Answers, Limits, Unanswered
from src.serve.server import Server

ABOUT = {"name": "some-engine", "version": "0123abcd", "platform": "Some Engine"}
LIMITS = Limits(body_bytes=2000, body_s=0.3, texts=3, waiting=4)
SLOW, BROKEN, LOST = "slow", "broken", "lost"


class Known:
    """Answers with the share of a text that is the letter a; a text's words are its tokens."""

    def __init__(self) -> None:
        self.warm = threading.Event()
        self.asked = 0

    async def warm_up(self) -> None:
        while not self.warm.is_set():
            await asyncio.sleep(0.01)

    async def infer(self, texts: Sequence[str]) -> Answers:
        self.asked += 1
        if SLOW in texts:
            await asyncio.sleep(0.2)
        if BROKEN in texts:
            raise Unanswered("It does not like this text.")
        if LOST in texts:
            raise Unanswered("It is gone.", lost=True)
        shares = [text.count("a") / max(1, len(text)) for text in texts]
        pairs = [(1 - share, share) for share in shares]
        return Answers(pairs, [len(text.split()) for text in texts], [False] * len(texts), 0.001, 0.002)


class Served:
    """A server in a thread of this process."""

    def __init__(self, key: str = "", limits: Limits = LIMITS) -> None:
        self.classifier = Known()
        self.lines: list[str] = []
        self.server = Server(self.classifier, ABOUT, limits, key, self.lines.append)
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(self.server.app(), log_level="error", ws="none", lifespan="on")
        self.uvicorn = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.uvicorn.run, kwargs={"sockets": [listening]})
        self.thread.start()

    def ask(
        self, body: object, path: str = "/predict", method: str = "POST", **headers: str
    ) -> tuple[int, dict, dict[str, str]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, data if method == "POST" else None, headers)
            response = connection.getresponse()
            told = response.read()
            if response.getheader("content-type", "").startswith("application/json"):
                return response.status, json.loads(told), dict(response.getheaders())
            return response.status, {"text": told.decode()}, dict(response.getheaders())

    def get(self, path: str) -> tuple[int, dict, dict[str, str]]:
        return self.ask(b"", path, "GET")

    def stop(self) -> None:
        self.uvicorn.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    made.classifier.warm.set()
    while made.get("/health/ready")[0] != 200:
        pass
    yield made
    made.stop()


def test_it_is_live_at_once_and_ready_once_it_is_warm():
    served = Served()
    try:
        assert served.get("/health/live")[0] == served.get("/v2/health/live")[0] == 200
        for path in ("/health/ready", "/v2/health/ready", "/v2/models/some-engine/ready"):
            status, told, _ = served.get(path)
            assert status == 503
            assert "warming up" in told["error"]
        assert served.ask({"inputs": "a b"})[0] == 503
        served.classifier.warm.set()
        while (status := served.get("/health/ready")[0]) != 200:
            assert status == 503
        assert served.ask({"inputs": "a b"})[0] == 200
    finally:
        served.stop()


def test_it_answers_in_infinitys_form(served: Served):
    status, told, headers = served.ask({"inputs": "aab b"})
    assert status == 200
    assert told == {"probabilities": [0.6, 0.4], "info": {"was_input_truncated": False, "num_tokens": 2}}
    assert headers["content-type"] == "application/json"
    compute, queue = float(headers["x-compute-time"]), float(headers["x-queue-time"])
    assert 0 < compute < 1
    assert 0 <= queue < 1
    assert (headers["x-tokenization-time"], headers["x-inference-time"]) == ("0.001000", "0.002000")


def test_several_texts_are_answered_in_their_order(served: Served):
    _, told, _ = served.ask({"inputs": ["a", "b c", "ab"]})
    assert [answer["probabilities"][1] for answer in told] == [1, 0, 0.5]
    assert [answer["info"]["num_tokens"] for answer in told] == [1, 2, 1]
    assert served.ask({"inputs": ["a"]})[1] == told[:1], "a list of one is a list"


def test_the_open_inference_protocol(served: Served):
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["a", "b c"]}
    for path in ("/v2/models/some-engine/infer", "/v2/models/some-engine/versions/0123abcd/infer"):
        status, told, headers = served.ask({"id": "7", "inputs": [tensor]}, path)
        assert status == 200
        assert (told["id"], told["model_name"], told["model_version"]) == ("7", "some-engine", "0123abcd")
        outputs = {output["name"]: output for output in told["outputs"]}
        assert outputs["probabilities"]["data"] == [0, 1, 1, 0]
        assert outputs["probabilities"]["shape"] == [2, 2]
        assert outputs["num_tokens"]["data"] == [1, 2]
        assert "x-compute-time" in headers
    about = served.get("/v2/models/some-engine")[1]
    assert [output["name"] for output in about["outputs"]] == list(outputs)
    assert served.get("/v2")[1]["version"] == "0123abcd"
    for path in ("/v2/models/another/infer", "/v2/models/some-engine/versions/2/infer"):
        status, told, _ = served.ask({"inputs": [tensor]}, path)
        assert status == 404
        assert "some-engine" in told["error"]


TENSOR = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}


@pytest.mark.parametrize(
    ("body", "path", "status", "word"),
    [
        (b"{", "/predict", 422, "JSON"),
        (b"\xff\xfe", "/predict", 422, "JSON"),
        (b'{"inputs": "\\ud800"}', "/predict", 422, "JSON"),
        (b"[" * 1500, "/predict", 422, "JSON"),
        ([], "/predict", 422, "JSON"),
        ({}, "/predict", 422, "inputs"),
        ({"inputs": 3}, "/predict", 422, "string"),
        ({"inputs": ["a", None]}, "/predict", 422, "string"),
        ({"inputs": []}, "/predict", 422, "at least one"),
        ({"inputs": ["a"] * 4}, "/predict", 413, "at most 3"),
        ({"inputs": "a" * 3000}, "/predict", 413, "2000 bytes"),
        ({"inputs": [{**TENSOR, "name": "other"}]}, "/v2/models/some-engine/infer", 422, "“text”"),
        ({"inputs": [{**TENSOR, "datatype": "FP32"}]}, "/v2/models/some-engine/infer", 422, "BYTES"),
        ({"inputs": [{**TENSOR, "shape": [2]}]}, "/v2/models/some-engine/infer", 422, "1 elements"),
        ({"inputs": [{**TENSOR, "data": [1]}]}, "/v2/models/some-engine/infer", 422, "is a text"),
        ({"inputs": [TENSOR, TENSOR]}, "/v2/models/some-engine/infer", 422, "one input"),
        ({"inputs": BROKEN}, "/predict", 503, "does not like"),
        ({"inputs": "a"}, "/elsewhere", 404, "openapi.json"),
        ({"inputs": "a"}, "/health/live", 405, "openapi.json"),
    ],
)
def test_what_cannot_be_answered_is_told_with_what_to_do(
    served: Served, body: object, path: str, status: int, word: str
):
    got, told, _ = served.ask(body, path)
    assert got == status
    assert word in told["error"]
    assert served.ask({"inputs": "a"})[0] == 200, "the next one is answered"


def test_a_classifier_that_is_lost_is_not_asked_again(served: Served):
    assert served.ask({"inputs": LOST})[0] == 503
    asked = served.classifier.asked
    status, told, _ = served.ask({"inputs": "a"})
    assert status == 503
    assert told["error"] == "It is gone."
    assert served.get("/health/ready")[0] == 503
    assert served.get("/health/live")[0] == 200
    assert served.classifier.asked == asked


def test_a_body_that_does_not_come_is_not_waited_for(served: Served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{")
        assert served.ask({"inputs": "a"})[0] == 200, "others are answered meanwhile"
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_more_than_may_wait_are_told_so_and_the_others_answered(served: Served):
    with ThreadPoolExecutor(8) as crowd:
        statuses = sorted(status for status, *_ in crowd.map(served.ask, [{"inputs": SLOW}] * 8))
    assert statuses == [200] * 4 + [429] * 4
    assert served.ask({"inputs": "a"})[0] == 200


def test_who_has_not_the_key_is_refused_but_may_ask_for_its_health():
    served = Served(key="opensesame")
    try:
        served.classifier.warm.set()
        while served.get("/health/ready")[0] != 200:
            pass
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer é"}):
            status, told, _ = served.ask({"inputs": "a"}, **headers)
            assert status == 401
            assert "Authorization" in told["error"]
        assert served.get("/info")[0] == served.get("/metrics")[0] == 401
        assert served.ask({"inputs": "a"}, Authorization="Bearer opensesame")[0] == 200
    finally:
        served.stop()


def test_requests_are_counted_and_told_without_their_texts(served: Served):
    served.ask({"inputs": ["secret words", "a"]})
    served.ask({"inputs": 3})
    served.ask({}, "/elsewhere")
    metrics = served.get("/metrics")[1]["text"]
    assert 'awiy_requests_total{path="/predict",status="200"} 1.0' in metrics
    assert 'awiy_requests_total{path="/predict",status="422"} 1.0' in metrics
    assert 'awiy_requests_total{path="(another)",status="404"} 1.0' in metrics
    assert 'awiy_request_seconds_count{part="queue"} 1.0' in metrics
    lines = [json.loads(line) for line in served.lines if "predict" in line]
    assert [(line["status"], line.get("texts"), line.get("tokens")) for line in lines] == [
        (200, 2, 3),
        (422, None, None),
    ]
    assert lines[0]["compute_ms"] > 0
    assert not [line for line in served.lines if "secret" in line]


def test_what_it_is_and_how_it_is_asked_is_told(served: Served):
    _, about, _ = served.get("/info")
    assert about["name"] == "some-engine"
    assert about["limits"]["texts"] == 3
    _, described, _ = served.get("/openapi.json")
    routes = {route.path for route in served.server.app().routes} - {"/openapi.json"}
    known = set(described["paths"])
    assert known <= routes
    assert {path for path in routes if "versions" not in path} <= known
    answer = described["paths"]["/predict"]["post"]["responses"]
    assert {"200", "413", "422", "429", "503"} <= set(answer)
    for name in json.dumps(described).split("#/components/schemas/")[1:]:
        assert name.partition('"')[0] in described["components"]["schemas"]


def test_whatever_is_sent_it_answers_and_goes_on(served: Served):
    """Random bodies and headers: each is answered by what is documented, or its connection is closed."""
    chance = random.Random(1)
    parts = [
        b'{"inputs": ',
        b'"a"',
        b"[",
        b"]",
        b"}",
        b"\x00",
        b"\xff",
        b"1e999",
        b'"\\u0000"',
        b"null",
        b",",
    ]
    for _ in range(200):
        body = b"".join(chance.choices(parts, k=chance.randrange(8)))
        length = chance.choice([len(body), len(body), 0, 10**9, -1])
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
            connection.sendall(head.encode() + body)
            if length != len(body) or chance.random() < 0.1:
                connection.shutdown(socket.SHUT_WR)  # half closed
            got = connection.recv(100)
        assert not got or got.split()[1] in (b"200", b"400", b"408", b"413", b"422"), (head, body, got)
    assert served.ask({"inputs": "a"})[0] == 200
