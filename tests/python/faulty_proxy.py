"""A proxy of this machine before an S3 server, that is slow to serve, drops connections and cuts answers short.

`FaultyProxy(port, faults)` calls `faults(method, path, number)` for each request, which gives "slow down" (status 503),
"error" (500), "drop" (the connection, before an answer), "cut" (it, in the middle of the answer), "later" (an answer
after a moment) or None.
"""

import http.client
import http.server
import itertools
import threading
import time


class FaultyProxy:
    def __init__(self, port, faults):
        self.requests = []
        self.faults = []
        self._numbers = itertools.count()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.body()
                fault = faults(self.command, self.path, next(proxy._numbers))
                proxy.requests.append((self.command, self.path))
                if fault is not None and fault != "cut":
                    proxy.faults.append(fault)
                if fault in ("slow down", "error"):
                    status, code = (503, "SlowDown") if fault == "slow down" else (500, "InternalError")
                    answer = f"<Error><Code>{code}</Code><Message>later</Message></Error>".encode()
                    self.answer(status, [("Content-Type", "application/xml")], answer, len(answer))
                    return
                if fault == "drop":
                    self.close_connection = True
                    return
                if fault == "later":
                    time.sleep(0.3)
                server = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                server.request(self.command, self.path, body, dict(self.headers))
                response = server.getresponse()
                answer = response.read()
                length = int(response.headers.get("Content-Length") or len(answer))
                headers = [
                    (name, value)
                    for name, value in response.getheaders()
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "server", "date")
                ]
                if fault == "cut" and len(answer) > 1 and self.command != "HEAD":
                    proxy.faults.append(fault)
                    self.answer(response.status, headers, answer[: len(answer) // 2], length)
                    self.close_connection = True
                    return
                self.answer(response.status, headers, answer, length)
                server.close()

            def body(self):
                if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                del self.headers["Transfer-Encoding"]
                chunks = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return b"".join(chunks)

            def answer(self, status, headers, body, length):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve  # noqa: N815

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
