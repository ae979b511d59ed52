"""Send a server what nobody should: broken, wrong, huge, slow and half-closed requests; and right ones.

    python -m tools.fuzz_server http://127.0.0.1:8080 [--requests 10000] [--seed 1] [--slow 3]

The server is `python -m src serve`, or a bundle's. Each answer must have a status that its kind of request
may have; right requests must be answered rightly throughout. Prints how often each kind was answered by what,
and the memory of the process that listens at the beginning and at the end; exits with 1 where something was
wrong. Needs requirements-dev.txt.
"""

import argparse
import json
import random
import socket
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psutil

TIMEOUT_S = 30.0
TEXT = "A warm and funny film."
PIPELINED = 5  # requests sent at once
NO_ANSWER = 0  # the connection was closed without one
Kind = Callable[[random.Random], tuple[list[bytes], set[int]]]  # what is sent, part by part; allowed statuses


@dataclass
class Findings:
    """What was answered, by kind and status; what was wrong, in words."""

    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    wrong: list[str] = field(default_factory=list)


def post(body: bytes, path: str = "/predict", headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


RIGHT = post(json.dumps({"inputs": TEXT}).encode())


def right(rng: random.Random) -> tuple[list[bytes], set[int]]:
    words = ("fine", "dull", "film", "🎬", "naïve", "…")
    text = " ".join(rng.choice(words) for _ in range(rng.randint(1, 40)))
    return [post(json.dumps({"inputs": rng.choice((text, [text], [text, TEXT]))}).encode())], {200}


def wrong_types(rng: random.Random) -> tuple[list[bytes], set[int]]:
    value = rng.choice((None, 1, 1.5, True, {}, {"text": TEXT}, [1], [None], [[TEXT]], [TEXT, 1]))
    body = rng.choice(({"inputs": value}, {"input": TEXT}, [TEXT], TEXT, None, 7))
    return [post(json.dumps(body).encode())], {422}


def bad_json(rng: random.Random) -> tuple[list[bytes], set[int]]:
    whole = json.dumps({"inputs": TEXT}).encode()
    place = rng.randrange(len(whole) - 1)
    others = (whole + b"}", b"", b"NaN", b"[" * 5000, rng.randbytes(rng.randint(1, 200)))
    return [post(rng.choice((whole[:place], *others)))], {422}


def broken_utf8(rng: random.Random) -> tuple[list[bytes], set[int]]:
    inside = rng.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f", b"\\ud800", b"\\udfff x"))
    return [post(b'{"inputs": "so ' + inside + b'"}')], {422}


def odd_text(rng: random.Random) -> tuple[list[bytes], set[int]]:
    text = rng.choice(
        ("", " ", "\x00", "\u202e", "a" * 50_000, "e\u0301" * 300, "\ufeff", "🏳️‍🌈" * 40, "\n\t\r")
    )
    return [post(json.dumps({"inputs": text}).encode())], {200}


def too_much(rng: random.Random) -> tuple[list[bytes], set[int]]:
    many = json.dumps({"inputs": [TEXT] * rng.randint(33, 2000)}).encode()
    long = b'{"inputs": "' + b"a" * 10_000_000 + b'"}'
    return [post(rng.choice((many, many, many, long)))], {413, NO_ANSWER}


def no_texts(rng: random.Random) -> tuple[list[bytes], set[int]]:
    return [post(b'{"inputs": []}')], {422}


def tensors(rng: random.Random) -> tuple[list[bytes], set[int]]:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]}
    tensor[rng.choice(tuple(tensor))] = rng.choice((None, 7, "x", [], [7], ["a", "b", "c"]))
    path = rng.choice(("/v2/models/nobody/infer", "/v2/models//infer", "/v2/models/x/versions/y/infer"))
    return [post(json.dumps({"inputs": [tensor]}).encode(), path)], {404, 422}


def no_such_path(rng: random.Random) -> tuple[list[bytes], set[int]]:
    paths = ("/", "/predict/", "/Predict", "/%00", "/../etc/passwd", "/predict?x=1&y", "/" + "a" * 3000)
    path = rng.choice(paths)
    method = rng.choice(("GET", "PUT", "DELETE", "PATCH", "HEAD"))
    return [f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()], {404, 405}


def no_http(rng: random.Random) -> tuple[list[bytes], set[int]]:
    junk = rng.choice(
        (
            b"\x16\x03\x01\x02\x00\x01\x00",  # who speaks TLS
            b"GET\r\n\r\n",
            b"POST /predict HTTP/9.9\r\n\r\n",
            b"POST /predict HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
            b"POST /predict HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
            rng.randbytes(300) + b"\r\n\r\n",
        )
    )
    return [junk], {400, 404, 405, 422, NO_ANSWER}


def large_headers(rng: random.Random) -> tuple[list[bytes], set[int]]:
    headers = f"X-Long: {'a' * rng.choice((10_000, 200_000))}\r\n"
    return [post(json.dumps({"inputs": TEXT}).encode(), headers=headers)], {200, 400, 431, NO_ANSWER}


def half_closed(rng: random.Random) -> tuple[list[bytes], set[int]]:
    return [RIGHT[: rng.randrange(1, len(RIGHT))], b""], {NO_ANSWER, 400}


def in_parts(rng: random.Random) -> tuple[list[bytes], set[int]]:
    place = rng.randrange(1, len(RIGHT))
    return [RIGHT[:place], RIGHT[place:]], {200}


def chunked(rng: random.Random) -> tuple[list[bytes], set[int]]:
    body = json.dumps({"inputs": TEXT}).encode()
    parts = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in body)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    return [head + parts + b"0\r\n\r\n"], {200}


KINDS: tuple[Kind, ...] = (
    *(right, right, right, wrong_types, bad_json, broken_utf8, odd_text, too_much, no_texts, tensors),
    *(no_such_path, no_http, large_headers, half_closed, in_parts, chunked),
)


def answer(port: int, parts: list[bytes]) -> tuple[int, bytes]:
    """Return the status and the body that come back; an empty part closes this side of the connection."""
    with closing(socket.create_connection(("127.0.0.1", port), TIMEOUT_S)) as connection:
        connection.settimeout(TIMEOUT_S)
        try:
            for part in parts:
                if part:
                    connection.sendall(part)
                else:
                    connection.shutdown(socket.SHUT_WR)
                if len(parts) > 1:
                    time.sleep(0.002)
        except OSError:
            pass  # it may answer, and close, before it has read all
        return read_answer(connection, has_body=not parts[0].startswith(b"HEAD"))


def read_answer(connection: socket.socket, has_body: bool) -> tuple[int, bytes]:
    """Return the first answer that a connection has; that to a HEAD has no body."""
    got = b""
    try:
        while b"\r\n\r\n" not in got and (part := connection.recv(65536)):
            got += part
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        lengths = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")]
        while has_body and lengths and len(body) < lengths[0] and (part := connection.recv(65536)):
            body += part
    except TimeoutError:
        raise
    except OSError:
        return NO_ANSWER, b""
    fields = head.split(b" ", 2)
    return (int(fields[1]), body) if len(fields) > 1 and head.startswith(b"HTTP/") else (NO_ANSWER, b"")


def pipelined(port: int) -> list[int]:
    """Return the numbers of tokens in the answers to requests that were sent at once, each longer than the
    one before it.
    """
    texts = [TEXT * (number + 1) for number in range(PIPELINED)]
    sent = b"".join(post(json.dumps({"inputs": text}).encode()) for text in texts)
    with closing(socket.create_connection(("127.0.0.1", port), TIMEOUT_S)) as connection:
        connection.sendall(sent)
        got = b""
        while got.count(b'"num_tokens"') < PIPELINED and (part := connection.recv(65536)):
            got += part
    pieces = got.split(b'"num_tokens":')[1:]
    return [int(piece.split(b"}")[0]) for piece in pieces]


def slow_body(port: int) -> int:
    """Return the status for a body whose end does not come."""
    return answer(port, [RIGHT[:-3], b" "])[0]


def fuzz(port: int, requests: int, seed: int, slow: int = 0) -> Findings:
    """Send so many requests, and `slow` bodies that never end."""
    rng, findings = random.Random(seed), Findings()
    expected = json.loads(answer(port, [RIGHT])[1])
    for number in range(requests):
        kind = rng.choice(KINDS)
        parts, allowed = kind(rng)
        try:
            status, _ = answer(port, parts)
        except TimeoutError:
            findings.wrong.append(f"request {number}, {kind.__name__}: no answer within {TIMEOUT_S:.0f} s")
            continue
        findings.statuses[kind.__name__][status] += 1
        if status not in allowed:
            findings.wrong.append(f"request {number}, {kind.__name__}: {status} for {parts[0][:200]!r}")
        if number % 10 == 0:
            told = answer(port, [RIGHT])[1]
            if json.loads(told or b"null") != expected:
                findings.wrong.append(f"after request {number} a right one was answered {told[:200]!r}")
        if number % 50 == 0:
            tokens = pipelined(port)
            if len(tokens) != PIPELINED or tokens != sorted(set(tokens)):
                findings.wrong.append(f"{PIPELINED} pipelined requests were not answered in order: {tokens}")
    for _ in range(slow):
        status = slow_body(port)
        findings.statuses["slow_body"][status] += 1
        if status != 408:
            findings.wrong.append(f"a slow body: {status}")
    return findings


def memory_mb(port: int) -> float:
    """Return the resident memory of the process that listens on a port, with its children's."""
    (pid,) = {
        each.pid
        for each in psutil.net_connections("tcp")
        if each.laddr and each.laddr.port == port and each.status == psutil.CONN_LISTEN and each.pid
    }
    process = psutil.Process(pid)
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True))) / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slow", type=int, default=3, help="bodies whose end does not come")
    arguments = parser.parse_args()
    port = urlsplit(arguments.url).port or 80
    fuzz(port, 200, arguments.seed + 1)  # until what is made once is there
    before_mb, began = memory_mb(port), time.monotonic()
    findings = fuzz(port, arguments.requests, arguments.seed, arguments.slow)
    for kind, statuses in sorted(findings.statuses.items()):
        told = ", ".join(f"{status or 'closed'}: {count}" for status, count in sorted(statuses.items()))
        print(f"{kind:14} {told}")
    print(f"{arguments.requests} requests in {time.monotonic() - began:.0f} s; ", end="")
    print(f"memory {before_mb:.1f} MB at the beginning, {memory_mb(port):.1f} MB at the end")
    print(*findings.wrong[:20], sep="\n")
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
