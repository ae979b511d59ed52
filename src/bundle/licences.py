"""Under which licences what a bundle holds may be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.bundle.requirements import NOT_KNOWN, Package
from src.bundle.runtimes import TEMPLATES
from src.home import ROOT
from src.model.embedded import PACKAGE_PIN
from src.model.source import ModelSource

CODE = "MIT"  # what is this project's own
RULE = "\n" + "=" * 100 + "\n\n"


@dataclass(frozen=True)
class ModelLicence:
    """What is known of the licence of a model's weights: its name, and where that is from. `embedded`: they
    are this project's own model.
    """

    name: str
    origin: str
    embedded: bool = False

    @property
    def known(self) -> bool:
        return self.name != NOT_KNOWN

    @property
    def told(self) -> str:
        """Return it as a sentence."""
        if not self.known:
            return f"Of the model's weights the {NOT_KNOWN}: {self.origin}. Ask before you pass them on."
        return f"The model's weights: {self.name} ({self.origin})."


def of_model(model: ModelSource) -> ModelLicence:
    """Return what is known of a model's licence: of a folder or of the hub what its card says."""
    if model.kind == "embedded":
        origin = f"the encoder of {PACKAGE_PIN}, merged with this project's adapter"
        return ModelLicence("Apache-2.0 and MIT", origin, embedded=True)
    name = on_card(model)
    return ModelLicence(name, "its card says so") if name else ModelLicence(NOT_KNOWN, "its card names none")


def on_card(model: ModelSource) -> str:
    """Return the licence that a model's card names; "" where there is no card, or none on it."""
    from huggingface_hub import ModelCard

    place = Path(model.location) / "README.md" if model.kind == "folder" else model.location
    try:
        named = ModelCard.load(place).data.to_dict().get("license")
    except Exception:  # no card, no network, or a card that is no YAML
        return ""
    return ", ".join(named) if isinstance(named, list) else str(named or "")


def licence_text(licence: ModelLicence) -> str:
    """Return the text of LICENSE."""
    own = (ROOT / "LICENSE").read_text(encoding="utf-8")
    if not licence.embedded:
        return f"The code (infer.py, check.py):\n\n{own}{RULE}{licence.told}\n"
    apache = (TEMPLATES / "Apache-2.0.txt").read_text(encoding="utf-8")
    ours = f"The code (infer.py, check.py), and the adapter in the weights:\n\n{own}"
    return f"{ours}{RULE}The encoder in the weights:\n\n{apache}"


def notice(licence: ModelLicence, packages: Sequence[Package]) -> str:
    """Return the text of NOTICE."""
    lines = [licence.told]
    if licence.embedded:
        lines += [
            "The encoder is all-MiniLM-L6-v2 (sentence-transformers), Apache-2.0. Its weights were changed:",
            "an adapter for sentiment, MIT, was merged into them, and they may have been quantised since.",
        ]
    lines += [
        f"infer.py and check.py: {CODE}.",
        "",
        "Not in this folder, and installed by requirements.txt:",
        "",
    ]
    return "\n".join([*lines, *(f"- {each.name} {each.version}: {each.licence}" for each in packages), ""])
