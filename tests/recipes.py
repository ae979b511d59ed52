"""Small recipes for the cache's tests; loaded by their import strings like real ones."""

import errno
import os
import time

from src.model.recipe import recipe


@recipe("Small")
def small(model, folder, inputs):
    (folder / "data.bin").write_bytes(os.urandom(1000))
    return {"made": True}


@recipe("Slow")
def slow(model, folder, inputs):
    (folder / "data.bin").write_bytes(b"half")
    time.sleep(1.5)
    (folder / "data.bin").write_bytes(b"whole")
    return {"pid": os.getpid()}


@recipe("On small", needs=("tests.recipes:small",))
def on_small(model, folder, inputs):
    (folder / "copy.bin").write_bytes((inputs["tests.recipes:small"] / "data.bin").read_bytes())
    return {}


@recipe("Broken")
def broken(model, folder, inputs):
    (folder / "data.bin").write_bytes(b"something")
    raise RuntimeError("the exporter does not know this operator")


@recipe("On broken", needs=("tests.recipes:broken",))
def on_broken(model, folder, inputs):
    return {}


@recipe("Full disk")
def full_disk(model, folder, inputs):
    raise OSError(errno.ENOSPC, "No space left on device", str(folder / "data.bin"))


@recipe("Full disk, told by a library")
def full_disk_by_a_library(model, folder, inputs):
    raise RuntimeError("Error while serializing: I/O error: No space left on device")


@recipe("Hangs")
def hangs(model, folder, inputs):
    time.sleep(3600)


@recipe("Dies")
def dies(model, folder, inputs):
    print("Segmentation fault in the exporter", flush=True)
    os._exit(139)
