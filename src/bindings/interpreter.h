#pragma once
/// The interpreter's lock, and its end.
///
/// While the interpreter is taken down, Python (before 3.14) ends every other thread that asks for the lock by unwinding its stack, which
/// C++ frames do not bear: the process aborts. So at exit, before that begins, our lanes are stopped, threads on their way to the lock are
/// let through, and those that come later sleep until the process is gone. Bindings must use these two classes, never nanobind's own.

#include <Python.h>
#include <nanobind/nanobind.h>

#include <memory>

namespace millstream {

class Engine;

/// Gives the lock up for as long as it lives.
class ReleaseGil {
 public:
  ReleaseGil();
  ~ReleaseGil();
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

 private:
  PyThreadState* state_;
};

/// Takes the lock for as long as it lives, on any thread.
class AcquireGil {
 public:
  AcquireGil();
  ~AcquireGil();
  AcquireGil(const AcquireGil&) = delete;
  AcquireGil& operator=(const AcquireGil&) = delete;

 private:
  PyGILState_STATE state_;
};

/// Whether this thread holds the lock.
bool HoldsGil();

/// Whether this is a thread of Python's own, which holds the lock or gave it up further up.
bool IsPythonThread();

/// Has the engine's lanes stopped at exit. With the lock held.
void StopAtExit(const std::shared_ptr<Engine>& engine);

/// Raises RuntimeError on the leaving thread once the lanes were stopped, for they would be waited for in vain; other threads sleep. With the
/// lock held.
void CheckNotLeaving();

}  // namespace millstream
