"""For every test."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell: programs under test would inherit it and could not be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
