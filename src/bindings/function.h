#pragma once
/// Python functions on batches, as plans hold them.

#include <nanobind/nanobind.h>

#include <memory>

#include "plan/batch_function.h"

namespace millstream {

/// `spec` has `name`, `workers`, `describe_workers()` and `serve(calls)`, which starts threads that see to the calls (python/millstream/function_threads.py). With the GIL held.
std::shared_ptr<const BatchFunction> MakePythonFunction(nanobind::object spec);

/// The spec that the function was made from; null where it is not Python's. With the GIL held.
nanobind::object SpecOf(const BatchFunction& function);

}  // namespace millstream
