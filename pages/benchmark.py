"""The benchmark page: ask for a run, watch it, read it. The link holds the plan, the job and the run."""

from src.ui.pages import benchmark
from src.ui.shell import page_setup

page_setup("Benchmark", wide=True)
benchmark.draw()
