#include "bindings/function.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>

#include "base/fork.h"
#include "bindings/arrow_capsules.h"
#include "bindings/batch.h"
#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/python_error.h"
#include "bindings/register.h"
#include "udf/function_chain.h"
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

/// Holds what an engine's stage does, for objects of Python's.
template <typename Held>
class HeldByPython {
 public:
  explicit HeldByPython(std::shared_ptr<Held> held) : held_(std::move(held)) {}
  ~HeldByPython() {
    if (fork_.inherited()) {
      new std::shared_ptr<Held>(std::move(held_));  // its locks may be held for ever
      return;
    }
    // Whoever is the last to hold the engine waits for its lanes.
    const ReleaseGil release;
    held_.reset();
  }
  HeldByPython(const HeldByPython&) = delete;
  HeldByPython& operator=(const HeldByPython&) = delete;
  Held* operator->() const { return held_.get(); }
  const std::shared_ptr<Held>& operator*() const { return held_; }

 private:
  ForkGuard fork_;
  std::shared_ptr<Held> held_;
};

RecordBatches Imported(const nb::sequence& batches) {
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

/// None, or (errors, max_errors or None, the exception of the last); an error is (first row, last row, text, traceback), and of a file, which its path follows,
/// whether there is to be a letter.
SkippedErrors Skipped(const nb::object& skipped) {
  SkippedErrors out;
  if (skipped.is_none()) return out;
  for (nb::handle error : nb::cast<nb::sequence>(skipped[0])) {
    SkippedError& read = out.errors.emplace_back();
    read = {nb::cast<int64_t>(error[0]), nb::cast<int64_t>(error[1]), 0, nb::cast<std::string>(error[2]), nb::cast<std::string>(error[3])};
    if (nb::len(error) == 4) continue;
    read.of_file = true;
    read.path = nb::cast<std::string>(error[4]);
    read.recorded = nb::cast<bool>(error[5]);
  }
  out.errors_max = skipped[1].is_none() ? -1 : nb::cast<int64_t>(skipped[1]);
  if (!skipped[2].is_none()) out.too_many = StatusOfException(nb::borrow(skipped[2]));
  return out;
}

/// The calls of one stage, as its threads see them.
class PyCalls {
 public:
  explicit PyCalls(std::shared_ptr<FunctionCalls> calls) : calls_(std::move(calls)) {}

  /// None once there will be no more.
  std::optional<PyCall> Take() {
    CheckNotLeaving();
    std::optional<FunctionCall> call;
    {
      const ReleaseGil release;
      call = calls_->Take(nullptr);
    }
    if (!call.has_value()) return std::nullopt;
    return PyCall{std::move(*call), *calls_};
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
  const HeldByPython<FunctionCalls> calls_;
};

/// A function among several of a stage.
class PythonStep : public FunctionStep {
 public:
  /// `run`: of a FunctionHere (python/millstream/function_threads.py).
  explicit PythonStep(nb::object run) : FunctionStep({.in_turn = true, .finds_place = true, .by_server = true}), run_(std::move(run)) {}
  ~PythonStep() override {
    const AcquireGil acquire;
    run_.reset();
  }
  const nb::object& run() const { return run_; }
  StepResult Call(const FunctionCall&, const FunctionCalls&) override { return {Status::Invalid("a function of Python's is called by its threads")}; }

 private:
  nb::object run_;
};

/// Several functions of one stage, as its threads see them.
class PyChain {
 public:
  explicit PyChain(std::shared_ptr<FunctionChain> chain) : chain_(std::move(chain)) {}
  const std::shared_ptr<FunctionChain>& chain() const { return *chain_; }
  int servers_most() const { return chain_->servers_most(); }
  void SetPlace(const std::string& place) { chain_->SetPlace(place); }

 private:
  const HeldByPython<FunctionChain> chain_;
};

/// One thread that runs a chain. Threads beside one another help only functions that take longer than handing the GIL over does.
class PyChainServer {
 public:
  PyChainServer(const PyChain& chain, bool is_first) : chain_(chain.chain()), is_first_(is_first) {}

  /// What to call with what: (run, call); None once there will be no more, or no need of this thread.
  nb::object Next() {
    for (;;) {
      CheckNotLeaving();
      if (work_ == nullptr) {
        if (!is_first_ && short_calls_ >= kShortCallsInRow) return nb::none();
        work_ = Take();
        if (work_ == nullptr) return nb::none();
        began_ = std::chrono::steady_clock::now();
      }
      work_ = chain_->Run(std::move(work_), [](const std::function<void()>& part) {
        const ReleaseGil release;
        part();
      });
      if (work_ != nullptr) {
        timer_.emplace(&chain_->calls()->statistics(FunctionChain::CallFor(*work_).step).cpu_nanoseconds);
        return nb::make_tuple(static_cast<PythonStep&>(chain_->FunctionFor(*work_)).run(), PyCall{FunctionChain::CallFor(*work_), chain_->calls()});
      }
      NoteLength();
    }
  }

  /// What the call gave.
  void Answer(const nb::object& batches, const nb::object& error, const nb::object& skipped) {
    StepResult result{RecordBatches{}, Skipped(skipped)};
    if (error.is_none()) result.batches = Imported(nb::cast<nb::sequence>(batches));
    else result.batches = StatusOfException(error);
    timer_.reset();
    chain_->Answer(work_.get(), std::move(result));
  }

  /// Whether another thread would help; once for each time that it is so.
  bool TakeNeed() { return std::exchange(needs_more_, false); }

 private:
  static constexpr auto kLongCall = std::chrono::milliseconds(1);
  static constexpr auto kVeryLongCall = std::chrono::milliseconds(50);
  static constexpr int kLongCallsInRow = 8;
  static constexpr int kShortCallsInRow = 16;

  ChainWorkPtr Take() {
    if (auto work = chain_->TryTake()) return work;
    const ReleaseGil release;
    return chain_->Take();
  }

  /// A machine that is busy makes some calls long, but not many in a row.
  void NoteLength() {
    const auto took = std::chrono::steady_clock::now() - began_;
    long_calls_ = took > kVeryLongCall ? long_calls_ + kLongCallsInRow / 2 : took > kLongCall ? long_calls_ + 1 : 0;
    short_calls_ = took > kLongCall ? 0 : short_calls_ + 1;
    if (long_calls_ < kLongCallsInRow) return;
    needs_more_ = true;
    long_calls_ = 0;
  }

  const HeldByPython<FunctionChain> chain_;
  const bool is_first_;
  ChainWorkPtr work_;
  std::chrono::steady_clock::time_point began_;
  std::optional<CpuTimer> timer_;  // of the call that runs
  int long_calls_ = 0;
  int short_calls_ = 0;
  bool needs_more_ = false;
};

class PythonFunction : public BatchFunction {
 public:
  explicit PythonFunction(nb::object spec)
      : spec_(std::move(spec)),
        name_(nb::cast<std::string>(spec_.attr("name"))),
        workers_(nb::cast<int>(spec_.attr("workers"))),
        rows_expected_(nb::cast<int64_t>(nb::getattr(spec_, "rows_expected", nb::int_(-1)))),
        keeps_columns_(nb::cast<bool>(nb::getattr(spec_, "keeps_columns", nb::bool_(false)))),
        fuses_(nb::cast<bool>(nb::getattr(spec_, "fuses", nb::bool_(false)))) {}
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

  bool fuses() const override { return fuses_; }
  Result<std::shared_ptr<FunctionStep>> OpenStep(const std::shared_ptr<FunctionCalls>&) const override {
    const AcquireGil acquire;
    try {
      return std::make_shared<PythonStep>(spec_.attr("open_step")());
    } catch (nb::python_error& error) {
      return StatusOfException(nb::borrow(error.value()));
    }
  }
  Result<bool> ServeChain(const std::shared_ptr<FunctionChain>& chain) const override {
    const AcquireGil acquire;
    try {
      spec_.attr("serve_chain")(std::make_shared<PyChain>(chain));
      return true;
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
  const bool fuses_;
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
  nb::class_<PyChain>(module, "Chain")
      .def_prop_ro("servers_most", &PyChain::servers_most)
      .def("set_place", &PyChain::SetPlace, nb::arg("place"));
  nb::class_<PyChainServer>(module, "ChainServer")
      .def(nb::init<const PyChain&, bool>(), nb::arg("chain"), nb::arg("is_first"))
      .def("next", &PyChainServer::Next)
      .def("answer", &PyChainServer::Answer, nb::arg("batches"), nb::arg("error").none(), nb::arg("skipped").none())
      .def("take_need", &PyChainServer::TakeNeed);
  module.def("imported", [](const nb::sequence& batches) {
    nb::list imported;
    for (auto& batch : Imported(batches)) imported.append(PyBatch{std::move(batch)});
    return imported;
  }, nb::arg("batches"));
}

}  // namespace millstream
