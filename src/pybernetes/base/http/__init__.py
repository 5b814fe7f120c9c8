"""HTTP as this project needs it: one message model, a TLS server (HTTP/1.1 and HTTP/2), a client, upgraded streams.

Read `message.py` first: everything that serves or calls is an `App`. Then `server.py` (listener and protocol choice),
`h1.py` and `h2.py` with `h2_stream.py` (one connection of each version), `workers.py` (the reused tasks that handlers
run on), `client.py` with `client_connection.py`, and after a 101 `upgraded.py`, `websocket.py` and `spdy.py`. Pure
parts have no connection: `heads.py`, `h1_exchange.py`, `h2_frames.py`, `h2_request.py`, `header_blocks.py` (HPACK),
`spdy_frames.py`. The choice of parts and their measured cost: docs/decisions/0002-http-stack.md.
"""
