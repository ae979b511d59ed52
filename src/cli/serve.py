"""The command `serve`: one engine behind HTTP, by the API that Infinity had."""

import argparse
import os
import socket
from collections.abc import Callable
from contextlib import closing

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


def serve(arguments: argparse.Namespace) -> int:
    # What they import takes a while, and no other command needs it.
    from src.serve import engine, server
    from src.serve.desk import Limits

    spec = registry.get(arguments.engine)
    model = source.parse(arguments.model)
    key = os.environ.get(KEY, "")
    check_free(arguments.host, arguments.port)
    if arguments.host != HOST and not key:
        err.print(
            f"Whoever reaches {arguments.host} may ask this server, as it has no key. Give it one: {KEY}=…",
            highlight=False,
        )
    with closing(Pool()) as pool:
        with progress_bar() as tell:
            loaded = engine.load(pool, spec, model, arguments.threads or machine.default_threads(), tell)
        err.print(
            f"{spec.title}: http://{arguments.host}:{arguments.port}/predict. Ready once /health/ready is.",
            highlight=False,
        )
        served = server.Server(
            engine.WorkerClassifier(loaded), loaded.about, Limits(), key, lambda line: print(line, flush=True)
        )
        server.run(served, arguments.host, arguments.port)
    return 0


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
    parser.add_argument("--engine", metavar="ID", default=ENGINE, help=f"which ({ENGINE})")
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
