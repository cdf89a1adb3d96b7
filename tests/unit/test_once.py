"""What is made once."""

from __future__ import annotations

import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

from pytest_reqord.base.lazy import once


class Slow:
    made = 0

    @once
    def value(self):
        """What it is."""
        time.sleep(0.02)
        self.made += 1
        return object()


def test_many_threads_at_once():
    """However many threads are first, it is made once and all get the same."""
    slow, together = Slow(), threading.Barrier(20)

    def get():
        together.wait()
        return slow.value

    with ThreadPoolExecutor(20) as pool:
        values = [future.result() for future in [pool.submit(get) for _ in range(20)]]

    assert slow.made == 1
    assert len(set(values)) == 1


def test_each_instance_has_its_own():
    """The value belongs to the instance, and its class shows what it is."""
    assert Slow().value is not Slow().value
    assert vars(Slow)["value"].__doc__ == "What it is."


def test_a_child_forked_meanwhile():
    """A child that is forked while a thread makes it can make it as well."""
    slow = Slow()
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    time.sleep(0.005)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside a thread is the point
        child = os.fork()
    if not child:
        os._exit(0 if slow.value else 1)
    thread.join()

    assert os.waitpid(child, 0)[1] == 0
