#include <nanobind/stl/shared_ptr.h>

#include "base/fork.h"
#include "bindings/arrow_capsules.h"
#include "bindings/batch.h"
#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/register.h"
#include "ingest/execute.h"

namespace nb = nanobind;

namespace millstream {
namespace {

/// A pass over a plan as an Arrow stream, which whoever imports it reads on any thread, with or without the interpreter's lock.
class PassReader : public arrow::RecordBatchReader {
 public:
  PassReader(std::weak_ptr<Engine> engine, std::unique_ptr<BatchStream> stream, std::shared_ptr<arrow::Schema> schema)
      : engine_(std::move(engine)), stream_(std::move(stream)), schema_(std::move(schema)) {}
  ~PassReader() override {
    // In a forked child the lanes are gone and a lock may be held for ever.
    if (fork_.inherited()) static_cast<void>(stream_.release());
    else Unlocked([this] { stream_.reset(); });
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    if (fork_.inherited()) return MakeError(ErrorKind::kStale, "this stream belongs to the process that forked this one; begin a new pass here");
    // A thread of Python's own holds the lock, or gave it up to import the stream. Others may be waited for by a thread that holds it, and so must not ask for it.
    const bool may_lock = IsPythonThread();
    Result<StreamBatch> batch = StreamBatch{};
    Unlocked([&] { batch = stream_->Next([&] { return !EngineAlive() || (may_lock && Signalled()); }); });
    ARROW_RETURN_NOT_OK(batch);
    *out = std::move(batch->data);
    return Status::OK();
  }

 private:
  template <typename Work>
  static void Unlocked(const Work& work) {
    if (!HoldsGil()) return work();
    const ReleaseGil release;
    work();
  }

  /// A signal is left to the interpreter, which raises it once the stream has ended.
  static bool Signalled() {
    const AcquireGil acquire;
    if (PyErr_CheckSignals() == 0) return false;
    const bool interrupt = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0;
    PyErr_Clear();
    if (interrupt) PyErr_SetInterrupt();
    return true;
  }

  bool EngineAlive() const {
    const auto engine = engine_.lock();
    return engine == nullptr || engine->CheckAlive().ok();
  }

  ForkGuard fork_;
  const std::weak_ptr<Engine> engine_;
  std::unique_ptr<BatchStream> stream_;
  const std::shared_ptr<arrow::Schema> schema_;
};

nb::object ArrowStream(const std::shared_ptr<Engine>& engine, const std::shared_ptr<PlanNode>& plan, const PySchema& schema, uint64_t seed, int64_t batch_size) {
  CheckNotLeaving();
  ExecuteOptions options;
  options.seed = seed;
  options.batch_rows = batch_size;
  Result<std::unique_ptr<BatchStream>> stream = nullptr;
  {
    const ReleaseGil release;
    stream = Execute(engine, plan, options);
  }
  return ExportStream(std::make_shared<PassReader>(engine, ValueOrRaise(std::move(stream)), schema.schema));
}

}  // namespace

void RegisterArrowStream(nb::module_& module) {
  module.def("arrow_stream", &ArrowStream, nb::arg("engine"), nb::arg("plan"), nb::arg("schema"), nb::kw_only(), nb::arg("seed"), nb::arg("batch_size"));
}

}  // namespace millstream
