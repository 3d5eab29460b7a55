"""Threads of this process that run a stage's function."""

from __future__ import annotations

import threading
from time import thread_time

from millstream import _core
from millstream.user_code_error import from_user_code, user_code_error
from millstream.user_function import BatchCall, CallOrigin, UserFunction


def serve_on_threads(function: UserFunction, calls: _core.Calls) -> None:
    """Starts the function's workers, which end when the stage does. RuntimeError where the system gives no thread."""
    for number in range(function.workers):
        # Daemons: an iterator that is never closed must not keep the interpreter from ending.
        thread = threading.Thread(target=_run, args=(function, calls), name=f"ms-function-{number}", daemon=True)
        thread.start()


def _run(function: UserFunction, calls: _core.Calls) -> None:
    call_batch: BatchCall | None = None
    while (call := calls.take()) is not None:
        began = thread_time()
        origin = CallOrigin(call)
        try:
            if call_batch is None:
                call_batch = function.open()
            results = call_batch(call.batch, origin)
        except BaseException as error:
            calls.fail(call.number, _told(function, origin, error))
        else:
            calls.give(call.number, results)
        calls.add_cpu_time(thread_time() - began)


def _told(function: UserFunction, origin: CallOrigin, error: BaseException) -> BaseException:
    if from_user_code(error):
        return user_code_error(function.name, str(origin), error)
    told = type(error)(f"{error}, on {origin}") if type(error) in (TypeError, ValueError, ImportError) else error
    told.__traceback__ = None
    return told


