"""One module per verb: an authorized `Call` in, a `Response` out. `dispatch.py` chooses."""
