/// What worker processes need of the engine: shared memory, and an end with their parent.

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/vector.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bindings/arrow_capsules.h"
#include "bindings/batch.h"
#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/register.h"
#include "udf/shared_region.h"

namespace nb = nanobind;

namespace millstream {
namespace {

int64_t Write(SharedRegion& self, const nb::sequence& batches) {
  RecordBatches imported;
  for (nb::handle batch : batches) {
    for (auto& part : ImportTable(batch).batches) imported.push_back(std::move(part));
  }
  auto write = [&] {
    const ReleaseGil release;
    return self.Write(imported);
  };
  return ValueOrRaise(write());
}

std::vector<PyBatch> Read(SharedRegion& self, int64_t bytes, bool validate) {
  auto read = [&]() -> Result<RecordBatches> {
    const ReleaseGil release;
    ARROW_ASSIGN_OR_RAISE(auto batches, self.Read(bytes));
    for (const auto& batch : batches) {
      if (validate) ARROW_RETURN_NOT_OK(WithContext(batch->ValidateFull(), "what a worker process wrote is not valid Arrow data"));
    }
    return batches;
  };
  std::vector<PyBatch> batches;
  for (auto& batch : ValueOrRaise(read())) batches.push_back(PyBatch{std::move(batch)});
  return batches;
}

/// The parent is the thread that began this process. Where it has gone already, nobody will tell.
void EndWithParent(int parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) raise(SIGKILL);
}

}  // namespace

void RegisterWorker(nb::module_& module) {
  nb::class_<SharedRegion>(module, "SharedRegion")
      .def(nb::new_([] { return ValueOrRaise(SharedRegion::Make()); }))
      .def_static("adopt", &SharedRegion::Adopt, nb::arg("descriptor"))
      .def_prop_ro("descriptor", &SharedRegion::descriptor)
      .def_prop_ro("size", &SharedRegion::size)
      .def_prop_ro("in_use", &SharedRegion::in_use)
      .def("write", &Write, nb::arg("batches"))
      .def("read", &Read, nb::arg("bytes"), nb::arg("validate"));
  module.def("end_with_parent", &EndWithParent, nb::arg("parent"));
}

}  // namespace millstream
