"""Who makes a request.

`union.py` asks the authenticators in upstream's order: request-header front proxy, client certificate, bearer token
(`Authorization` or the WebSocket subprotocol), anonymous. A bearer token goes through the token authenticators: static
token file, service-account tokens, bootstrap tokens. Everything is answered from memory through `ObjectReader`, so a
token whose pod, secret or account is gone stops working at once.

Read `authenticator.py` first, then `union.py`; `build_authentication` in `../filters/authentication.py` assembles both.
"""
