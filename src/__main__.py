"""The command line: python -m src COMMAND. Each command has --json for machines."""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "This needs Python 3.11 or newer; this is %s. Install Python 3.11 and run: make app"
        % sys.version.split()[0]
    )

try:
    from src import cli
except ModuleNotFoundError as error:
    if error.name and error.name.startswith("src"):
        raise
    sys.exit(
        f"The package {error.name} is not installed here. Run: pip install -r requirements.txt (or make app)"
    )

sys.exit(cli.main())
