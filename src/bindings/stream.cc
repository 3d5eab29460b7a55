#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <mutex>

#include "base/fork.h"
#include "bindings/batch.h"
#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/python_values.h"
#include "bindings/register.h"
#include "bindings/stages.h"
#include "ingest/execute.h"
#include "ingest/local_shuffle.h"

namespace nb = nanobind;

namespace millstream {
namespace {

/// A stream, and where it stands after the batch delivered last.
class PyStream {
 public:
  PyStream(std::weak_ptr<Engine> engine, std::unique_ptr<BatchStream> stream, StreamPosition position, int64_t rows)
      : engine_(std::move(engine)), stream_(std::move(stream)), position_(position), rows_(rows) {}
  ~PyStream() {
    // In a forked child the lanes are gone and a lock may be held for ever.
    if (fork_.inherited()) static_cast<void>(stream_.release());
  }

  /// `waiting` is called about every 50 ms while there is no batch, on this thread.
  std::optional<PyBatch> Next(const nb::object& waiting) {
    CheckOwned();
    CheckNotLeaving();
    RaiseIfFailed(CheckEngine());
    std::optional<nb::python_error> raised;
    Result<StreamBatch> batch = StreamBatch{};
    {
      const ReleaseGil release;
      batch = stream_->Next([&] { return stopped_ || !CheckEngine().ok() || Interrupted(waiting, &raised); });
    }
    if (raised.has_value()) {
      Close();
      throw std::move(*raised);
    }
    if (!batch.ok()) RaiseIfFailed(CheckEngine());
    auto taken = ValueOrRaise(std::move(batch));
    if (taken.data == nullptr) return std::nullopt;
    position_ = taken.position;
    rows_ += taken.data->num_rows();
    return PyBatch{std::move(taken.data)};
  }

  nb::tuple Position() const { return nb::make_tuple(position_.key, position_.ties, rows_); }

  /// Ends a Next that waits on another thread, and each later one that would wait.
  void Stop() {
    if (fork_.inherited()) return;
    stopped_ = true;
    const ReleaseGil release;
    if (const auto engine = engine_.lock()) engine->scheduler()->Notify();
  }

  void Close() {
    if (fork_.inherited()) return;
    const ReleaseGil release;
    stream_->Close();
  }

  std::optional<PySchema> Schema() const {
    CheckOwned();
    return stream_->schema() == nullptr ? std::nullopt : std::optional(PySchema{stream_->schema()});
  }

  nb::list Stages() const {
    CheckOwned();
    return StageDicts(stream_->stages());
  }

  nb::list DeadLetters() const {
    CheckOwned();
    return DeadLetterTuples(stream_->stages());
  }

 private:
  /// Looks for signals and calls `waiting`; keeps what they raise, for the caller to raise once the lanes have been told to stop.
  static bool Interrupted(const nb::object& waiting, std::optional<nb::python_error>* raised) {
    const AcquireGil acquire;
    try {
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (!waiting.is_none()) waiting();
      return false;
    } catch (nb::python_error& error) {
      raised->emplace(std::move(error));
      return true;
    }
  }

  /// The lanes that make batches may be gone for good.
  Status CheckEngine() const {
    const auto engine = engine_.lock();
    return engine == nullptr ? Status::OK() : engine->CheckAlive();
  }

  void CheckOwned() const {
    if (fork_.inherited()) {
      RaiseIfFailed(MakeError(ErrorKind::kStale, "this stream belongs to the process that forked this one; begin a new pass here, on a fresh iterator"));
    }
  }

  ForkGuard fork_;
  std::weak_ptr<Engine> engine_;
  std::unique_ptr<BatchStream> stream_;
  StreamPosition position_;
  int64_t rows_;
  std::atomic<bool> stopped_{false};
};

/// Opens a stream: `open` is called without the GIL.
template <typename Open>
std::unique_ptr<PyStream> OpenStream(const std::weak_ptr<Engine>& engine, uint64_t seed, uint64_t epoch, int64_t batch_size, bool drop_last, int prefetch_batches, bool preserve_order,
                                     const nb::object& resume, Open&& open) {
  ExecuteOptions options{seed, epoch, batch_size, drop_last, prefetch_batches, preserve_order, !resume.is_none(), {}, 0};
  if (options.has_resume) {
    const auto state = nb::cast<nb::dict>(resume);
    options.resume = {nb::cast<uint64_t>(state["key"]), nb::cast<int64_t>(state["ties"])};
    options.rows_delivered = nb::cast<int64_t>(state["rows"]);
    options.has_resume = options.rows_delivered > 0;
  }
  CheckNotLeaving();
  Result<std::unique_ptr<BatchStream>> stream = nullptr;
  {
    const ReleaseGil release;
    stream = open(options);
  }
  return std::make_unique<PyStream>(engine, ValueOrRaise(std::move(stream)), options.resume, options.rows_delivered);
}

std::unique_ptr<PyStream> ExecutePlan(const std::shared_ptr<Engine>& engine, const std::shared_ptr<PlanNode>& plan, uint64_t seed, uint64_t epoch,
                                      int64_t batch_size, bool drop_last, int prefetch_batches, bool preserve_order, const nb::object& resume) {
  return OpenStream(engine, seed, epoch, batch_size, drop_last, prefetch_batches, preserve_order, resume,
                    [&](const ExecuteOptions& options) { return Execute(engine, plan, options); });
}

/// The passes of one iterator.
class PyPasses {
 public:
  PyPasses(const std::shared_ptr<Engine>& engine, const std::shared_ptr<PlanNode>& plan)
      : engine_(engine), plan_(plan), passes_(std::make_unique<Passes>(engine, plan)) {}
  ~PyPasses() { Close(); }

  std::unique_ptr<PyStream> Open(uint64_t seed, uint64_t epoch, int64_t batch_size, bool drop_last, int prefetch_batches, bool preserve_order,
                                 const nb::object& resume, bool keep_rows, bool next_pass_expected,
                                 const std::optional<LocalShuffleOptions>& local_shuffle) {
    if (passes_ == nullptr) RaiseIfFailed(MakeError(ErrorKind::kStale, "these passes were closed; make a new iterator"));
    return OpenStream(engine_, seed, epoch, batch_size, drop_last, prefetch_batches, preserve_order, resume, [&](const ExecuteOptions& options) {
      std::lock_guard lock(mutex_);
      const auto open = [&](const ExecuteOptions& with) { return passes_->Open(with, next_pass_expected ? NextPass::kExpected : keep_rows ? NextPass::kPossible : NextPass::kNone); };
      if (!local_shuffle.has_value()) return open(options);
      const auto engine = engine_.lock();
      if (engine == nullptr) return Result<std::unique_ptr<BatchStream>>(MakeError(ErrorKind::kStale, "this engine has ended"));
      return OpenLocalShuffle(*engine, LocalShuffleInputOf(*plan_, options.batch_rows), *local_shuffle, options, open);
    });
  }

  void Close() {
    if (passes_ == nullptr) return;
    if (fork_.inherited()) {
      static_cast<void>(passes_.release());  // its lanes are not in this process
      return;
    }
    const ReleaseGil release;
    passes_.reset();
  }

 private:
  ForkGuard fork_;
  const std::weak_ptr<Engine> engine_;
  const std::shared_ptr<PlanNode> plan_;
  std::mutex mutex_;  // taken without the GIL
  std::unique_ptr<Passes> passes_;
};

}  // namespace

void RegisterStream(nb::module_& module) {
  nb::class_<PyStream>(module, "Stream")
      .def("next", &PyStream::Next, nb::arg("waiting") = nb::none())
      .def("position", &PyStream::Position)
      .def("stop", &PyStream::Stop)
      .def("close", &PyStream::Close)
      .def("schema", &PyStream::Schema, "None as long as it is not known: before the first batch above a function.")
      .def("stages", &PyStream::Stages)
      .def("dead_letters", &PyStream::DeadLetters);
  module.def("execute", &ExecutePlan, nb::arg("engine"), nb::arg("plan"), nb::kw_only(), nb::arg("seed"), nb::arg("epoch"), nb::arg("batch_size"),
             nb::arg("drop_last"), nb::arg("prefetch_batches"), nb::arg("preserve_order"), nb::arg("resume") = nb::none());
  nb::class_<LocalShuffleOptions>(module, "LocalShuffle")
      .def(
          "__init__",
          [](LocalShuffleOptions* self, int64_t buffer_rows, int64_t batch_size, bool drop_last, uint64_t seed) {
            new (self) LocalShuffleOptions{buffer_rows, batch_size, drop_last, seed};
          },
          nb::kw_only(), nb::arg("buffer_rows"), nb::arg("batch_size"), nb::arg("drop_last"), nb::arg("seed"));
  nb::class_<PyPasses>(module, "Passes")
      .def(nb::init<const std::shared_ptr<Engine>&, const std::shared_ptr<PlanNode>&>(), nb::arg("engine"), nb::arg("plan"))
      .def("open", &PyPasses::Open, nb::kw_only(), nb::arg("seed"), nb::arg("epoch"), nb::arg("batch_size"), nb::arg("drop_last"),
           nb::arg("prefetch_batches"), nb::arg("preserve_order"), nb::arg("resume") = nb::none(), nb::arg("keep_rows") = false,
           nb::arg("next_pass_expected") = false, nb::arg("local_shuffle") = nb::none())
      .def("close", &PyPasses::Close);
}

}  // namespace millstream
