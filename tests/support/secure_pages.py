"""Pages over HTTPS on the loopback interface, in threads, for clients that are processes or block."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pybernetes.base.x509 import SERVER, CertificateAuthority, server_context


@contextmanager
def secure_pages(pages: type[BaseHTTPRequestHandler], directory: Path) -> Iterator[str]:
    """Their URL; `ca.pem` in the directory is who signed the server."""
    authority = CertificateAuthority.create("authority-of-pages")
    (directory / "ca.pem").write_bytes(authority.certificate_pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), pages)
    context = server_context(authority.issue("pages", names=["127.0.0.1"], usages=SERVER), http2=False)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
