"""What answers each request, before it is counted and told in the log (server.py)."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from src.facts import Facts
from src.serve.desk import Answers, Desk
from src.serve.messages import Ask, Refused, TensorAsk, description, texts_of_tensors

Handle = Callable[[Request], Awaitable[Response]]
BUCKETS_S = (0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
MODELS = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")


class Metrics:
    """What /metrics tells: requests by status, how many wait, and where their time went."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        options: Facts = {"registry": self.registry}
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


class Answering:
    """Answers texts, in Infinity's form and in the Open Inference Protocol's."""

    def __init__(self, desk: Desk, about: Mapping[str, object]) -> None:
        self.desk = desk
        self.about = about

    def routes(self) -> dict[str, Handle]:
        """Return what answers a POST, by path."""
        return {"/predict": self.predict, **{f"{model}/infer": self.infer for model in MODELS}}

    async def answer(self, request: Request, texts: Sequence[str]) -> tuple[Answers, dict[str, float]]:
        """Answer texts, and note for the log what they were. Raises Refused."""
        answers, parts = await self.desk.answer(texts)
        request.state.told = {"texts": len(texts), "tokens": sum(answers.tokens), "parts": parts}
        return answers, parts

    async def predict(self, request: Request) -> Response:
        ask = Ask.model_validate_json(await self.body(request))
        texts = [ask.inputs] if isinstance(ask.inputs, str) else ask.inputs
        answers, parts = await self.answer(request, texts)
        told = [
            {"probabilities": list(pair), "info": {"was_input_truncated": cut, "num_tokens": tokens}}
            for pair, tokens, cut in zip(*answers[:3], strict=True)
        ]
        return answered(told if texts is ask.inputs else told[0], parts)

    async def infer(self, request: Request) -> Response:
        """Answer by the Open Inference Protocol."""
        check_named(request, self.about)
        ask = TensorAsk.model_validate_json(await self.body(request))
        answers, parts = await self.answer(request, texts_of_tensors(ask))
        flat = [value for pair in answers.probabilities for value in pair]
        count = len(answers.tokens)
        data = (flat, list(answers.tokens), list(answers.truncated))
        outputs = [
            {**tensor, "data": values} for tensor, values in zip(output_tensors(count), data, strict=True)
        ]
        told = {"model_name": self.about["name"], "model_version": self.about["version"], "outputs": outputs}
        return answered(told if ask.id is None else {**told, "id": ask.id}, parts)

    async def body(self, request: Request) -> bytes:
        """Return a request's body. Raises Refused for one that is too long or too slow."""
        limits, body = self.desk.limits, b""
        try:
            async with asyncio.timeout(limits.body_s):
                async for part in request.stream():
                    body += part
                    if len(body) > limits.body_bytes:
                        what = f"The body has more than {limits.body_bytes} bytes."
                        raise Refused(413, f"{what} Send shorter texts, or fewer.")
        except TimeoutError as error:
            raise Refused(408, f"The body was not there within {limits.body_s:.0f} s.") from error
        return body


class Telling:
    """Tells what is served and how it is."""

    def __init__(self, desk: Desk, about: Mapping[str, object], metrics: Metrics, keyed: bool) -> None:
        self.desk = desk
        self.about = about
        self.metrics = metrics
        self.keyed = keyed

    def routes(self) -> dict[str, Handle]:
        """Return what answers a GET, by path."""
        of_models = dict.fromkeys(MODELS, self.model_info)
        return {
            **of_models,
            **{f"{model}/ready": self.model_ready for model in MODELS},
            "/health/live": self.live,
            "/health/ready": self.ready,
            "/v2/health/live": self.live,
            "/v2/health/ready": self.ready,
            "/info": self.info,
            "/metrics": self.tell_metrics,
            "/openapi.json": self.openapi,
            "/v2": self.server_info,
        }

    async def live(self, request: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(self, request: Request) -> Response:
        self.desk.check_ready()
        return JSONResponse({"ready": True})

    async def model_ready(self, request: Request) -> Response:
        check_named(request, self.about)
        return await self.ready(request)

    async def info(self, request: Request) -> Response:
        limits = {name: getattr(self.desk.limits, name) for name in ("body_bytes", "texts", "waiting")}
        return JSONResponse({**self.about, "limits": limits})

    async def server_info(self, request: Request) -> Response:
        return JSONResponse({"name": self.about["name"], "version": self.about["version"], "extensions": []})

    async def model_info(self, request: Request) -> Response:
        check_named(request, self.about)
        return JSONResponse(
            {
                "name": self.about["name"],
                "versions": [self.about["version"]],
                "platform": self.about["platform"],
                "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
                "outputs": output_tensors(-1),
            }
        )

    async def tell_metrics(self, request: Request) -> Response:
        self.metrics.waiting.set(self.desk.waiting)
        return Response(generate_latest(self.metrics.registry), media_type="text/plain; version=0.0.4")

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(description(self.about, self.keyed))


def output_tensors(texts: int) -> list[Facts]:
    """Return what the Open Inference Protocol is told of the outputs for so many texts; -1: any number."""
    of_each = [texts]
    tensors = (
        ("probabilities", "FP32", [texts, 2]),
        ("num_tokens", "INT64", of_each),
        ("truncated", "BOOL", of_each),
    )
    return [{"name": name, "datatype": kind, "shape": shape} for name, kind, shape in tensors]


def check_named(request: Request, about: Mapping[str, object]) -> None:
    """Raise Refused where a path names another model or version."""
    asked = request.path_params
    name, version = about["name"], about["version"]
    if asked["model"] != name or asked.get("version", version) != version:
        raise Refused(404, f"The model here is {name}, its version {version}.")


def answered(told: object, parts: Mapping[str, float]) -> Response:
    """Return an answer with Infinity's header and ours, in seconds."""
    headers = {f"x-{part}-time": f"{seconds:.6f}" for part, seconds in parts.items()}
    return Response(json.dumps(told, separators=(",", ":")), headers=headers, media_type="application/json")
