"""HTTPS to one server, blocking: connections (`connection.py`), TLS (`tls.py`), and the upgrades (`websocket.py`)."""
