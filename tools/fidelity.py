"""Compare the worker's figures of each engine with hand-written hot loops, which run between its rounds, in
plans of several sizes.

    python -m tools.fidelity [ENGINE …] [--lengths 16,128] [--sizes 2,6,12,all] [--pairs 6] [--json FILE]
    python -m tools.fidelity --predict        # the home page's figures of one sentence instead of plans
    python -m tools.fidelity --within …       # continuous calls of the workers themselves, no hot loops
    python -m tools.fidelity ENGINE … --fill  # plans larger than these are filled up with other engines

A row outside 0.98 to 1.02 is marked “<”. Ctrl-C ends it with what has been measured.
"""

import argparse
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from src.bench.plan import SCOPES, BadPlan
from src.doctor import fidelity, fidelity_sentences
from src.doctor.fidelity_ratios import Observation, table, to_json
from src.errors import Explained
from src.model import source


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("engines", nargs="*", metavar="ENGINE", help="default: all that can run here")
    options.add_argument("--lengths", default="16,128", help="token counts, comma separated")
    options.add_argument("--sizes", default="2,12", help="about how many engines a plan has, or all")
    options.add_argument("--pairs", type=int, default=6, help="an even number, as loading alternates")
    options.add_argument("--scope", default="model", help=f"{' or '.join(SCOPES)}, comma separated")
    options.add_argument("--visits", type=int, default=4, help="hot loops of an engine and length in a pair")
    options.add_argument("--seconds", type=float, default=1.0, help="that a hot loop is timed for")
    options.add_argument("--within", action="store_true", help="the worker's own continuous calls instead")
    options.add_argument("--fill", action="store_true", help="fill up plans with engines not compared")
    options.add_argument("--predict", action="store_true", help="one sentence, as the home page measures it")
    options.add_argument("--text", default=fidelity_sentences.DEMO, help="that sentence")
    options.add_argument("--model", help="embedded, hub, or a checkpoint's folder")
    options.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    return options


def settings_of(arguments: argparse.Namespace) -> fidelity.Settings:
    scopes = tuple(dict.fromkeys(arguments.scope.split(",")))
    if set(scopes) - set(SCOPES):
        raise BadPlan(f"There is no scope “{arguments.scope}”. Ask for {' or '.join(SCOPES)}.")
    return fidelity.Settings(
        tuple(dict.fromkeys(arguments.engines)) or fidelity.default_engines(arguments.within),
        tuple(dict.fromkeys(int(length) for length in arguments.lengths.split(","))),
        tuple(fidelity.ALL if size == "all" else int(size) for size in arguments.sizes.split(",")),
        arguments.pairs,
        scopes,
        arguments.visits,
        arguments.seconds,
        arguments.within,
        arguments.fill,
    )


def measure(arguments: argparse.Namespace, settings: fidelity.Settings) -> Iterator[Observation]:
    began = time.monotonic()
    model = source.parse(arguments.model)

    def tell(text: str) -> None:
        print(f"{(time.monotonic() - began) / 60:5.1f} min  {text}", flush=True)

    estimate = fidelity_sentences.estimate_sentences_s if arguments.predict else fidelity.estimate_s
    minutes = estimate(settings) / 60
    print(f"{len(settings.engines)} engines, about {minutes:.0f} min on a quiet host", flush=True)
    if arguments.predict:
        return fidelity_sentences.sentences(settings, model, tell, arguments.text)
    return fidelity.plans(settings, model, tell)


def main() -> None:
    arguments = parser().parse_args()
    # Also where who started it ignores Ctrl-C, as shells do for what runs in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    observations: list[Observation] = []
    try:
        settings = settings_of(arguments)
        for observation in measure(arguments, settings):
            observations.append(observation)
    except KeyboardInterrupt:
        print("Interrupted: this is what had been measured by then.")
    except (Explained, ValueError) as error:
        raise SystemExit(f"Error: {error}") from error
    print("\n".join(table(observations)))
    if arguments.json:
        report = {"settings": asdict(settings), **to_json(observations)}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
