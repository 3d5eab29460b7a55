"""Threads of this process that run a stage's function."""

from __future__ import annotations

import threading
from time import thread_time

from millstream import _core
from millstream.call_random import enter_call
from millstream.function_watch import FunctionWatch
from millstream.user_code_error import forget_batches, from_user_code, user_code_error
from millstream.user_function import BatchCall, CallOrigin, UserFunction


def serve_on_threads(function: UserFunction, calls: _core.Calls) -> None:
    """Starts the function's workers, which end when the stage does. RuntimeError where the system gives no thread."""
    watch = None if function.timeout_s is None else FunctionWatch(function.name, calls, function.timeout_s)
    for number in range(function.workers):
        # Daemons: an iterator that is never closed must not keep the interpreter from ending.
        thread = threading.Thread(target=_run, args=(function, calls, watch), name=f"ms-function-{number}", daemon=True)
        thread.start()


def _run(function: UserFunction, calls: _core.Calls, watch: FunctionWatch | None) -> None:
    call_batch: BatchCall | None = None
    while (call := calls.take()) is not None:
        began = thread_time()
        origin = CallOrigin(call)
        if watch is not None:
            watch.begin(call)
        try:
            if call_batch is None:
                call_batch = function.open()
            enter_call(call)  # not for the constructor of a class, which any call may happen to run
            results = call_batch(call.batch, origin)
        except BaseException as error:
            calls.fail(call.number, _told(function, origin, error))
            forget_batches(error)
        else:
            calls.give(call.number, results)
            del results
        enter_call(None)
        if watch is not None:
            watch.end(call)
        calls.add_cpu_time(thread_time() - began)
        del call, origin
    if watch is not None:
        watch.close()
    # The frame lives on in the traceback of an error that somebody keeps.
    del calls, call_batch


def _told(function: UserFunction, origin: CallOrigin, error: BaseException) -> BaseException:
    if from_user_code(error):
        return user_code_error(function.name, str(origin), error)
    told = error
    if type(error) in (TypeError, ValueError, ImportError):
        text = str(error)  # of Python itself where a function does not take what it is given
        told = type(error)(f"{text if text.startswith(function.name) else f'{function.name}: {text}'}, on {origin}")
    told.__traceback__ = None
    return told
