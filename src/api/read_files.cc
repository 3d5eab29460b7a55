// The readers of files.

#include "exec/engine.h"
#include "format/binary/binary_format.h"
#include "format/csv/csv_format.h"
#include "format/ipc/ipc_format.h"
#include "format/json/json_format.h"
#include "format/numpy/numpy_format.h"
#include "format/orc/orc_format.h"
#include "format/text/text_format.h"
#include "millstream/dataset.h"
#include "plan/read_files.h"
#include "plan/read_parquet.h"

namespace millstream {
namespace {

using Paths = std::vector<std::string>;
using Listed = std::shared_ptr<const std::vector<ListedFile>>;

/// `extensions`: where the options name none.
FilesToRead FilesOf(const Paths& paths, const ReadFilesOptions& options, Paths extensions = {}) {
  return {paths, options.extensions.empty() ? std::move(extensions) : options.extensions, options.ignore_missing_paths, std::nullopt, options.shuffle_files_seed, {options.partitioning, options.include_paths},
          {options.on_bad_file, options.on_bad_row, options.max_errors}, options.limits};
}

CsvOptions CsvOptionsOf(const ReadCsvOptions& options) {
  return {options.column_names, options.autogenerate_column_names, options.skip_rows, options.skip_rows_after_names, options.parse, options.convert, options.timestamp_formats,
          options.files.limits};
}

}  // namespace

Result<Dataset> Dataset::ReadParquet(const Context& context, const Paths& paths, const ReadParquetOptions& options) {
  const Engine& engine = *context.engine_;
  const auto columns = options.columns.empty() ? std::nullopt : std::optional(options.columns);
  ARROW_ASSIGN_OR_RAISE(auto plan, ReadParquetPlan(engine.env(), engine.scheduler().get(), FilesOf(paths, options.files, {".parquet"}), columns));
  return Dataset(context, std::move(plan));
}

Result<Dataset> Dataset::ReadCsv(const Context& context, const Paths& paths, const ReadCsvOptions& options) {
  const Engine& engine = *context.engine_;
  const auto make = [&](Listed files, const ReadLimits&, BadFiles* bad) { return CsvFormat::Make(engine.env(), std::move(files), CsvOptionsOf(options), engine.scheduler().get(), bad); };
  ARROW_ASSIGN_OR_RAISE(auto plan, ReadFilesPlan(*engine.env(), FilesOf(paths, options.files), make));
  return Dataset(context, std::move(plan));
}

Result<Dataset> Dataset::ReadJson(const Context& context, const Paths& paths, const ReadJsonOptions& options) {
  const Engine& engine = *context.engine_;
  const auto make = [&](Listed files, const ReadLimits& limits, BadFiles* bad) { return JsonFormat::Make(engine.env(), std::move(files), options.schema, limits, engine.scheduler().get(), bad); };
  ARROW_ASSIGN_OR_RAISE(auto plan, ReadFilesPlan(*engine.env(), FilesOf(paths, options.files), make));
  return Dataset(context, std::move(plan));
}

Result<Dataset> Dataset::ReadText(const Context& context, const Paths& paths, const ReadTextOptions& options) {
  const Engine& engine = *context.engine_;
  const auto make = [&](Listed files, const ReadLimits& limits, BadFiles* bad) { return TextFormat::Make(engine.env(), std::move(files), {options.drop_empty_lines, limits}, engine.scheduler().get(), bad); };
  ARROW_ASSIGN_OR_RAISE(auto plan, ReadFilesPlan(*engine.env(), FilesOf(paths, options.files), make));
  return Dataset(context, std::move(plan));
}

Result<Dataset> Dataset::ReadBinaryFiles(const Context& context, const Paths& paths, const ReadFilesOptions& options) {
  const Engine& engine = *context.engine_;
  const auto make = [&](Listed files, const ReadLimits&, BadFiles*) { return std::make_shared<const BinaryFormat>(engine.env(), std::move(files)); };
  ARROW_ASSIGN_OR_RAISE(auto plan, ReadFilesPlan(*engine.env(), FilesOf(paths, options), make));
  return Dataset(context, std::move(plan));
}

Result<Dataset> Dataset::ReadIpc(const Context& context, const Paths& paths, const ReadFilesOptions& options) {
  const Engine& engine = *context.engine_;
  const auto make = [&](Listed files, const ReadLimits& limits, BadFiles* bad) { return IpcFormat::Make(engine.env(), std::move(files), limits, engine.scheduler().get(), bad); };
  ARROW_ASSIGN_OR_RAISE(auto plan, ReadFilesPlan(*engine.env(), FilesOf(paths, options, {".arrow", ".arrows", ".feather", ".ipc"}), make));
  return Dataset(context, std::move(plan));
}

Result<Dataset> Dataset::ReadOrc(const Context& context, const Paths& paths, const ReadFilesOptions& options) {
  const Engine& engine = *context.engine_;
  const auto make = [&](Listed files, const ReadLimits& limits, BadFiles* bad) { return OrcFormat::Make(engine.env(), std::move(files), limits, engine.scheduler().get(), bad); };
  ARROW_ASSIGN_OR_RAISE(auto plan, ReadFilesPlan(*engine.env(), FilesOf(paths, options, {".orc"}), make));
  return Dataset(context, std::move(plan));
}

Result<Dataset> Dataset::ReadNumpy(const Context& context, const Paths& paths, const ReadFilesOptions& options) {
  const Engine& engine = *context.engine_;
  const auto make = [&](Listed files, const ReadLimits&, BadFiles* bad) { return NumpyFormat::Make(engine.env(), std::move(files), engine.scheduler().get(), bad); };
  ARROW_ASSIGN_OR_RAISE(auto plan, ReadFilesPlan(*engine.env(), FilesOf(paths, options, {".npy"}), make));
  return Dataset(context, std::move(plan));
}

}  // namespace millstream
