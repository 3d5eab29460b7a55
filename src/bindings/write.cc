#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <exception>

#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/register.h"
#include "bindings/stages.h"
#include "ingest/write_parquet.h"

namespace nb = nanobind;

namespace millstream {
namespace {

/// Lets Python in while a job runs without the GIL: signals, and the progress callback. What either raises ends the job and is raised again
/// when the lanes have stopped and nothing is left on disk.
class PythonVisits {
 public:
  explicit PythonVisits(nb::object progress) : progress_(std::move(progress)) {}

  bool Interrupted() {
    if (raised_) return true;
    const AcquireGil acquire;
    if (PyErr_CheckSignals() != 0) raised_ = std::make_exception_ptr(nb::python_error());
    return raised_ != nullptr;
  }
  void Progress(const std::vector<const StageStatistics*>& stages) {
    const AcquireGil acquire;
    try {
      progress_(StageDicts(stages));
    } catch (...) {
      raised_ = std::current_exception();
    }
  }
  void Rethrow() {
    if (raised_) std::rethrow_exception(std::exchange(raised_, nullptr));
  }
  bool wants_progress() const { return !progress_.is_none(); }

 private:
  nb::object progress_;
  std::exception_ptr raised_;
};

nb::list FileDicts(const std::vector<WrittenFile>& files) {
  nb::list out;
  for (const WrittenFile& file : files) {
    nb::dict entry;
    entry["path"] = file.path;
    entry["rows"] = file.rows;
    entry["bytes"] = file.bytes;
    out.append(entry);
  }
  return out;
}

nb::list WritePlan(const std::shared_ptr<Engine>& engine, const std::shared_ptr<PlanNode>& plan, const std::string& path, uint64_t seed, uint64_t epoch,
                   const std::string& compression, int64_t row_group_rows, int64_t file_rows_min, int64_t file_rows_max, const std::string& mode,
                   const nb::object& progress, const nb::object& dead_letters) {
  CheckNotLeaving();
  PythonVisits visits(progress);
  WriteParquetOptions options;
  options.seed = seed;
  options.epoch = epoch;
  options.parquet = {ValueOrRaise(ParseCompression(compression)), row_group_rows};
  options.file_rows_min = file_rows_min;
  options.file_rows_max = file_rows_max;
  options.mode = ValueOrRaise(ParseSaveMode(mode));
  options.interrupted = [&] { return visits.Interrupted(); };
  if (visits.wants_progress()) options.progress = [&](const auto& stages) { visits.Progress(stages); };
  if (!dead_letters.is_none()) {
    options.ended = [&](const auto& stages) {
      const AcquireGil acquire;
      for (nb::handle letter : DeadLetterTuples(stages)) dead_letters.attr("append")(letter);
    };
  }
  Result<std::vector<WrittenFile>> files = std::vector<WrittenFile>{};
  {
    const ReleaseGil release;
    files = WriteParquet(engine, plan, path, options);
  }
  if (!files.ok() && KindOf(files.status()) == ErrorKind::kCancelled) visits.Rethrow();
  return FileDicts(ValueOrRaise(std::move(files)));
}

}  // namespace

void RegisterWrite(nb::module_& module) {
  module.def("write_parquet", &WritePlan, nb::arg("engine"), nb::arg("plan"), nb::arg("path"), nb::kw_only(), nb::arg("seed") = 0, nb::arg("epoch") = 0,
             nb::arg("compression") = "snappy", nb::arg("row_group_rows") = 0, nb::arg("file_rows_min") = 0, nb::arg("file_rows_max") = 0,
             nb::arg("mode") = "append", nb::arg("progress") = nb::none(), nb::arg("dead_letters") = nb::none());
}

}  // namespace millstream
