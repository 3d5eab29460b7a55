#include "ingest/file_tasks.h"

#include <mutex>
#include <utility>

#include "format/batch_bytes.h"

namespace millstream {
namespace {

/// A batch that waits, and its charge. Its memory exists already, so the charge cannot be refused.
class QueuedBatch {
 public:
  QueuedBatch(std::shared_ptr<arrow::RecordBatch> batch, int64_t bytes, std::shared_ptr<Ledger> ledger)
      : batch_(std::move(batch)), bytes_(bytes), ledger_(std::move(ledger)) {
    ledger_->ForceCharge(bytes_);
  }
  QueuedBatch(QueuedBatch&&) = default;
  ~QueuedBatch() {
    if (ledger_ != nullptr) ledger_->Release(bytes_);
  }
  const std::shared_ptr<arrow::RecordBatch>& batch() const { return batch_; }
  int64_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t bytes_;
  std::shared_ptr<Ledger> ledger_;
};

}  // namespace

struct FileTasks::File {
  size_t ordinal = 0;
  std::string path;
  // Guarded by the state's mutex:
  std::deque<QueuedBatch> batches;
  bool complete = false;
};

struct FileTasks::State {
  State(std::shared_ptr<Engine> engine, Options write_options) : core(std::move(engine)), options(std::move(write_options)) {}

  StreamCore core;
  const Options options;
  StageStatistics statistics{options.format->writer()};
  std::mutex mutex;
  // Guarded by mutex:
  int open_files = 0;
  int64_t queued_bytes = 0;
  std::vector<WrittenRows> written;
};

/// Writes one file, a batch a step.
class FileTasks::EncodeTask : public Task {
 public:
  EncodeTask(std::shared_ptr<State> state, std::shared_ptr<File> file) : count_(state->core), state_(std::move(state)), file_(std::move(file)) {}

  Step Run(const Waker& waker) override {
    if (state_->core.cancellation().cancelled()) return Step::kDone;
    CpuTimer timer(&state_->statistics.cpu_nanoseconds);
    Result<Step> step = RunStep(waker);
    if (step.ok()) return *step;
    state_->core.Fail(step.status());
    return Step::kDone;
  }

 private:
  Result<Step> RunStep(const Waker& waker) {
    if (writer_ == nullptr) ARROW_RETURN_NOT_OK(Open());
    std::unique_lock lock(state_->mutex);
    if (file_->batches.empty()) {
      if (file_->complete) {
        lock.unlock();
        return Close();
      }
      state_->core.Block(waker);
      return Step::kBlocked;
    }
    QueuedBatch next = std::move(file_->batches.front());
    file_->batches.pop_front();
    lock.unlock();
    return Write(std::move(next));
  }

  Status Open() {
    const Options& options = state_->options;
    const FileToWrite file{file_->path, options.schema, options.file_rows, options.pool};
    return options.format->Open(*state_->core.engine()->env(), file).Value(&writer_);
  }

  Result<Step> Write(QueuedBatch next) {
    const int64_t rows = next.batch()->num_rows();
    // Charged twice for a moment: by the writer, which keeps it, and as one that waits.
    ARROW_RETURN_NOT_OK(writer_->Write(next.batch()));
    state_->statistics.rows += rows;
    {
      std::lock_guard lock(state_->mutex);
      state_->queued_bytes -= next.bytes();
    }
    state_->core.engine()->scheduler()->Notify();
    return Step::kAgain;
  }

  Result<Step> Close() {
    ARROW_ASSIGN_OR_RAISE(const auto written, writer_->Close());
    writer_.reset();
    state_->statistics.bytes += written.bytes;
    state_->statistics.peak_memory_bytes = state_->options.pool->ledger()->peak_bytes();
    {
      std::lock_guard lock(state_->mutex);
      state_->written[file_->ordinal] = written;
      --state_->open_files;
    }
    state_->core.engine()->scheduler()->Notify();
    return Step::kDone;
  }

  TaskCount count_;  // first: see TaskCount
  std::shared_ptr<State> state_;
  std::shared_ptr<File> file_;
  std::unique_ptr<FileWriter> writer_;
};

FileTasks::FileTasks(std::shared_ptr<Engine> engine, Options options) : state_(std::make_shared<State>(std::move(engine), std::move(options))) {}

FileTasks::~FileTasks() { state_->core.Stop(); }

const StageStatistics& FileTasks::statistics() const { return state_->statistics; }
StageStatistics* FileTasks::mutable_statistics() { return &state_->statistics; }

Status FileTasks::WaitUntil(const std::function<bool()>& ready) {
  bool stop = false;
  const auto began = state_->core.engine()->env()->Now();
  state_->core.engine()->scheduler()->WaitUntil([&] {
    if (state_->core.cancellation().cancelled()) return true;
    if (state_->options.interrupted && state_->options.interrupted()) return stop = true;
    std::lock_guard lock(state_->mutex);
    return ready();
  });
  state_->statistics.wait_out_nanoseconds += std::chrono::nanoseconds(state_->core.engine()->env()->Now() - began).count();
  ARROW_RETURN_NOT_OK(state_->core.cancellation().status());
  return stop ? MakeError(ErrorKind::kCancelled, "interrupted") : Status::OK();
}

Status FileTasks::Begin(const std::string& path) {
  ARROW_RETURN_NOT_OK(WaitUntil([this] { return state_->open_files < state_->options.open_files_max; }));
  current_ = std::make_shared<File>();
  current_->path = path;
  {
    std::lock_guard lock(state_->mutex);
    current_->ordinal = state_->written.size();
    state_->written.emplace_back();
    ++state_->open_files;
  }
  return state_->core.engine()->scheduler()->Submit(std::make_unique<EncodeTask>(state_, current_), Priority::kNormal);
}

Status FileTasks::Add(std::shared_ptr<arrow::RecordBatch> batch) {
  const int64_t bytes = HeldBytes(*batch);
  ARROW_RETURN_NOT_OK(WaitUntil([&] { return state_->queued_bytes == 0 || state_->queued_bytes + bytes <= state_->options.queue_bytes_max; }));
  {
    std::lock_guard lock(state_->mutex);
    current_->batches.emplace_back(std::move(batch), bytes, state_->options.queue_ledger);
    state_->queued_bytes += bytes;
  }
  state_->core.WakeAll();
  return Status::OK();
}

void FileTasks::End() {
  {
    std::lock_guard lock(state_->mutex);
    current_->complete = true;
  }
  current_.reset();
  state_->core.WakeAll();
}

Result<std::vector<WrittenRows>> FileTasks::Finish() {
  ARROW_RETURN_NOT_OK(WaitUntil([this] { return state_->open_files == 0; }));
  return state_->written;
}

}  // namespace millstream
