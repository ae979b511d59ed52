"""Many people at the home page at once, over Streamlit's own websocket: as browsers, but without drawing.

    python -m tools.visitors URL [--people 50] [--turns 3] [--log app.log]

URL is of an app on this host with its artifacts built; AWIY_HOSTED=1 for the demo. Prints how long they
waited, what was refused and why, and the app's memory at the beginning and at the end; exits with 1 when an
answer is missing or somebody else's, or the log has a traceback. Needs requirements-dev.txt.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_plus, urlsplit

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

LONGEST_S = 900.0
LARGEST_MESSAGE = 64 * 1024 * 1024
REFUSALS = ("sentences wait already", "sentences of yours wait already")


@dataclass
class Visitor:
    """One person: the sentences, how long each took until its answer, and what went wrong."""

    url: str
    number: int
    waits_s: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def text(self, turn: int) -> str:
        return f"Visitor {self.number} liked film number {turn} of this evening."

    async def visit(self, turns: int) -> None:
        """Type so many sentences, one after the other, each in a session of its own: as who opens a link."""
        address = f"{self.url.replace('http', 'ws', 1)}/_stcore/stream"
        for turn in range(turns):
            began = time.monotonic()
            try:
                async with connect(
                    address, subprotocols=[Subprotocol("streamlit")], max_size=LARGEST_MESSAGE
                ) as connection:
                    told = await asyncio.wait_for(self.ask(connection, self.text(turn)), LONGEST_S)
            except (TimeoutError, ConnectionClosed) as error:
                self.wrong.append(f"visitor {self.number}: no answer ({type(error).__name__})")
                return
            if told:
                self.refused.append(told)
            else:
                self.waits_s.append(time.monotonic() - began)

    async def ask(self, connection: ClientConnection, text: str) -> str:
        """Have the page drawn for a text; return why it was refused, empty where it was answered."""
        message = BackMsg()
        message.rerun_script.query_string = f"sentence={quote_plus(text)}"
        await connection.send(message.SerializeToString())
        download, errors = "", []
        while True:
            data = await connection.recv()
            assert isinstance(data, bytes)
            forward = ForwardMsg()
            forward.ParseFromString(data)
            kind = forward.WhichOneof("type")
            if kind == "delta" and forward.delta.WhichOneof("type") == "new_element":
                element = forward.delta.new_element
                if (
                    element.WhichOneof("type") == "download_button"
                    and element.download_button.label == "JSON"
                ):
                    download = element.download_button.url
                if element.WhichOneof("type") == "alert":
                    errors.append(element.alert.body)
                if element.WhichOneof("type") == "exception":
                    self.wrong.append(f"visitor {self.number}: {element.exception.message[:200]}")
            if kind == "script_finished" and (download or errors):
                break
        refusals = [body for body in errors if any(one in body for one in REFUSALS)]
        if refusals:
            return refusals[0]
        if not download:
            self.wrong.append(f"visitor {self.number}: {' '.join(errors)[:200]}")
            return ""
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(None, fetch, self.url + download)
        if answer["text"] != text or answer["failures"] or not answer["engines"]:
            self.wrong.append(f"visitor {self.number}: an answer to “{answer['text']}”, {answer['failures']}")
        return ""


def fetch(address: str) -> dict:
    with urllib.request.urlopen(address, timeout=60) as response:
        found: dict = json.load(response)
        return found


def app_of(url: str) -> psutil.Process:
    """Return the process that listens at an address on this host."""
    port = urlsplit(url).port
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return psutil.Process(connection.pid)
    raise SystemExit(f"Nothing listens at {url} on this host.")


async def crowd(url: str, people: int, turns: int) -> list[Visitor]:
    visitors = [Visitor(url, number) for number in range(people)]
    await asyncio.gather(*(visitor.visit(turns) for visitor in visitors))
    return visitors


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--log", type=Path, help="the app's log, which must hold no traceback")
    arguments = parser.parse_args()
    url = arguments.url.rstrip("/")
    app = app_of(url)
    asyncio.run(crowd(url, 1, 1))  # so that engines are loaded
    before_mb, began = app.memory_info().rss / 1e6, time.monotonic()
    visitors = asyncio.run(crowd(url, arguments.people, arguments.turns))
    waits = sorted(seconds for visitor in visitors for seconds in visitor.waits_s)
    refused = [text for visitor in visitors for text in visitor.refused]
    wrong = [text for visitor in visitors for text in visitor.wrong]
    print(
        f"{arguments.people} people, {arguments.turns} sentences each, {time.monotonic() - began:.0f} s: "
        f"{len(waits)} answered, {len(refused)} refused"
    )
    if waits:
        last = waits[min(len(waits) - 1, int(0.95 * len(waits)))]
        print(f"waiting: p50 {statistics.median(waits):.1f} s, p95 {last:.1f} s, longest {waits[-1]:.1f} s")
    print(f"the app's memory: {before_mb:.0f} MB before, {app.memory_info().rss / 1e6:.0f} MB after")
    for text in dict.fromkeys(refused):
        print(f"refused: {text}")
    if arguments.log and "Traceback" in arguments.log.read_text(errors="replace"):
        wrong.append(f"{arguments.log} holds a traceback")
    print("\n".join(wrong) if wrong else "Everybody got their own answer.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
