"""A loop in a thread of its own, and a queue with a worker: both live as long as the process."""

import asyncio
import queue
import threading
from concurrent.futures import Future

LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()
JOBS = queue.SimpleQueue()


def run(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result(30)


def _work():
    while True:
        function, arguments, future = JOBS.get()
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)


threading.Thread(target=_work, daemon=True).start()


def queued(function, *arguments):
    future = Future()
    JOBS.put((function, arguments, future))
    return future.result(30)
