#include "ingest/sort_stream.h"

#include <arrow/array/builder_primitive.h>
#include <arrow/array/util.h>

#include <algorithm>
#include <numeric>

#include "aggregate/ordered_bytes.h"
#include "column/gather.h"
#include "exec/row_streams.h"
#include "ingest/held_stream.h"
#include "ops/apply_program.h"
#include "ops/scan_rows.h"
#include "task/for_each.h"

namespace millstream {
namespace {

constexpr int64_t kSampleRowsAPartition = 64;
constexpr int64_t kSampleRowsMin = 4096;
constexpr int64_t kSampleRowsMax = 1 << 18;
/// Tasks that are looked at for the sample; of more, as many evenly spaced ones.
constexpr size_t kSampledTasksMax = 256;
/// Of a stream's rows, held to be sampled: a share of the limit.
constexpr int64_t kHeldShare = 16;
constexpr int64_t kHeldRowsMax = 1 << 20;

/// Rows of the sample: sort columns in storage form, and who they are.
struct Sample {
  std::vector<ArrayDatas> parts;
  std::vector<uint64_t> identities;

  Result<ArrayDatas> Columns(const std::vector<std::shared_ptr<arrow::DataType>>& types, arrow::MemoryPool* pool) const {
    ArrayDatas columns;
    for (size_t column = 0; column < types.size(); ++column) {
      ArrayDatas pieces;
      for (const ArrayDatas& part : parts) pieces.push_back(part[column]);
      ARROW_ASSIGN_OR_RAISE(auto joined, Concatenate(pieces, types[column], pool));
      columns.push_back(std::move(joined));
    }
    return columns;
  }

  /// Adds every `stride`-th row of the batch, whose columns are the sort columns; `number` gives a row's number in its source.
  template <typename NumberOf>
  Status Add(const arrow::RecordBatch& batch, uint32_t source, int64_t stride, NumberOf&& number, arrow::MemoryPool* pool) {
    std::vector<uint32_t> rows;
    for (int64_t row = stride / 2; row < batch.num_rows(); row += stride) rows.push_back(static_cast<uint32_t>(row));
    if (rows.empty()) return Status::OK();
    ArrayDatas part;
    for (int column = 0; column < batch.num_columns(); ++column) {
      ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(batch.column_data(column), pool));
      ARROW_ASSIGN_OR_RAISE(stored, Gather(*stored, rows.data(), static_cast<int64_t>(rows.size()), pool));
      part.push_back(std::move(stored));
    }
    parts.push_back(std::move(part));
    for (const uint32_t row : rows) identities.push_back(PackIdentity(source, number(row)));
    return Status::OK();
  }
};

std::vector<std::shared_ptr<arrow::DataType>> SortTypes(const RowProgram& program, const SortOrder::By& by) {
  std::vector<std::shared_ptr<arrow::DataType>> types;
  for (const int column : by.columns) types.push_back(StorageType(program.output->field(column)->type()));
  return types;
}

std::vector<ScanTask> SampledTasks(const std::vector<ScanTask>& tasks) {
  if (tasks.size() <= kSampledTasksMax) return tasks;
  std::vector<ScanTask> sampled;
  for (size_t i = 0; i < kSampledTasksMax; ++i) sampled.push_back(tasks[i * tasks.size() / kSampledTasksMax]);
  return sampled;
}

/// The number, in its task, of each kept row of a window.
std::vector<int64_t> NumbersOf(const TaskRows::Window& window) {
  std::vector<int64_t> numbers;
  for (int64_t row = 0; row < window.input_rows; ++row) {
    if (window.selected == nullptr || window.selected->data()[row] != 0) numbers.push_back(row);
  }
  return numbers;
}

int64_t SampleRows(const ShufflePlan& plan) { return std::clamp<int64_t>(plan.partitions * kSampleRowsAPartition, kSampleRowsMin, kSampleRowsMax); }

class SourceSampler {
 public:
  /// On as many lanes, and as many rows at a time, as the plan has memory for.
  SourceSampler(Engine& engine, const ScanSource& source, std::shared_ptr<const RowProgram> program, const ShufflePlan& plan)
      : engine_(engine), source_(source), program_(std::move(program)), tasks_(SampledTasks(source.tasks())), lanes_(plan.lanes),
        window_rows_(std::min(plan.piece_rows, kWindowRowsMax)) {
    int64_t rows = 0;
    for (const ScanTask& task : tasks_) rows += task.rows;
    stride_ = std::max<int64_t>(rows / SampleRows(plan), 1);
  }

  Result<Sample> Take(const std::shared_ptr<BudgetPool>& pool) {
    std::vector<Sample> samples(tasks_.size());
    const auto take_share = [&](int64_t lane) {
      for (size_t task = static_cast<size_t>(lane); task < tasks_.size(); task += static_cast<size_t>(lanes_)) {
        ARROW_RETURN_NOT_OK(TakeTask(tasks_[task], pool, &samples[task]));
      }
      return Status::OK();
    };
    ARROW_RETURN_NOT_OK(ForEach(engine_.scheduler().get(), lanes_, take_share));
    Sample all;
    for (Sample& sample : samples) {
      std::move(sample.parts.begin(), sample.parts.end(), std::back_inserter(all.parts));
      all.identities.insert(all.identities.end(), sample.identities.begin(), sample.identities.end());
    }
    return all;
  }

 private:
  static constexpr int64_t kWindowRowsMax = 64 << 10;

  Status TakeTask(const ScanTask& task, const std::shared_ptr<BudgetPool>& pool, Sample* sample) {
    ARROW_ASSIGN_OR_RAISE(auto rows, TaskRows::Open(source_, task, program_, {window_rows_, ColumnAccess::kSideBySide, 0}, pool->for_libraries()));
    for (int64_t first = task.first_row;;) {
      ARROW_ASSIGN_OR_RAISE(auto window, rows->Next(pool.get()));
      if (window.batch == nullptr) return Status::OK();
      const auto numbers = NumbersOf(window);
      ARROW_RETURN_NOT_OK(sample->Add(*window.batch, task.source, stride_, [&](uint32_t row) { return first + numbers[row]; }, pool.get()));
      first += window.input_rows;
    }
  }

  Engine& engine_;
  const ScanSource& source_;
  const std::shared_ptr<const RowProgram> program_;
  const std::vector<ScanTask> tasks_;
  const int64_t lanes_;
  const int64_t window_rows_;
  int64_t stride_ = 1;
};

Result<std::shared_ptr<const SortOrder>> OrderFrom(const Sample& sample, const RowProgram& program, const SortOrder::By& by, uint32_t partitions,
                                                   const std::shared_ptr<BudgetPool>& pool) {
  ARROW_ASSIGN_OR_RAISE(const auto columns, sample.Columns(SortTypes(program, by), pool.get()));
  return SortOrder::Make(by, columns, sample.identities, partitions, pool);
}

ShuffleStreamOptions ShuffleOptionsOf(const SortStreamOptions& options) {
  ShuffleStreamOptions shuffle;
  shuffle.batch_rows = options.batch_rows;
  shuffle.source_name = options.source_name;
  shuffle.memory_kept_bytes = options.memory_kept_bytes;
  shuffle.first_pass_bytes = options.first_pass_bytes;
  shuffle.row_bytes = options.row_bytes;
  shuffle.sort_columns = options.by.columns;
  shuffle.sorts = true;
  return shuffle;
}

/// Who rows are only parts equal ones: the sample's are spread over all that may come.
double Spread(int64_t sampled, int64_t rows_guess) {
  return std::max(1.0, static_cast<double>(rows_guess) / static_cast<double>(std::max<int64_t>(sampled, 1)));
}

Result<Sample> SampleOf(const arrow::RecordBatch& rows, int64_t rows_guess, int64_t rows_wanted, arrow::MemoryPool* pool) {
  Sample sample;
  const double spread = Spread(rows.num_rows(), rows_guess);
  const auto number = [&](uint32_t row) { return static_cast<int64_t>(static_cast<double>(row) * spread); };
  ARROW_RETURN_NOT_OK(sample.Add(rows, 0, std::max<int64_t>(rows.num_rows() / rows_wanted, 1), number, pool));
  return sample;
}

Result<Sample> SampleOf(const HeldStream& held, const RowProgram& program, const SortOrder::By& by, int64_t rows_guess, int64_t rows_wanted,
                        arrow::MemoryPool* pool) {
  Sample sample;
  const auto narrowed = RowProgram::Select(program, by.columns);
  const int64_t stride = std::max<int64_t>(held.rows() / rows_wanted, 1);
  // Those that the filter drops count as any others.
  const double spread = Spread(held.rows(), rows_guess);
  for (const StreamBatch& batch : held.held()) {
    ARROW_ASSIGN_OR_RAISE(const auto rows, ApplyProgram(*narrowed, *batch.data, pool));
    const auto number = [&](uint32_t row) { return static_cast<int64_t>(static_cast<double>(batch.first_row + row) * spread); };
    ARROW_RETURN_NOT_OK(sample.Add(*rows, 0, stride, number, pool));
  }
  return sample;
}

}  // namespace

Result<PolledStreamPtr> OpenSortStream(std::shared_ptr<Engine> engine, std::shared_ptr<const ScanSource> source, std::shared_ptr<const RowProgram> program,
                                       const SortStreamOptions& options) {
  const auto shuffle = ShuffleOptionsOf(options);
  ARROW_ASSIGN_OR_RAISE(auto inputs, ShuffleInputs(engine, source, program, shuffle));
  ARROW_ASSIGN_OR_RAISE(auto pool, engine->OpenPool("sort", 0));
  SourceSampler sampler(*engine, *source, RowProgram::Select(*program, options.by.columns), inputs.plan);
  {
    ARROW_ASSIGN_OR_RAISE(const auto sample, sampler.Take(pool));  // freed before the rest is reserved
    ARROW_ASSIGN_OR_RAISE(inputs.sort, OrderFrom(sample, *program, options.by, inputs.plan.partitions, pool));
  }
  inputs.stage_name = options.stage_name;
  return OpenShuffleStream(std::move(inputs), shuffle);
}

Result<PolledStreamPtr> OpenSortStream(std::shared_ptr<Engine> engine, PolledStreamPtr input, std::shared_ptr<const RowProgram> program, int64_t rows_guess,
                                       const SortStreamOptions& options) {
  const HeldLimits limits{kHeldRowsMax, engine->budget()->limit_bytes() / kHeldShare, options.open_now};
  const Engine& host = *engine;
  auto schema = program->output;
  const auto open = [engine, program = std::move(program), rows_guess, options](const std::shared_ptr<HeldStream>& held) -> Result<PolledStreamPtr> {
    ARROW_ASSIGN_OR_RAISE(auto pool, engine->OpenPool("sort", 0));
    auto shuffle = ShuffleOptionsOf(options);
    shuffle.splitters_guessed = !held->at_end() && options.sample == nullptr;
    if (options.batch_bytes > 0) {
      const auto widths = held->RowBytesOf(*program);
      const int64_t row_bytes = std::max<int64_t>(std::accumulate(widths.begin(), widths.end(), int64_t{0}), 1);
      shuffle.batch_rows = std::clamp<int64_t>(options.batch_bytes / row_bytes, 1, options.batch_rows);
    }
    ARROW_ASSIGN_OR_RAISE(auto inputs, ShuffleInputs(engine, program, *held, rows_guess, shuffle));
    {
      // Freed before the rest is reserved.
      const int64_t rows_wanted = SampleRows(inputs.plan);
      ARROW_ASSIGN_OR_RAISE(const auto sample, options.sample != nullptr ? SampleOf(*options.sample, rows_guess, rows_wanted, pool.get())
                                                                         : SampleOf(*held, *program, options.by, rows_guess, rows_wanted, pool.get()));
      ARROW_ASSIGN_OR_RAISE(inputs.sort, OrderFrom(sample, *program, options.by, inputs.plan.partitions, pool));
    }
    inputs.stage_name = options.stage_name;
    inputs.stream = std::make_shared<SharedInput>(LendStream(*engine, held));
    ARROW_ASSIGN_OR_RAISE(auto sorted, OpenShuffleStream(std::move(inputs), shuffle));
    if (options.when_open) options.when_open();
    return sorted;
  };
  // Rows are who they are by the order in which they come.
  return OpenOverHeldStream(host, OpenNumberedStream(host, std::move(input)), std::move(schema), limits, open);
}

}  // namespace millstream
