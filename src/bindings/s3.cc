#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/register.h"
#include "env/s3_library.h"

namespace nb = nanobind;

namespace millstream {
namespace {

void Finalize() {
  Status status;
  {
    const ReleaseGil release;
    status = FinalizeS3();
  }
  RaiseIfFailed(status);
}

void EnsureInitialized() {
  const bool running = IsS3Initialized();
  Status status;
  {
    const ReleaseGil release;
    status = EnsureS3Initialized();
  }
  RaiseIfFailed(status);
  // Ends it while the interpreter still stands; twice does no harm.
  if (!running) nb::module_::import_("atexit").attr("register")(nb::cpp_function(&Finalize));
}

}  // namespace

void RegisterS3(nb::module_& module) {
  module.def("ensure_s3_initialized", &EnsureInitialized);
  module.def("is_s3_initialized", &IsS3Initialized, nb::call_guard<ReleaseGil>());
  module.def("finalize_s3", &Finalize);
}

}  // namespace millstream
