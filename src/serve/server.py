"""Infinity's API for one classifier of texts, and the Open Inference Protocol (version 2) beside it.

Knows nothing of what answers: whoever makes the app gives it a classifier. POST /predict takes and gives what
Infinity's public traces show; that it takes a list of texts, too, is ours.
"""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from src.serve.desk import Answers, Classifier, Desk, Limits
from src.serve.messages import Ask, Refused, TensorAsk, description, in_words, texts_of_tensors

Handle = Callable[[Request], Awaitable[Response]]
STOP_S = 20  # what was accepted is answered within so many seconds of SIGTERM
GONE = 499  # of who hung up, in the log only
BUCKETS_S = (0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
ELSEWHERE = "(another)"  # a path that is none, in metrics and in the log: there is no end of such
OPEN = ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready")  # without a key, too


class Metrics:
    """What /metrics tells: requests by status, how many wait, and where their time went."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        options: dict[str, Any] = {"registry": self.registry}
        labels = ("path", "status")
        self.requests = Counter("awiy_requests", "Requests, by path and status.", labels, **options)
        waiting = "Requests that wait for their turn, or are being answered."
        self.waiting = Gauge("awiy_waiting", waiting, **options)
        self.parts = Histogram(
            "awiy_request_seconds",
            "Where the time of answered requests went: tokenization, queue, inference, and all of it.",
            ("part",),
            buckets=BUCKETS_S,
            **options,
        )


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
        self.limits = limits
        self.key = key.encode()
        self.log = log
        self.metrics = Metrics()

    # --- answering

    async def answer(self, request: Request, texts: Sequence[str]) -> tuple[Answers, dict[str, float]]:
        """Answer texts, and note for the log what they were. Raises Refused."""
        answers, parts = await self.desk.answer(texts)
        request.state.told = {"texts": len(texts), "tokens": sum(answers.tokens), "parts": parts}
        return answers, parts

    async def predict(self, request: Request) -> Response:
        ask = Ask.model_validate_json(await self.body(request))
        several = isinstance(ask.inputs, list)
        answers, parts = await self.answer(
            request, ask.inputs if isinstance(ask.inputs, list) else [ask.inputs]
        )
        told = [
            {"probabilities": list(pair), "info": {"was_input_truncated": cut, "num_tokens": tokens}}
            for pair, tokens, cut in zip(*answers[:3], strict=True)
        ]
        return answered(told if several else told[0], parts)

    async def infer(self, request: Request) -> Response:
        """Answer by the Open Inference Protocol."""
        self.named(request)
        ask = TensorAsk.model_validate_json(await self.body(request))
        answers, parts = await self.answer(request, texts_of_tensors(ask))
        flat = [value for pair in answers.probabilities for value in pair]
        count = len(answers.tokens)
        outputs = [
            {"name": "probabilities", "shape": [count, 2], "datatype": "FP32", "data": flat},
            {"name": "num_tokens", "shape": [count], "datatype": "INT64", "data": list(answers.tokens)},
            {"name": "truncated", "shape": [count], "datatype": "BOOL", "data": list(answers.truncated)},
        ]
        told = {"model_name": self.about["name"], "model_version": self.about["version"], "outputs": outputs}
        return answered(told if ask.id is None else {**told, "id": ask.id}, parts)

    async def body(self, request: Request) -> bytes:
        """Return a request's body. Raises Refused for one that is too long or too slow."""
        most, body = self.limits.body_bytes, b""
        try:
            async with asyncio.timeout(self.limits.body_s):
                async for part in request.stream():
                    body += part
                    if len(body) > most:
                        raise Refused(
                            413, f"The body has more than {most} bytes. Send shorter texts, or fewer."
                        )
        except TimeoutError as error:
            raise Refused(408, f"The body was not there within {self.limits.body_s:.0f} s.") from error
        return body

    # --- what it is and how it is

    async def live(self, request: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(self, request: Request) -> Response:
        self.desk.check_ready()
        return JSONResponse({"ready": True})

    async def model_ready(self, request: Request) -> Response:
        self.named(request)
        return await self.ready(request)

    async def info(self, request: Request) -> Response:
        limits = {name: getattr(self.limits, name) for name in ("body_bytes", "texts", "waiting")}
        return JSONResponse({**self.about, "limits": limits})

    async def server_info(self, request: Request) -> Response:
        return JSONResponse({"name": self.about["name"], "version": self.about["version"], "extensions": []})

    async def model_info(self, request: Request) -> Response:
        self.named(request)
        tensors = [
            ("probabilities", "FP32", [-1, 2]),
            ("num_tokens", "INT64", [-1]),
            ("truncated", "BOOL", [-1]),
        ]
        return JSONResponse(
            {
                "name": self.about["name"],
                "versions": [self.about["version"]],
                "platform": self.about["platform"],
                "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
                "outputs": [
                    {"name": name, "datatype": datatype, "shape": shape} for name, datatype, shape in tensors
                ],
            }
        )

    async def tell_metrics(self, request: Request) -> Response:
        self.metrics.waiting.set(self.desk.waiting)
        return Response(generate_latest(self.metrics.registry), media_type="text/plain; version=0.0.4")

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(description(self.about, bool(self.key)))

    def named(self, request: Request) -> None:
        """Raise Refused where a path names another model or version."""
        asked = request.path_params
        name, version = self.about["name"], self.about["version"]
        if asked["model"] != name or asked.get("version", version) != version:
            raise Refused(404, f"The model here is {name}, its version {version}.")

    # --- the app

    def app(self) -> Starlette:
        """Return the ASGI application."""
        gets = {
            "/health/live": self.live,
            "/health/ready": self.ready,
            "/v2/health/live": self.live,
            "/v2/health/ready": self.ready,
            "/info": self.info,
            "/metrics": self.tell_metrics,
            "/openapi.json": self.openapi,
            "/v2": self.server_info,
        }
        posts = {"/predict": self.predict}
        for model in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            gets |= {model: self.model_info, f"{model}/ready": self.model_ready}
            posts[f"{model}/infer"] = self.infer
        routes = [Route(path, self.handled(path, handle), methods=["GET"]) for path, handle in gets.items()]
        routes += [
            Route(path, self.handled(path, handle), methods=["POST"]) for path, handle in posts.items()
        ]
        handlers: dict[Any, Any] = {HTTPException: self.no_such_path}
        return Starlette(routes=routes, lifespan=self.lifespan, exception_handlers=handlers)

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


def answered(told: object, parts: Mapping[str, float]) -> Response:
    """Return an answer with Infinity's header and ours, in seconds."""
    headers = {f"x-{part}-time": f"{seconds:.6f}" for part, seconds in parts.items()}
    return Response(json.dumps(told, separators=(",", ":")), headers=headers, media_type="application/json")


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
