"""Frames between processes: four bytes of length, then JSON, over a socket.

Runs on Python 3.9 too.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any, Dict, Optional

Message = Dict[str, Any]  # what processes tell each other, as JSON
HEADER = struct.Struct("!I")
LONGEST_FRAME = 64 * 1024 * 1024


def send(channel: socket.socket, message: Message) -> None:
    """Send one message: four bytes of length, then JSON."""
    body = json.dumps(message).encode()
    channel.sendall(HEADER.pack(len(body)) + body)


def receive(channel: socket.socket) -> Optional[Message]:
    """Return the next message, or None when the other side is gone. Raises ValueError on what is no frame."""
    header = receive_exactly(channel, HEADER.size)
    if header is None:
        return None
    (length,) = HEADER.unpack(header)
    if length > LONGEST_FRAME:
        raise ValueError("a frame of %d bytes was announced" % length)
    body = receive_exactly(channel, length)
    return None if body is None else json.loads(body)


def receive_exactly(channel: socket.socket, length: int) -> Optional[bytes]:
    parts = []
    while length:
        part = channel.recv(min(length, 1 << 20))
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
