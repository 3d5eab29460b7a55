"""Messages between a process and its workers: small JSON objects, with file descriptors beside them.

One side speaks at a time, so that whatever has come belongs to the message that is read.
"""

from __future__ import annotations

import json
import signal
import socket
import struct
from collections.abc import Sequence
from typing import Any

_LENGTH = struct.Struct("<Q")
_RECEIVED_AT_ONCE = 1 << 16
_DESCRIPTORS_MAX = 16

# Has a worker write down where it is. Nobody else is likely to use it.
DUMP_SIGNAL = signal.SIGRTMIN + 7


def send_message(connection: socket.socket, message: Any, descriptors: Sequence[int] = ()) -> None:
    """OSError where the other side is gone."""
    text = json.dumps(message).encode()
    data = _LENGTH.pack(len(text)) + text
    sent = socket.send_fds(connection, [data], descriptors)
    connection.sendall(data[sent:])


def receive_message(connection: socket.socket) -> tuple[Any, list[int]]:
    """The next message, and the descriptors that came with it. EOFError where the other side is gone."""
    try:
        data, descriptors, _, _ = socket.recv_fds(
            connection, _RECEIVED_AT_ONCE, _DESCRIPTORS_MAX, socket.MSG_CMSG_CLOEXEC
        )
        while len(data) < _LENGTH.size or len(data) < _LENGTH.size + _LENGTH.unpack_from(data)[0]:
            more = connection.recv(_RECEIVED_AT_ONCE)
            if not more:
                raise EOFError
            data += more
    except ConnectionError as error:
        raise EOFError from error
    return json.loads(data[_LENGTH.size :]), descriptors
