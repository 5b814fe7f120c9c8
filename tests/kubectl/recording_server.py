"""A server that keeps what clients show of themselves: headers, certificates, names asked for. Over TLS or plain."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509

_SHOWN = ("authorization", "impersonate-")


class RecordingServer:
    """Answers every GET with `{"path": ...}`; one whose token is in `refused` with 401."""

    def __init__(self, directory: Path, pem: str = "", authority: str = "") -> None:
        """`pem` has the certificate and its key, `authority` whose clients' certificates are looked at."""
        self.asked: list[list[str]] = []
        self.refused: set[str] = set()
        self.name = ""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        if pem:
            self.url = self.url.replace("http:", "https:")
            (directory / "server.pem").write_text(pem)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(directory / "server.pem")
            context.load_verify_locations(cadata=authority)
            context.verify_mode = ssl.CERT_OPTIONAL
            context.sni_callback = self._named
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def _named(self, _: Any, name: str | None, __: Any) -> None:
        self.name = name or ""

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        shown = [f"{name.lower()}: {value}" for name, value in request.headers.items()]
        shown = sorted(one for one in shown if one.startswith(_SHOWN))
        if isinstance(request.connection, ssl.SSLSocket):
            data = request.connection.getpeercert(binary_form=True)
            if data:
                shown.append(f"certificate: {x509.load_der_x509_certificate(data).subject.rfc4514_string()}")
            shown.append(f"name: {self.name}")
        self.asked.append([path, *shown])
        bad = any(f"authorization: Bearer {token}" in shown for token in self.refused)
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized"}
        status |= {"reason": "Unauthorized", "code": 401}
        body = json.dumps(status if bad else {"path": path}).encode()
        request.send_response(401 if bad else 200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
