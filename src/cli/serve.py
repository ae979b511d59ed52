"""The command `serve`: one engine behind HTTP, by the API that Infinity had."""

import argparse
import os
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from src.cli.console import err, progress_bar
from src.engines import registry
from src.errors import Explained
from src.host import machine
from src.model import source
from src.workers.pool import Pool

HOST, PORT, ENGINE = "127.0.0.1", 8080, "onnxruntime-int8-fused"
KEY = "AWIY_SERVE_KEY"


class NotFree(Explained):
    """The server cannot listen where it is to. The message says why."""


class NoServer(Explained):
    """A folder has no server. The message says what to do."""


def serve(arguments: argparse.Namespace) -> int:
    check_free(arguments.host, arguments.port)
    key = os.environ.get(KEY, "")
    if arguments.host != HOST and not key:
        err.print(
            f"Whoever reaches {arguments.host} may ask this server, as it has no key. Give it one: {KEY}=…",
            highlight=False,
        )
    if arguments.bundle:
        serve_bundle(Path(arguments.bundle).absolute(), arguments.host, arguments.port, key)
    # What they import takes a while, and no other command needs it.
    from src.serve import engine, server
    from src.serve.desk import Limits

    spec = registry.get(arguments.engine)
    model = source.parse(arguments.model)
    with closing(Pool()) as pool:
        with progress_bar() as tell:
            loaded = engine.load(pool, spec, model, arguments.threads or machine.default_threads(), tell)
        err.print(
            f"{spec.title}: http://{arguments.host}:{arguments.port}/predict. Ready once /health/ready is.",
            highlight=False,
        )
        served = server.Server(
            engine.WorkerClassifier(loaded),
            loaded.about,
            Limits(),
            key,
            lambda line: print(line, flush=True),
        )
        server.run(served, arguments.host, arguments.port)
    return 0


def serve_bundle(folder: Path, host: str, port: int, key: str) -> NoReturn:
    """Become the server of a bundle, by the folder's own environment if it has one. Raises NoServer."""
    if not (folder / "serve.py").is_file():
        raise NoServer(f"{folder} has no serve.py. Make a folder that has: python -m src bundle latest DIR")
    own = folder / "venv" / "bin" / "python"
    python = str(own if own.exists() else sys.executable)
    command = [python, str(folder / "serve.py"), "--host", host, "--port", str(port)]
    os.execve(python, command, {**os.environ, "SERVE_KEY": key})


def check_free(host: str, port: int) -> None:
    """Raise NotFree where nobody can listen: before seconds are spent on loading."""
    try:
        with closing(socket.create_server((host, port))):
            pass
    except (OSError, OverflowError) as error:
        raise NotFree(f"It cannot listen on {host}:{port} ({error}). Choose another: --port") from error


def add_command(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add this command to the command line."""
    parser = command("serve", serve, "Serve one engine by Infinity's API, on this machine.", json_flag=False)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--engine", metavar="ID", default=ENGINE, help=f"which ({ENGINE})")
    what.add_argument("--bundle", metavar="DIR", help="or the folder that `bundle` made, by its own code")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"({PORT})")
    parser.add_argument(
        "--host",
        default=HOST,
        metavar="ADDRESS",
        help=f"where it listens ({HOST}: this machine alone; whoever may ask sends the key in {KEY}, if any)",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="of the engine")
    parser.add_argument("--model", metavar="MODEL", help="embedded, hub, or a checkpoint's folder")
    parser.set_defaults(json=False)
