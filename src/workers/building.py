"""The artifacts of some engines, and the model they come from: built where they may be, else looked for."""

from collections.abc import Callable

from src.engines.spec import EngineSpec
from src.limits import limits
from src.model import ModelError, cache, recipe, source
from src.progress import Progress
from src.workers import artifacts
from src.workers.asking import Failure

CHECKPOINT = "src.model.checkpoint:checkpoint"
NOT_BUILT = "Nothing is built in the hosted demo: whoever runs it does that beforehand (docs/hosting.md)."


def build_artifacts(
    specs: list[EngineSpec],
    model: source.ModelSource,
    progress: Callable[[Progress], None],
    wait: Callable[[int, float], bool],
    between: Callable[[], str] = lambda: "",
) -> list[Failure]:
    """Make sure that the model and what these engines load are built and sound; return what failed.
    `between` as in artifacts.ensure. Raises ModelError without a model.
    """
    recipes = {spec.recipe: None for spec in specs if spec.recipe}
    if not recipes and cache.find(recipe.find(CHECKPOINT), model):
        return []
    wanted = [CHECKPOINT, *recipes]
    if limits().changes:
        failed = artifacts.ensure(
            wanted,
            model,
            lambda step: progress(Progress("build", f"Building “{step.title}”", step.step, step.total)),
            wait,
            between,
        )
    else:
        absent = {missing_recipe.name for missing_recipe in artifacts.missing(wanted, model)}
        failed = {name: NOT_BUILT for name in wanted if name in absent}
    if CHECKPOINT in failed:
        raise ModelError(failed[CHECKPOINT])
    return [
        Failure(spec.id, f"Its artifact could not be built. {failed[spec.recipe]}")
        for spec in specs
        if spec.recipe in failed
    ]
