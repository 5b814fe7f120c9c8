"""Signals end a wait, also those that come just before it begins."""

import _thread
import os
import select
import signal
import time

import pytest

from pybernetes.kubectl.ending import INTERRUPT, interruptible

_LONG_SECONDS = 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_breaks_off_no_wait_ends_it_all_the_same(number: int) -> None:
    """Another thread takes it, which is to the waiting one as if it had come a moment before."""
    read, write = os.pipe()
    poll = select.poll()
    poll.register(read, select.POLLIN)

    def take() -> None:
        signal.pthread_kill(_thread.get_ident(), number)

    before, began = signal.getsignal(number), time.monotonic()
    with pytest.raises(SystemExit) as ended, interruptible():
        _thread.start_new_thread(take, ())
        poll.poll(_LONG_SECONDS * 1000)
    assert time.monotonic() - began < _LONG_SECONDS
    assert ended.value.code == 1
    assert signal.getsignal(number) == before
    os.close(read)
    os.close(write)


def test_what_is_raised_may_be_chosen_and_the_wakeup_of_others_comes_back() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    outer = signal.set_wakeup_fd(write)
    try:
        with pytest.raises(KeyboardInterrupt), interruptible((INTERRUPT,), KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signal.set_wakeup_fd(write) == write
    finally:
        signal.set_wakeup_fd(outer)
        os.close(read)
        os.close(write)
