"""What the server is asked and what it answers, in Infinity's form and in the Open Inference Protocol's, and
OpenAPI's description of both.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from pydantic.json_schema import models_json_schema

from src.facts import Facts

REFUSALS = {
    401: "The key of this server is missing or wrong.",
    404: "The model here has another name or version.",
    408: "The body came too slowly.",
    413: "The body is too long, or has too many texts.",
    422: "The body is not what is asked for.",
    429: "Too many requests wait.",
    503: "It is warming up, is being stopped, or its engine failed.",
}


class Refused(Exception):
    """A request cannot be answered: its status, and what to do about it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Ask(BaseModel, strict=True):
    inputs: str | list[str] = Field(description="A text; or, which is no part of Infinity's API, several.")


class Info(BaseModel):
    was_input_truncated: bool = Field(description="The text has more tokens than the model reads.")
    num_tokens: int


class Answer(BaseModel):
    probabilities: list[float] = Field(description="Of negative, and of positive.")
    info: Info


class Tensor(BaseModel, strict=True):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class TensorAsk(BaseModel, strict=True):
    id: str | None = None
    inputs: list[Tensor]


class TensorAnswer(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[Tensor]


class Problem(BaseModel):
    error: str = Field(description="What is wrong, and what to do.")


def texts_of_tensors(ask: TensorAsk) -> list[str]:
    """Return the texts of a request in the Open Inference Protocol. Raises Refused."""
    tensors = [tensor for tensor in ask.inputs if tensor.name == "text"]
    if len(ask.inputs) != 1 or not tensors or tensors[0].datatype != "BYTES":
        raise Refused(422, "Send one input: its name “text”, its datatype “BYTES”, its data a list of texts.")
    (tensor,) = tensors
    if tensor.shape not in ([len(tensor.data)], [len(tensor.data), 1]):
        raise Refused(422, f"Its shape is {tensor.shape}, its data has {len(tensor.data)} elements.")
    if not all(isinstance(text, str) for text in tensor.data):
        raise Refused(422, "Each element of its data is a text.")
    return list(tensor.data)


def in_words(error: ValidationError) -> str:
    """Return what is wrong with a body, first things first."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("str", "list[str]"))
    return f"{first['msg']}{f' ({place})' if place else ''}. Send JSON as /openapi.json has it."


# --- OpenAPI


def description(about: Mapping[str, Any], keyed: bool) -> Facts:
    """Return what /openapi.json tells."""
    models = (Ask, Answer, TensorAsk, TensorAnswer, Problem)
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    one = reference(Answer)
    told: Facts = {"oneOf": [one, {"type": "array", "items": one}]}
    paths = {
        "/predict": post("Infinity's API; that it takes several texts is not of it.", Ask, told),
        "/v2/models/{model}/infer": post(
            "Open Inference Protocol, version 2.", TensorAsk, reference(TensorAnswer), ("model",)
        ),
        "/v2/models/{model}/versions/{version}/infer": post(
            "Open Inference Protocol, version 2.", TensorAsk, reference(TensorAnswer), ("model", "version")
        ),
        "/v2/models/{model}": get("What the model takes and gives.", ("model",), 404),
        "/v2/models/{model}/ready": get("Whether it answers.", ("model",), 404, 503),
        "/health/live": get("Whether the process hears."),
        "/health/ready": get("Whether it answers: after warming up.", (), 503),
        "/v2/health/live": get("As /health/live."),
        "/v2/health/ready": get("As /health/ready.", (), 503),
        "/info": get("The model, the engine, and the limits."),
        "/v2": get("The server."),
        "/metrics": get("For Prometheus.", media="text/plain"),
    }
    components: Facts = {"schemas": schemas["$defs"]}
    whole: Facts = {
        "openapi": "3.1.0",
        "info": {"title": about["name"], "version": about["version"]},
        "paths": paths,
    }
    if keyed:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        whole["security"] = [{"key": []}]
    return {**whole, "components": components}


def reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def content(schema: Mapping[str, Any], media: str = "application/json") -> Facts:
    return {media: {"schema": schema}}


def parameters(names: tuple[str, ...]) -> list[Facts]:
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def refusals(*statuses: int) -> Facts:
    return {
        str(status): {"description": REFUSALS[status], "content": content(reference(Problem))}
        for status in statuses
    }


def post(summary: str, ask: type[BaseModel], told: Mapping[str, Any], names: tuple[str, ...] = ()) -> Facts:
    seconds = {"schema": {"type": "string"}, "description": "Seconds, as a decimal."}
    parts = ("compute", "tokenization", "queue", "inference")
    answered = {
        "description": "The answer.",
        "headers": {f"x-{part}-time": seconds for part in parts},
        "content": content(told),
    }
    statuses = [status for status in REFUSALS if status != 404 or names]
    return {
        "post": {
            "summary": summary,
            "parameters": parameters(names),
            "requestBody": {"required": True, "content": content(reference(ask))},
            "responses": {"200": answered, **refusals(*statuses)},
        }
    }


def get(summary: str, names: tuple[str, ...] = (), *statuses: int, media: str = "application/json") -> Facts:
    schema = {"type": "object"} if media == "application/json" else {"type": "string"}
    answered = {"description": "The answer.", "content": content(schema, media)}
    responses = {"200": answered, **refusals(401, *statuses)}
    return {"get": {"summary": summary, "parameters": parameters(names), "responses": responses}}
