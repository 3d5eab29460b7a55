#include "bindings/interpreter.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "bindings/register.h"
#include "exec/engine.h"

namespace nb = nanobind;

namespace millstream {
namespace {

enum class Stage : uint8_t {
  kRunning,
  kStopping,  // lanes may still need the lock, so only threads that gave it up stay away from it
  kStopped,   // nobody but the leaving thread takes it any more
};

std::atomic<Stage> stage{Stage::kRunning};
std::atomic<int> threads_arriving{0};  // between the look at the stage and the lock
std::atomic<unsigned long> leaving_thread{0};

/// Guarded by the lock. Never destroyed, for threads that sleep outlive static objects.
std::vector<std::weak_ptr<Engine>>& Engines() {
  static auto* engines = new std::vector<std::weak_ptr<Engine>>();
  return *engines;
}

bool MayArrive(Stage latest) { return stage <= latest || PyThread_get_thread_ident() == leaving_thread; }

/// Takes the lock by `take`, or sleeps for ever if the interpreter has come further than `latest`.
template <typename Take>
void Arrive(Stage latest, const Take& take) {
  ++threads_arriving;
  const bool may = MayArrive(latest);
  if (may) take();
  --threads_arriving;
  threads_arriving.notify_all();
  while (!may) pause();
}

void StopEngines() {
  std::vector<std::shared_ptr<Engine>> engines;
  for (const auto& weak : Engines()) {
    if (auto engine = weak.lock(); engine != nullptr && engine->CheckAlive().ok()) engines.push_back(std::move(engine));
  }
  const ReleaseGil release;
  for (const auto& engine : engines) {
    engine->scheduler()->Shutdown();
    engine->env()->StopThreads();
  }
  engines.clear();
}

void Leave() {
  leaving_thread = PyThread_get_thread_ident();
  stage = Stage::kStopping;
  StopEngines();
  stage = Stage::kStopped;
  const ReleaseGil release;
  for (int arriving = threads_arriving; arriving != 0; arriving = threads_arriving) threads_arriving.wait(arriving);
}

}  // namespace

ReleaseGil::ReleaseGil() : state_(PyEval_SaveThread()) {}

ReleaseGil::~ReleaseGil() {
  Arrive(Stage::kRunning, [this] { PyEval_RestoreThread(state_); });
}

AcquireGil::AcquireGil() {
  Arrive(Stage::kStopping, [this] { state_ = PyGILState_Ensure(); });
}

AcquireGil::~AcquireGil() { PyGILState_Release(state_); }

bool HoldsGil() { return Py_IsInitialized() != 0 && PyGILState_Check() != 0; }

bool IsPythonThread() { return Py_IsInitialized() != 0 && PyGILState_GetThisThreadState() != nullptr; }

void StopAtExit(const std::shared_ptr<Engine>& engine) {
  auto& engines = Engines();
  std::erase_if(engines, [](const auto& weak) { return weak.expired(); });
  engines.push_back(engine);
}

void CheckNotLeaving() {
  if (stage == Stage::kRunning) return;
  if (PyThread_get_thread_ident() != leaving_thread) const ReleaseGil release;  // for good: nobody is left to take an exception
  PyErr_SetString(PyExc_RuntimeError, "the interpreter is exiting, and the engine's threads have been stopped");
  throw nb::python_error();
}

void RegisterInterpreter(nb::module_& module) {
  // Those other threads are not in the child.
  pthread_atfork(nullptr, nullptr, [] { threads_arriving = 0; });
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(&Leave));
}

}  // namespace millstream
