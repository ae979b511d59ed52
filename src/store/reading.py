"""The JSON of a run's file, read piece by piece: at a time one event of it is in memory, and no large one.

It may come from anybody: names given twice, numbers that are none, and deep nesting are refused.
"""

import codecs
import json
import math
from collections.abc import Iterator
from typing import Any

LARGEST_PIECE = 4_000_000  # characters of one event, or of one other part; ours have some 100,000
STEP = 262_144  # bytes that are decoded at a time
DEEPEST = 12  # levels of nesting; ours have 6
BLANK = " \t\n\r"


class NoJson(ValueError):
    """The text is not what it should be. The message says what is wrong, to follow “it is no run: ”."""


def refuse_constant(constant: str) -> None:
    raise NoJson(f"it holds {constant}, which is no number of JSON")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NoJson("an object in it has a name twice")
    return members


DECODER = json.JSONDecoder(parse_constant=refuse_constant, object_pairs_hook=unique)


class Text:
    """A text in UTF-8, decoded as it is needed. `at` is where reading is in `buffer`."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self.read = 0
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.buffer, self.at = "", 0

    def more(self) -> bool:
        """Decode some more; tell whether there was any."""
        if self.read >= len(self.data):
            return False
        part = self.data[self.read : self.read + STEP]
        self.read += len(part)
        try:
            new = self.decoder.decode(part, self.read >= len(self.data))
        except UnicodeDecodeError as error:
            raise NoJson("it is not text in UTF-8") from error
        self.buffer, self.at = self.buffer[self.at :] + new, 0
        return True

    def peek(self) -> str:
        """Return the next character that is not blank; empty at the end."""
        while True:
            while self.at < len(self.buffer) and self.buffer[self.at] in BLANK:
                self.at += 1
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def take(self, expected: str) -> None:
        """Go past a character that must come. Raises NoJson."""
        if self.peek() != expected:
            raise NoJson(f"“{expected}” is missing in its JSON")
        self.at += 1

    def value(self) -> tuple[Any, str]:
        """Return the next value of JSON, and its text. Raises NoJson."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self.buffer, self.at)
                if end < len(self.buffer) or not self.more():
                    break
                continue  # a number may go on
            except RecursionError as error:
                raise NoJson("it is nested too deeply") from error
            except json.JSONDecodeError as error:
                if len(self.buffer) - self.at > LARGEST_PIECE:
                    raise NoJson("a part of it is far too large") from error
                if not self.more():
                    raise NoJson(str(error)) from error
        text = self.buffer[self.at : end]
        self.at = end
        check_depth(value)
        return value, text


def check_depth(value: Any) -> None:
    """Raise NoJson for a value nested deeper than DEEPEST or with a number no float can hold."""
    level = [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for element in level:
            if isinstance(element, dict):
                below += element.values()
            elif isinstance(element, list):
                below += element
            elif isinstance(element, float) and not math.isfinite(element):
                raise NoJson("it holds a number that is too large")
        level = below
        if not level:
            return
    raise NoJson(f"it is nested deeper than {DEEPEST} levels")


def parts(data: bytes) -> Iterator[tuple[str, Any, str]]:
    """Yield (name, value, its text) of each member of the object in a text; of a member that is a list
    each of its elements, after (name, None, "[").

    Of lines of JSON, each an event, yield the same as of the object {"events": [the lines]}. Raises NoJson.
    """
    text = Text(data)
    if text.peek() != "{":
        text.value()
        raise NoJson("it has no schema_version")
    if is_event(data):
        yield from lines(data)
        return
    text.take("{")
    names: set[str] = set()
    while text.peek() != "}":
        if names:
            text.take(",")
        text.peek()
        name, _ = text.value()
        if not isinstance(name, str):
            raise NoJson("a name in its JSON is no text")
        if name in names:
            raise NoJson("an object in it has a name twice")
        names.add(name)
        text.take(":")
        if text.peek() != "[":
            value, written = text.value()
            yield name, value, written
            continue
        yield name, None, "["
        text.take("[")
        first = True
        while text.peek() != "]":
            if not first:
                text.take(",")
            first = False
            value, written = text.value()
            yield name, value, written
        text.take("]")
    text.take("}")
    if text.peek():
        raise NoJson("something follows its JSON")


def is_event(data: bytes) -> bool:
    """Tell whether a text begins with a line that is a run's first event."""
    end = data.find(b"\n")
    line = data if end < 0 else data[:end]
    if len(line) > LARGEST_PIECE or b'"begun"' not in line:
        return False
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and event.get("kind") == "begun"


def lines(data: bytes) -> Iterator[tuple[str, Any, str]]:
    """Yield the events of lines of JSON. A last line that was cut off is left out. Raises NoJson."""
    yield "events", None, "["
    begin = 0
    while begin < len(data):
        end = data.find(b"\n", begin)
        last = end < 0
        line = data[begin:] if last else data[begin:end]
        begin = len(data) if last else end + 1
        if not line.strip():
            continue
        try:
            text = Text(line)
            value, written = text.value()
            if text.peek():
                raise NoJson("something follows an event in its line")
        except NoJson:
            if last:  # cut off, as its writer was killed
                return
            raise
        yield "events", value, written
