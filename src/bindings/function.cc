#include "bindings/function.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/fork.h"
#include "bindings/arrow_capsules.h"
#include "bindings/batch.h"
#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/python_error.h"
#include "bindings/register.h"
#include "udf/function_calls.h"
#include "udf/shared_region.h"

namespace nb = nanobind;

namespace millstream {
namespace {

struct PyCall {
  FunctionCall call;
  std::shared_ptr<FunctionCalls> calls;

  std::string Origin(int64_t row) const { return calls->Origin(call, row); }

  /// The bytes that the batch takes there; the call has none any more.
  int64_t MoveTo(SharedRegion& region) {
    auto write = [&] {
      const ReleaseGil release;
      auto bytes = region.Write({call.batch});
      if (bytes.ok()) call.batch.reset();
      return bytes;
    };
    return ValueOrRaise(write());
  }
};

/// The calls of one stage, as its threads see them.
class PyCalls {
 public:
  explicit PyCalls(std::shared_ptr<FunctionCalls> calls) : calls_(std::move(calls)) {}
  ~PyCalls() {
    if (fork_.inherited()) {
      new std::shared_ptr<FunctionCalls>(std::move(calls_));  // its locks may be held for ever
      return;
    }
    // Whoever is the last to hold the engine waits for its lanes.
    const ReleaseGil release;
    calls_.reset();
  }

  /// None once there will be no more.
  std::optional<PyCall> Take() {
    CheckNotLeaving();
    std::optional<FunctionCall> call;
    {
      const ReleaseGil release;
      call = calls_->Take(nullptr);
    }
    if (!call.has_value()) return std::nullopt;
    return PyCall{std::move(*call), calls_};
  }

  void Give(int64_t number, const nb::sequence& batches, const nb::object& skipped) {
    RecordBatches imported = Imported(batches);
    SkippedErrors errors = Skipped(skipped);
    const ReleaseGil release;
    calls_->Give(number, std::move(imported), nullptr, std::move(errors));
  }

  /// False where nothing is wanted any more.
  bool GivePart(int64_t number, const nb::sequence& batches) {
    CheckNotLeaving();
    RecordBatches imported = Imported(batches);
    const ReleaseGil release;
    return calls_->GivePart(number, std::move(imported));
  }

  void Fail(int64_t number, nb::object exception, const nb::object& skipped) {
    Status status = StatusOfException(std::move(exception));
    SkippedErrors errors = Skipped(skipped);
    const ReleaseGil release;
    calls_->Give(number, status, nullptr, std::move(errors));
  }

  bool closed() const { return calls_->closed(); }
  int64_t spare_bytes() const { return calls_->spare_bytes(); }

  void SetPlace(std::string place) { calls_->statistics().SetPlace(std::move(place)); }

  void AddCpuTime(double seconds) { calls_->statistics().cpu_nanoseconds += static_cast<int64_t>(seconds * 1e9); }

 private:
  static RecordBatches Imported(const nb::sequence& batches) {
    RecordBatches imported;
    for (nb::handle batch : batches) {
      if (nb::isinstance<PyBatch>(batch)) {
        imported.push_back(nb::cast<const PyBatch&>(batch).batch);
        continue;
      }
      for (auto& part : ImportTable(batch).batches) imported.push_back(std::move(part));
    }
    return imported;
  }

  /// None, or (errors, max_errors or None, the exception of the last); an error is (first row, last row, text, traceback).
  static SkippedErrors Skipped(const nb::object& skipped) {
    SkippedErrors out;
    if (skipped.is_none()) return out;
    for (nb::handle error : nb::cast<nb::sequence>(skipped[0])) {
      out.errors.push_back({nb::cast<int64_t>(error[0]), nb::cast<int64_t>(error[1]), 0, nb::cast<std::string>(error[2]), nb::cast<std::string>(error[3])});
    }
    out.errors_max = skipped[1].is_none() ? -1 : nb::cast<int64_t>(skipped[1]);
    if (!skipped[2].is_none()) out.too_many = StatusOfException(nb::borrow(skipped[2]));
    return out;
  }

  ForkGuard fork_;
  std::shared_ptr<FunctionCalls> calls_;
};

class PythonFunction : public BatchFunction {
 public:
  explicit PythonFunction(nb::object spec)
      : spec_(std::move(spec)),
        name_(nb::cast<std::string>(spec_.attr("name"))),
        workers_(nb::cast<int>(spec_.attr("workers"))),
        rows_expected_(nb::cast<int64_t>(nb::getattr(spec_, "rows_expected", nb::int_(-1)))),
        keeps_columns_(nb::cast<bool>(nb::getattr(spec_, "keeps_columns", nb::bool_(false)))) {}
  ~PythonFunction() override {
    const AcquireGil acquire;
    spec_.reset();
  }

  const std::string& name() const override { return name_; }
  int workers(int) const override { return workers_; }
  int64_t rows_expected() const override { return rows_expected_; }
  Columns columns() const override { return keeps_columns_ ? Columns(SameColumns) : nullptr; }
  const nb::object& spec() const { return spec_; }

  std::string DescribeWorkers(int) const override {
    const AcquireGil acquire;
    return nb::cast<std::string>(spec_.attr("describe_workers")());
  }

  Status Serve(const std::shared_ptr<FunctionCalls>& calls) const override {
    const AcquireGil acquire;
    try {
      spec_.attr("serve")(std::make_shared<PyCalls>(calls));
      return Status::OK();
    } catch (nb::python_error& error) {
      return StatusOfException(nb::borrow(error.value()));
    }
  }

 private:
  nb::object spec_;
  const std::string name_;
  const int workers_;
  const int64_t rows_expected_;
  const bool keeps_columns_;
};

}  // namespace

std::shared_ptr<const BatchFunction> MakePythonFunction(nb::object spec) { return std::make_shared<PythonFunction>(std::move(spec)); }

nb::object SpecOf(const BatchFunction& function) {
  const auto* python = dynamic_cast<const PythonFunction*>(&function);
  return python == nullptr ? nb::object() : python->spec();
}

void RegisterFunction(nb::module_& module) {
  nb::class_<PyCall>(module, "Call")
      .def_prop_ro("number", [](const PyCall& self) { return self.call.number; })
      .def_prop_ro("batch", [](const PyCall& self) { return PyBatch{self.call.batch}; })
      .def_prop_ro("group_starts", [](const PyCall& self) { return self.call.group_starts == nullptr ? std::vector<int64_t>{0} : *self.call.group_starts; })
      .def_prop_ro("random_key", [](const PyCall& self) { return self.calls->RandomKey(self.call); })
      .def("origin", &PyCall::Origin, nb::arg("row"))
      .def("move_to", &PyCall::MoveTo, nb::arg("region"));
  nb::class_<PyCalls>(module, "Calls")
      .def("take", &PyCalls::Take)
      .def("give", &PyCalls::Give, nb::arg("number"), nb::arg("batches"), nb::arg("skipped") = nb::none())
      .def("give_part", &PyCalls::GivePart, nb::arg("number"), nb::arg("batches"))
      .def("fail", &PyCalls::Fail, nb::arg("number"), nb::arg("exception"), nb::arg("skipped") = nb::none())
      .def_prop_ro("closed", &PyCalls::closed)
      .def_prop_ro("spare_bytes", &PyCalls::spare_bytes)
      .def("set_place", &PyCalls::SetPlace, nb::arg("place"))
      .def("add_cpu_time", &PyCalls::AddCpuTime, nb::arg("seconds"));
}

}  // namespace millstream
