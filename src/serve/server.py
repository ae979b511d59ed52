"""Infinity's API for one classifier of texts, and the Open Inference Protocol (version 2) beside it.

Knows nothing of what answers: whoever makes the app gives it a classifier. POST /predict takes and gives what
Infinity's public traces show; that it takes a list of texts, too, is ours.
"""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from src.serve.desk import Classifier, Desk, Limits
from src.serve.handlers import Answering, Handle, Metrics, Telling
from src.serve.messages import Refused, in_words

STOP_S = 20  # what was accepted is answered within so many seconds of SIGTERM
GONE = 499  # of who hung up, in the log only
ELSEWHERE = "(another)"  # a path that is none, in metrics and in the log: there is no end of such
OPEN = ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready")  # without a key, too


class Server:
    """One classifier behind HTTP. `about` is what /info tells: `name`, `version`, `platform` and more. `log`
    takes a line of JSON for each request, which never holds its text.
    """

    def __init__(
        self,
        classifier: Classifier,
        about: Mapping[str, Any],
        limits: Limits,
        key: str = "",
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.desk = Desk(classifier, limits)
        self.about = about
        self.key = key.encode()
        self.log = log
        self.metrics = Metrics()

    def app(self) -> Starlette:
        """Return the ASGI application."""
        telling = Telling(self.desk, self.about, self.metrics, bool(self.key))
        routes = [
            Route(path, self.handled(path, handle), methods=[method])
            for method, handles in (
                ("GET", telling.routes()),
                ("POST", Answering(self.desk, self.about).routes()),
            )
            for path, handle in handles.items()
        ]
        handlers: dict[Any, Any] = {HTTPException: self.no_such_path}
        app = Starlette(routes=routes, lifespan=self.lifespan, exception_handlers=handlers)
        app.router.redirect_slashes = False  # /predict/ is no path: a client that posts follows no redirect
        return app

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Warm up beside answering: until then it is live, and not ready."""
        task = asyncio.create_task(self.desk.warm_up())
        yield
        task.cancel()

    def handled(self, path: str, handle: Handle) -> Handle:
        """Return a handler whose refusals are answers, whose requests are counted and told in the log."""

        async def handler(request: Request) -> Response:
            began = time.perf_counter()
            try:
                self.admit(path, request)
                response = await handle(request)
            except Refused as refusal:
                response = JSONResponse({"error": refusal.message}, refusal.status)
            except ValidationError as error:
                response = JSONResponse({"error": in_words(error)}, 422)
            except ClientDisconnect:
                response = Response(status_code=GONE)  # nobody reads it
            seconds = time.perf_counter() - began
            response.background = BackgroundTask(self.note, path, request, response.status_code, seconds)
            return response

        return handler

    async def no_such_path(self, request: Request, error: HTTPException) -> Response:
        """Answer what no handler takes; it is counted and told in the log, too."""
        what = "There is no such path" if error.status_code == 404 else error.detail
        told = {"error": f"{what}: {request.method} {request.url.path}. /openapi.json lists what there is."}
        note = BackgroundTask(self.note, ELSEWHERE, request, error.status_code, 0.0)
        return JSONResponse(told, error.status_code, error.headers, background=note)

    def admit(self, path: str, request: Request) -> None:
        """Raise Refused for who has not the key, where there is one."""
        if self.key and path not in OPEN:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self.key):
                raise Refused(401, "Send the key of this server: Authorization: Bearer KEY.")

    async def note(self, path: str, request: Request, status: int, seconds: float) -> None:
        """Count a request and write its line of the log, once it is answered."""
        self.metrics.requests.labels(path, str(status)).inc()
        told = getattr(request.state, "told", {})
        parts = told.get("parts", {})
        for part, part_s in {**parts, "all": seconds}.items() if parts else ():
            self.metrics.parts.labels(part).observe(part_s)
        line = {"time": round(time.time(), 3), "path": path, "status": status, "ms": round(seconds * 1000, 3)}
        line |= {name: told[name] for name in ("texts", "tokens") if name in told}
        line |= {f"{part}_ms": round(part_s * 1000, 3) for part, part_s in parts.items()}
        self.log(json.dumps(line))


def run(server: Server, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C; then answer what was accepted, for at most STOP_S seconds."""
    import uvicorn

    uvicorn.run(
        server.app(),
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=STOP_S,
    )
