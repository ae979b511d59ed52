"""The README of a bundle: what it is, how fast it was where, and how to see that again."""

from string import Template

from src.accuracy.known_accuracy import Known
from src.bench.race import Finalist
from src.bundle import serving
from src.bundle.licences import ModelLicence
from src.bundle.runtimes import TEMPLATES
from src.facts import Facts
from src.search.answer import Proposal
from src.search.words import figure_title, figure_words, objective_title, ratio_words
from src.words import many, significant

ENCLOSED = {
    "model": "token ids in, logits out, without the tokenizer",
    "pipeline": "text in, label out, with the tokenizer",
}
SERVED = """By the API that Hugging Face Infinity had:

```
venv/bin/pip install -r requirements-serve.txt
venv/bin/python serve.py &
curl http://127.0.0.1:8080/predict -d '{"inputs": "A warm and funny film."}'
```

`/health/ready`, `/metrics`, `/info`, `/openapi.json` and the Open Inference Protocol are there, too. SIGTERM
has it answer what it accepted, and end."""
NOT_SERVED = (
    f"This folder has no server: that needs Python {'.'.join(map(str, serving.LEAST_PYTHON))} or newer, and "
    "this was measured on an older one."
)
A_GRAPH_A_LENGTH = " It is compiled for each length of text: the first text of a new length waits for that."


def text(evidence: Facts, proposal: Proposal, licence: ModelLicence, known: Known | None) -> str:
    """Return README.md of a configuration of a proposal. `evidence` is what evidence.json holds, without the
    files.
    """
    host, cpu = evidence["host"], evidence["cpu"]
    template = Template((TEMPLATES / "README.md").read_text(encoding="utf-8"))
    return template.substitute(
        title=evidence["title"],
        python=evidence["python"].rpartition(".")[0],
        serving=SERVED if serving.can_serve(evidence["python"]) else NOT_SERVED,
        shapes=A_GRAPH_A_LENGTH if evidence["a_graph_a_length"] else "",
        cpu=cpu["name"],
        cpus=many(host["allowed_cpus"], "CPU"),
        flags=", ".join(cpu["flags"]),
        system=host["system"],
        threads=many(evidence["threads"], "thread"),
        scope=evidence["scope"],
        enclosed=ENCLOSED[evidence["scope"]],
        searched_at=evidence["searched_at"],
        figures="\n".join(figure(evidence, tokens) for tokens in evidence["latency_ms"]),
        accuracy=accuracy(known),
        objective=objective_title(proposal.lengths),
        figure=figure_title(proposal.percentile),
        finalists="\n".join(finalist(proposal, one) for one in proposal.finalists),
        licence=licence.told,
    )


def figure(evidence: Facts, tokens: str) -> str:
    """Return the line of a length."""
    of_processes = map(significant, evidence["latency_ms_of_processes"][tokens])
    return f"| {tokens} | {significant(evidence['latency_ms'][tokens])} | {', '.join(of_processes)} |"


def accuracy(known: Known | None) -> str:
    """Return what is known of the answers."""
    if not known or known.accuracy is None or known.drop is None:
        return "Its accuracy is FP32's by definition: that is what others are held against."
    right = f"{known.accuracy:.2%} of {many(known.n, 'sentence')} ({known.dataset}) are right"
    bound = f", at most {known.high:.2%} by a one-sided 95 % bound" if known.high is not None else ""
    return f"{right}; {known.drop:.2%} of FP32's accuracy is lost{bound}."


def finalist(proposal: Proposal, one: Finalist) -> str:
    """Return a finalist's line."""
    against = "not told apart" if one.tied else "slower"
    return f"| `{one.name}` | {figure_words(proposal, one)} | {ratio_words(proposal, one)} | {against} |"
