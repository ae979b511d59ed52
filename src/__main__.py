"""The command line: python -m src COMMAND. Each command has --json for machines."""

import sys

from src import system

trouble = system.trouble_here()
if trouble:
    sys.exit(trouble)

try:
    from src.cli import main
except ModuleNotFoundError as error:
    if error.name and error.name.startswith("src"):
        raise
    sys.exit(
        f"The package {error.name} is not installed here. Run: pip install -r requirements.txt (or make app)"
    )

sys.exit(main.main())
