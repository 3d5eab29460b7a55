#include "ingest/write_files.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <optional>

#include "column/gather.h"
#include "commit/directory_commit.h"
#include "commit/job_name.h"
#include "format/batch_bytes.h"
#include "format/partition_folders.h"
#include "ingest/execute.h"
#include "ingest/file_tasks.h"
#include "plan/blocks.h"

namespace millstream {
namespace {

constexpr int64_t kBatchBytesGuess = 1 << 20;
constexpr int64_t kBatchRowsMax = 64 << 10;
constexpr int64_t kQueueBytesMax = 8 << 20;
/// Batches that wait may be slices of a window or slab, which cannot be freed before they are taken: as much of the limit is set aside.
constexpr int64_t kPinnedShare = 16;
/// Where a function decides the columns: rows of a batch, and the share of the limit that the writer keeps from the stages, whose first batch comes before it is planned.
constexpr int64_t kUnknownBatchRows = 8 << 10;
constexpr int64_t kUnknownShare = 4;
constexpr int64_t kFileRowsMax = int64_t{1} << 40;
constexpr int kFileDigits = 6;
constexpr int64_t kFilesMax = 1'000'000;  // beyond, such names would not sort
/// Of formats whose files are rows.
constexpr int kRowDigits = 9;
constexpr int64_t kRowFilesMax = 1'000'000'000;
constexpr auto kTickEvery = std::chrono::milliseconds(50);
constexpr auto kProgressEvery = std::chrono::milliseconds(250);

int64_t SourceRows(const PlanNode& plan) {
  int64_t rows = 0;
  for (const PlanNode* source : SourcesOf(plan)) {
    for (const ScanTask& task : source->source->tasks()) rows += task.rows;
  }
  return rows;
}

/// A function of the schema alone: pages are cut at batches, and so files are the same whatever the budget. A power of two, so that no memory is lost to
/// rounding.
int64_t BatchRows(const arrow::Schema& schema) {
  return static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(std::clamp<int64_t>(kBatchBytesGuess / RowBytesGuess(schema), 1, kBatchRowsMax))));
}

class WriteJob {
 public:
  WriteJob(std::shared_ptr<Engine> engine, PlanPtr plan, const WriteFilesOptions& options)
      : engine_(std::move(engine)), plan_(std::move(plan)), options_(options), job_name_(NewJobName(*engine_->env())) {}

  /// Makes all that can be refused before anything is on disk.
  Status Prepare();
  Result<std::vector<WrittenFile>> Run(OutputCommit* commit);
  void TellEnd() const {
    if (options_.ended && stream_ != nullptr) options_.ended(stream_->stages());
  }

 private:
  /// With `least`, as little memory as the job can do with.
  Status OpenTasks(bool least);
  /// By the first batch.
  Status FindSchema();
  /// Neither rows nor columns: the function that decides these was never called.
  bool HasNothing() const { return plan_->schema == nullptr && schema_->num_fields() == 0 && first_ == nullptr; }
  Status OpenLedgers(int64_t encoding_floor, int64_t queue_floor, FileTasks::Options* tasks);
  Status OpenStream();
  Status WriteRows(OutputCommit* commit);
  Status AddBatch(OutputCommit* commit, const std::shared_ptr<arrow::RecordBatch>& batch);
  Status AddRows(OutputCommit* commit, const std::shared_ptr<arrow::RecordBatch>& batch);
  Status BeginFile(OutputCommit* commit);
  void EndFile();
  Result<std::string> NextName() const;
  /// Looks at the caller's signals and shows progress, both at their own pace; true when interrupted.
  bool Tick();

  const std::shared_ptr<Engine> engine_;
  const PlanPtr plan_;
  const WriteFilesOptions& options_;
  const std::string job_name_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::Schema> file_schema_;
  std::optional<PartitionFolders> folders_;
  std::shared_ptr<arrow::RecordBatch> first_;  // where it was needed to find the schema
  int64_t file_rows_ = 0;
  int64_t rows_left_ = 0;   // of the file begun last
  int64_t bytes_left_ = 0;  // that it must have
  std::string folder_;      // it is in, with a '/' behind
  int64_t memory_kept_bytes_ = 0;  // the floors of the encoders and of batches that wait
  int64_t pinned_bytes_ = 0;  // by batches that wait
  Reservation pinned_;
  std::vector<std::string> paths_;
  std::chrono::steady_clock::time_point last_tick_{};
  std::chrono::steady_clock::time_point last_progress_{};
  std::unique_ptr<FileTasks> tasks_;
  std::unique_ptr<BatchStream> stream_;
};

Status WriteJob::Prepare() {
  ARROW_RETURN_NOT_OK(engine_->CheckAlive());
  schema_ = plan_->schema;
  if (schema_ == nullptr) ARROW_RETURN_NOT_OK(FindSchema());
  if (HasNothing()) return Status::OK();
  file_schema_ = schema_;
  if (!options_.partition_columns.empty()) {
    ARROW_ASSIGN_OR_RAISE(folders_, PartitionFolders::Make(*schema_, options_.partition_columns));
    file_schema_ = folders_->rest();
  }
  ARROW_RETURN_NOT_OK(options_.format->Check(*file_schema_));
  ARROW_ASSIGN_OR_RAISE(file_rows_, FileRows(*plan_, options_));
  const Status opened = OpenTasks(/*least=*/false);
  return KindOf(opened) == ErrorKind::kBudget ? OpenTasks(/*least=*/true) : opened;
}

Status WriteJob::FindSchema() {
  ExecuteOptions execute;
  execute.seed = options_.seed;
  execute.epoch = options_.epoch;
  execute.batch_rows = kUnknownBatchRows;
  execute.memory_kept_bytes = engine_->options().memory_limit_bytes / kUnknownShare;
  ARROW_RETURN_NOT_OK(Execute(engine_, plan_, execute).Value(&stream_));
  ARROW_ASSIGN_OR_RAISE(auto first, stream_->Next([this] { return Tick(); }));
  first_ = std::move(first.data);
  schema_ = stream_->schema();
  return Status::OK();
}

Status WriteJob::OpenTasks(bool least) {
  FileTasks::Options tasks;
  tasks.format = options_.format;
  tasks.schema = file_schema_;
  tasks.file_rows = file_rows_;
  const int64_t limit = engine_->options().memory_limit_bytes;
  const int64_t most_rows = std::min(file_rows_, std::max<int64_t>(SourceRows(*plan_), 1));
  const int64_t file_bytes = options_.format->EncodeBytes(*file_schema_, most_rows, BatchRows(*schema_));
  tasks.open_files_max = least ? 1 : static_cast<int>(std::clamp<int64_t>(limit / 4 / file_bytes, 1, engine_->scheduler()->lanes()));
  tasks.queue_bytes_max = least ? 0 : std::min(kQueueBytesMax, limit / 32);
  // Kept aside before the stream takes what is free.
  pinned_bytes_ = least ? kBatchBytesGuess : std::max(limit / kPinnedShare, kBatchBytesGuess);
  const int64_t queue_floor = tasks.queue_bytes_max + 2 * kBatchBytesGuess + pinned_bytes_;
  memory_kept_bytes_ = file_bytes * tasks.open_files_max + queue_floor;
  const Status opened = OpenLedgers(file_bytes * tasks.open_files_max, queue_floor, &tasks);
  if (!opened.ok()) {
    // The stream's refusal names what both need.
    if (least && KindOf(opened) == ErrorKind::kBudget) ARROW_RETURN_NOT_OK(OpenStream());
    return opened;
  }
  tasks.interrupted = [this] { return Tick(); };
  tasks_ = std::make_unique<FileTasks>(engine_, std::move(tasks));
  tasks_->mutable_statistics()->rows_expected = KnownRowCount(*plan_).value_or(0);
  return Status::OK();
}

Status WriteJob::OpenLedgers(int64_t encoding_floor, int64_t queue_floor, FileTasks::Options* tasks) {
  ARROW_ASSIGN_OR_RAISE(tasks->pool, engine_->OpenPool("file writer", encoding_floor));
  ARROW_ASSIGN_OR_RAISE(tasks->queue_ledger, Budget::Open(engine_->budget(), "write queue", queue_floor));
  return Reservation::Take(tasks->queue_ledger, pinned_bytes_).Value(&pinned_);
}

Status WriteJob::OpenStream() {
  if (stream_ != nullptr) return Status::OK();
  ExecuteOptions execute;
  execute.seed = options_.seed;
  execute.epoch = options_.epoch;
  execute.batch_rows = BatchRows(*schema_);
  execute.memory_kept_bytes = memory_kept_bytes_;
  execute.window_bytes_max = pinned_bytes_;
  return Execute(engine_, plan_, execute).Value(&stream_);
}

bool WriteJob::Tick() {
  const auto now = engine_->env()->Now();
  if (now - last_tick_ < kTickEvery) return false;
  last_tick_ = now;
  if (options_.interrupted && options_.interrupted()) return true;
  if (!options_.progress || now - last_progress_ < kProgressEvery) return false;
  last_progress_ = now;
  auto stages = stream_ == nullptr ? std::vector<const StageStatistics*>{} : stream_->stages();
  stages.push_back(&tasks_->statistics());
  options_.progress(stages);
  return options_.interrupted && options_.interrupted();
}

Status WriteJob::BeginFile(OutputCommit* commit) {
  const int64_t files_max = options_.format->file_rows_max() == 1 ? kRowFilesMax : kFilesMax;
  if (static_cast<int64_t>(paths_.size()) == files_max) {
    return MakeError(ErrorKind::kInvalidArgument, "A job writes at most " + std::to_string(files_max) + " files, and files of " + std::to_string(file_rows_) +
                                                      " rows need more; ask for more rows a file (min_rows_per_file)");
  }
  ARROW_ASSIGN_OR_RAISE(std::string name, NextName());
  name = folder_ + name;
  ARROW_ASSIGN_OR_RAISE(const auto path, commit->Stage(name));
  paths_.push_back(commit->FinalPath(name));
  rows_left_ = file_rows_;
  bytes_left_ = options_.file_bytes_min;
  return tasks_->Begin(path);
}

void WriteJob::EndFile() {
  if (rows_left_ > 0) tasks_->End();
  rows_left_ = 0;
}

Result<std::string> WriteJob::NextName() const {
  if (options_.file_name) return options_.file_name(job_name_, static_cast<int64_t>(paths_.size()));
  char number[16];
  std::snprintf(number, sizeof(number), "_%0*zu", options_.format->file_rows_max() == 1 ? kRowDigits : kFileDigits, paths_.size());
  return job_name_ + number + options_.format->suffix();
}

Status WriteJob::AddBatch(OutputCommit* commit, const std::shared_ptr<arrow::RecordBatch>& batch) {
  if (!folders_) return AddRows(commit, batch);
  ARROW_ASSIGN_OR_RAISE(const auto parts, folders_->Cut(*batch));
  for (const auto& part : parts) {
    if (part.folder != folder_) EndFile();
    folder_ = part.folder;
    ARROW_RETURN_NOT_OK(AddRows(commit, part.rows));
  }
  return Status::OK();
}

Status WriteJob::AddRows(OutputCommit* commit, const std::shared_ptr<arrow::RecordBatch>& batch) {
  for (int64_t row = 0; row < batch->num_rows();) {
    if (rows_left_ == 0) ARROW_RETURN_NOT_OK(BeginFile(commit));
    const auto rows = batch->Slice(row, std::min(batch->num_rows() - row, rows_left_));
    if (options_.file_bytes_min > 0) bytes_left_ -= RowBytes(*rows);
    ARROW_RETURN_NOT_OK(tasks_->Add(rows));
    row += rows->num_rows();
    rows_left_ -= rows->num_rows();
    if (rows_left_ == 0) {
      tasks_->End();
    } else if (options_.file_bytes_min > 0 && bytes_left_ <= 0) {
      EndFile();
    }
  }
  return Status::OK();
}

Status WriteJob::WriteRows(OutputCommit* commit) {
  const auto interrupted = [this] { return Tick(); };
  for (;;) {
    if (interrupted()) return MakeError(ErrorKind::kCancelled, "interrupted");
    auto data = std::move(first_);
    if (data == nullptr) {
      ARROW_ASSIGN_OR_RAISE(auto batch, stream_->Next(interrupted));
      data = std::move(batch.data);
    }
    if (data == nullptr) break;
    ARROW_RETURN_NOT_OK(AddBatch(commit, data));
  }
  if (paths_.empty() && !folders_ && options_.format->writes_empty_files()) ARROW_RETURN_NOT_OK(BeginFile(commit));
  EndFile();
  return Status::OK();
}

Result<std::vector<WrittenFile>> WriteJob::Run(OutputCommit* commit) {
  if (HasNothing()) {
    ARROW_RETURN_NOT_OK(commit->Publish());
    return std::vector<WrittenFile>{};
  }
  Status opened = OpenStream();
  if (KindOf(opened) == ErrorKind::kBudget) {
    tasks_.reset();
    pinned_.Reset();
    ARROW_RETURN_NOT_OK(OpenTasks(/*least=*/true));
    opened = OpenStream();
  }
  ARROW_RETURN_NOT_OK(opened);
  ARROW_RETURN_NOT_OK(WriteRows(commit));
  ARROW_ASSIGN_OR_RAISE(const auto written, tasks_->Finish());
  stream_->Close();
  ARROW_RETURN_NOT_OK(commit->Publish());
  std::vector<WrittenFile> files;
  if (commit->skipped()) return files;
  for (size_t file = 0; file < written.size(); ++file) files.push_back({paths_[file], written[file].rows, written[file].bytes});
  return files;
}

}  // namespace

Result<int64_t> FileRows(const PlanNode& plan, const WriteFilesOptions& options) {
  if (options.file_rows_min < 0 || options.file_rows_max < 0) {
    return MakeError(ErrorKind::kInvalidArgument, "min_rows_per_file and max_rows_per_file must be at least 1");
  }
  if (options.file_rows_max > 0 && options.file_rows_min > options.file_rows_max) {
    return MakeError(ErrorKind::kInvalidArgument, "min_rows_per_file (" + std::to_string(options.file_rows_min) + ") is above max_rows_per_file (" +
                                                      std::to_string(options.file_rows_max) + ")");
  }
  if (options.file_bytes_min < 0) return MakeError(ErrorKind::kInvalidArgument, "min_bytes_per_file must be at least 1");
  const int64_t format_max = options.format->file_rows_max();
  if (options.file_bytes_min > 0 && options.file_rows_min == 0) {
    // The bytes decide.
    const int64_t most = options.file_rows_max > 0 ? options.file_rows_max : kFileRowsMax;
    return format_max > 0 ? std::min(most, format_max) : most;
  }
  const int64_t blocks = std::max<int64_t>(NumBlocks(plan), 1);
  int64_t rows = std::max<int64_t>((SourceRows(plan) + blocks - 1) / blocks, 1);
  rows = std::max(rows, options.file_rows_min);
  for (const int64_t most : {options.file_rows_max, format_max}) rows = most > 0 ? std::min(rows, most) : rows;
  return rows;
}

Result<std::vector<WrittenFile>> WriteFiles(std::shared_ptr<Engine> engine, const PlanPtr& plan, const std::string& directory, const WriteFilesOptions& options) {
  const auto env = engine->env();
  auto rows = plan;
  if (!options.partition_columns.empty()) {
    std::vector<SortKey> keys;
    for (const std::string& column : options.partition_columns) keys.push_back({column});
    ARROW_ASSIGN_OR_RAISE(rows, SortPlan(plan, std::move(keys)));
  }
  std::unique_ptr<OutputCommit> commit;  // outlives the job, whose tasks write what it removes
  WriteJob job(std::move(engine), rows, options);
  const auto run = [&]() -> Result<std::vector<WrittenFile>> {
    ARROW_RETURN_NOT_OK(job.Prepare());
    ARROW_RETURN_NOT_OK(OpenDirectoryCommit(env, directory, options.mode).Value(&commit));
    if (commit->skipped()) return std::vector<WrittenFile>{};
    return job.Run(commit.get());
  };
  auto written = run();
  job.TellEnd();
  return written;
}

}  // namespace millstream
