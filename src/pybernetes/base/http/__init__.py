"""HTTP as this project needs it: one message model, a TLS server (HTTP/1.1 and HTTP/2), a client, upgraded streams.

Read `message.py` first: everything that serves or calls is an `App`. Then `server.py` (listener and protocol choice),
`h1.py` and `h2.py` (one file per protocol version), `client.py`, `websocket.py` and `spdy.py` (framing after a 101).
The choice of parts and their measured cost: docs/decisions/0002-http-stack.md.
"""
