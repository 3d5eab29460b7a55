#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <exception>

#include "bindings/errors.h"
#include "bindings/interpreter.h"
#include "bindings/register.h"
#include "bindings/stages.h"
#include "format/csv/csv_writer.h"
#include "format/images/image_writer.h"
#include "format/ipc/ipc_writer.h"
#include "format/json/json_writer.h"
#include "format/numpy/npy_writer.h"
#include "format/orc/orc_writer.h"
#include "format/parquet/parquet_writer.h"
#include "format/tar/tar_writer.h"
#include "format/tfrecord/tfrecord_writer.h"
#include "ingest/write_files.h"

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
  void Keep(std::exception_ptr raised) { raised_ = std::move(raised); }
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

using FormatPtr = std::shared_ptr<WriteFormat>;

FormatPtr ParquetFiles(const std::string& compression, int64_t row_group_rows) {
  return std::make_shared<ParquetWriteFormat>(ParquetWriterOptions{ValueOrRaise(ParseCompression(compression, ParquetCompressions())), row_group_rows});
}

CsvWriteOptions::Quoting QuotingOf(const std::string& name) {
  if (name == "needed") return CsvWriteOptions::Quoting::kNeeded;
  return name == "all_valid" ? CsvWriteOptions::Quoting::kAll : CsvWriteOptions::Quoting::kNone;
}

FormatPtr CsvFiles(bool include_header, const std::string& delimiter, const std::string& quoting, const std::string& quoting_header, const std::string& compression) {
  CsvWriteOptions options;
  options.include_header = include_header;
  options.delimiter = delimiter.at(0);
  options.quoting = QuotingOf(quoting);
  options.quoting_header = QuotingOf(quoting_header);
  options.compression = ValueOrRaise(ParseCompression(compression, StreamCompressions()));
  return std::make_shared<CsvWriteFormat>(std::move(options));
}

FormatPtr JsonFiles(bool lines, const std::string& compression) {
  return std::make_shared<JsonWriteFormat>(JsonWriteOptions{lines, ValueOrRaise(ParseCompression(compression, StreamCompressions()))});
}

FormatPtr IpcFiles(const std::string& compression) {
  return std::make_shared<IpcWriteFormat>(ValueOrRaise(ParseCompression(compression, IpcWriteFormat::Compressions())));
}

FormatPtr OrcFiles(const std::string& compression) {
  return std::make_shared<OrcWriteFormat>(ValueOrRaise(ParseCompression(compression, OrcWriteFormat::Compressions())));
}

FormatPtr NumpyFiles(const std::string& column) { return std::make_shared<NumpyWriteFormat>(column); }

FormatPtr TfRecordFiles(const std::string& compression) {
  return std::make_shared<TfRecordWriteFormat>(ValueOrRaise(ParseCompression(compression, StreamCompressions())));
}

FormatPtr TarFiles(const std::string& compression) {
  return std::make_shared<TarWriteFormat>(ValueOrRaise(ParseCompression(compression, StreamCompressions())));
}

FormatPtr ImageFiles(const std::string& column, const std::string& form) {
  ImageWriteOptions options;
  options.column = column;
  options.form = form == "png" ? ImageWriteOptions::Form::kPng : ImageWriteOptions::Form::kJpeg;
  options.suffix = "." + form;
  return std::make_shared<ImageWriteFormat>(std::move(options));
}

/// Calls Python for the names of files; what it raises ends the job and is raised again.
std::function<Result<std::string>(const std::string&, int64_t)> FileNames(const nb::object& provider, PythonVisits* visits) {
  if (provider.is_none()) return {};
  return [&provider, visits](const std::string& job, int64_t number) -> Result<std::string> {
    const AcquireGil acquire;
    try {
      return nb::cast<std::string>(provider(job, number));
    } catch (...) {
      visits->Keep(std::current_exception());
      return MakeError(ErrorKind::kCancelled, "the name of a file was refused");
    }
  };
}

nb::list WritePlan(const std::shared_ptr<Engine>& engine, const std::shared_ptr<PlanNode>& plan, const std::string& path, const FormatPtr& format, uint64_t seed,
                   uint64_t epoch, int64_t file_rows_min, int64_t file_rows_max, int64_t file_bytes_min, const std::vector<std::string>& partition_columns,
                   const std::string& mode, const nb::object& file_name, const nb::object& progress, const nb::object& dead_letters) {
  CheckNotLeaving();
  PythonVisits visits(progress);
  WriteFilesOptions options;
  options.format = format;
  options.seed = seed;
  options.epoch = epoch;
  options.file_rows_min = file_rows_min;
  options.file_rows_max = file_rows_max;
  options.file_bytes_min = file_bytes_min;
  options.partition_columns = partition_columns;
  options.mode = ValueOrRaise(ParseSaveMode(mode));
  options.file_name = FileNames(file_name, &visits);
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
    files = WriteFiles(engine, plan, path, options);
  }
  if (!files.ok() && KindOf(files.status()) == ErrorKind::kCancelled) visits.Rethrow();
  return FileDicts(ValueOrRaise(std::move(files)));
}

}  // namespace

void RegisterWrite(nb::module_& module) {
  nb::class_<WriteFormat>(module, "WriteFormat");
  module.def("parquet_files", &ParquetFiles, nb::arg("compression"), nb::arg("row_group_rows"));
  module.def("csv_files", &CsvFiles, nb::kw_only(), nb::arg("include_header"), nb::arg("delimiter"), nb::arg("quoting"), nb::arg("quoting_header"),
             nb::arg("compression"));
  module.def("json_files", &JsonFiles, nb::kw_only(), nb::arg("lines"), nb::arg("compression"));
  module.def("ipc_files", &IpcFiles, nb::arg("compression"));
  module.def("orc_files", &OrcFiles, nb::arg("compression"));
  module.def("numpy_files", &NumpyFiles, nb::arg("column"));
  module.def("tfrecord_files", &TfRecordFiles, nb::arg("compression"));
  module.def("tar_files", &TarFiles, nb::arg("compression"));
  module.def("image_files", &ImageFiles, nb::arg("column"), nb::arg("form"));
  module.def("write_files", &WritePlan, nb::arg("engine"), nb::arg("plan"), nb::arg("path"), nb::arg("format"), nb::kw_only(), nb::arg("seed") = 0, nb::arg("epoch") = 0,
             nb::arg("file_rows_min") = 0, nb::arg("file_rows_max") = 0, nb::arg("file_bytes_min") = 0, nb::arg("partition_columns") = nb::list(),
             nb::arg("mode") = "append", nb::arg("file_name") = nb::none(), nb::arg("progress") = nb::none(), nb::arg("dead_letters") = nb::none());
}

}  // namespace millstream
