"""A server of Google's storage on this machine for tests, in a process of its own: prints its port, ends with its
standard input.
"""

import socket
import sys

from gcp_storage_emulator.server import create_server

if __name__ == "__main__":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="data")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop()
