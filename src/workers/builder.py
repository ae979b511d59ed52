"""The builder process: builds artifacts one after the other and tells its parent over a private pipe.

    python -m src.workers.builder FD PARENT_PID MODEL RECIPE…

One JSON object a line: {recipe, title, state: next | built | failed, reason?}. What is `next` is begun when
its parent has written a line to its input, so that the parent can let others go first. A recipe whose need
failed fails with that reason; the others go on.
"""

import errno
import json
import os
import shutil
import sys

from src.errors import first_words
from src.home import explain
from src.model import ModelError, cache, source
from src.model import recipe as recipes
from src.process import die_with_parent, offer_to_oom_killer

NEARLY_FULL_BYTES = 100_000_000  # an artifact has up to 91 MB
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


def reason_of(error: Exception) -> str:
    """Return one line a person can act on."""
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return explain(error, cache.root())
    # Libraries that write files themselves raise errors of their own; full is what the disk says.
    if shutil.disk_usage(cache.root()).free < NEARLY_FULL_BYTES:
        return explain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), cache.root())
    words = first_words(error)
    return words if isinstance(error, ModelError) else f"{type(error).__name__}: {words}"


def main() -> None:
    fd, parent, model_text, *names = sys.argv[1:]
    die_with_parent(int(parent))
    offer_to_oom_killer()
    failed: dict[str, str] = {}
    with os.fdopen(int(fd), "w", buffering=1) as out:
        cache.sweep()
        model = source.parse(model_text)
        for name in names:
            recipe = recipes.find(name)
            tell = {"recipe": name, "title": recipe.title}
            out.write(json.dumps({**tell, "state": "next"}) + "\n")
            if not sys.stdin.readline():
                return
            broken = [failed[need] for need in recipe.needs if need in failed]
            try:
                if not broken:
                    cache.build(recipe, model)
            except Exception as error:
                broken = [reason_of(error)]
            if broken:
                failed[name] = broken[0]
                out.write(json.dumps({**tell, "state": "failed", "reason": broken[0]}) + "\n")
            else:
                out.write(json.dumps({**tell, "state": "built"}) + "\n")


if __name__ == "__main__":
    main()
