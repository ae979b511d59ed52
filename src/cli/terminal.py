"""Tables for a terminal: nothing in them is cut. What is too wide is folded, and names to type stay whole."""

from collections.abc import Collection

from rich.table import Table


def table(title: str, *columns: str, right: Collection[str] = (), whole: str = "") -> Table:
    """Return an empty table. Columns of `right` are numbers; `whole` is the one that is never folded."""
    empty_table = Table(title=title, title_justify="left")
    for name in columns:
        empty_table.add_column(
            name, justify="right" if name in right else "left", overflow="fold", no_wrap=name == whole
        )
    return empty_table
