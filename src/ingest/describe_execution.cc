#include "ingest/describe_execution.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "exchange/column_form.h"
#include "exec/scatter_lane.h"
#include "ingest/exchange_traffic.h"

namespace millstream {
namespace {

std::string Bytes(int64_t bytes, bool exact) { return (exact ? "" : "about ") + FormatBytes(bytes) + " (" + std::to_string(bytes) + " bytes)"; }

/// Summed over all tasks, from what is known of them before they are read.
struct ScanBytes {
  int64_t source = 0;  // to be read
  bool source_exact = true;
  int64_t stored = 0;  // of the values as the exchange holds them, narrow where their range is known
  bool stored_exact = true;
};

std::set<int> InputsOf(const RowProgram& program) {
  std::set<int> inputs(program.filter_inputs.begin(), program.filter_inputs.end());
  for (const OutputColumn& column : program.columns) inputs.insert(column.inputs.begin(), column.inputs.end());
  return inputs;
}

void AddStored(const ScanColumns& columns, const RowProgram& program, int64_t rows, ScanBytes* bytes) {
  const std::vector<int> widths = FlatWidths(*program.output);
  for (int column = 0; column < static_cast<int>(widths.size()); ++column) {
    const int field = FlatFieldOf(columns, program, column);
    if (field >= 0) {
      bytes->stored += rows * EncodingOf(columns, field, widths[column]).width;
      bytes->stored_exact &= !columns.MayHaveNulls(field);
      continue;
    }
    int64_t row_bytes = widths[column];
    for (int input : program.columns[column].inputs) {
      const int read = columns.schema()->GetFieldIndex(program.input->field(input)->name());
      if (row_bytes == 0 && read >= 0) row_bytes = columns.RowBytes(read);
    }
    bytes->stored += rows * row_bytes;
    bytes->stored_exact &= widths[column] > 0 && program.columns[column].inputs.empty();
  }
}

Result<ScanBytes> BytesOf(const FoldedPlan& folded) {
  ScanBytes bytes;
  const auto inputs = InputsOf(*folded.program);
  for (const ScanTask& task : folded.source->tasks()) {
    ARROW_ASSIGN_OR_RAISE(const auto columns, folded.source->Open(task, arrow::default_memory_pool()));
    for (int input : inputs) {
      const int field = columns->schema()->GetFieldIndex(folded.program->input->field(input)->name());
      if (field >= 0) bytes.source += columns->SourceBytes(field);
    }
    bytes.source_exact &= task.rows == columns->num_rows();
    AddStored(*columns, *folded.program, task.rows, &bytes);
  }
  bytes.stored_exact &= folded.filter == nullptr;
  return bytes;
}

std::string DescribeExchange(const char* stage, const ShufflePlan& plan, const ShuffleSizes& sizes, const ScanBytes& bytes, int64_t columns) {
  const int64_t resident = plan.resident_bytes(sizes.memory_limit_bytes);
  std::string text = std::string("  ") + stage + ": " + (plan.two_passes() ? "two passes, " + std::to_string(plan.coarse_partitions) + " coarse partitions, " : "one pass, ") +
                     std::to_string(plan.partitions) + " partitions, " + std::to_string(plan.lanes) + " lanes";
  const DiskTraffic traffic = TrafficOf(plan, sizes.memory_limit_bytes, {plan.rows, bytes.stored, columns}, sizes);
  if (traffic.written == 0) {
    text += ", in memory: " + std::string(bytes.stored_exact ? "0 bytes are written" : "nothing is written, by estimate") + "\n";
  } else {
    text += ", spills: " + Bytes(bytes.stored, bytes.stored_exact) + " of values" + (plan.two_passes() ? "" : ", but for what stays in memory") + "\n";
    // How much of the memory is free when rows come in shows only then.
    text += "  disk: " + DescribeTraffic(traffic) + ", with what tells the rows apart\n";
  }
  return text + "  memory: " + FormatBytes(plan.floor_bytes()) + " reserved, up to " + FormatBytes(resident) + " for rows, limit " +
         FormatBytes(sizes.memory_limit_bytes + sizes.memory_kept_bytes) + "\n";
}

ShuffleSizes SizesOf(const Engine& engine, const ExecuteOptions& options, const DescribedExchange& exchange) {
  ShuffleSizes sizes = SizesWithin(engine, exchange.memory_bytes);
  sizes.batch_rows = options.batch_rows;
  sizes.prefetch_batches = options.prefetch_batches;
  sizes.sorts = exchange.sort_columns.has_value();
  if (sizes.sorts) sizes.sort_columns = *exchange.sort_columns;
  return sizes;
}

}  // namespace

Result<std::string> DescribeExecution(const Engine& engine, const FoldedPlan& folded, const ExecuteOptions& options,
                                      std::optional<DescribedExchange> exchange) {
  const ShufflePlan rows = PlanRows(*folded.source, *folded.program);
  ARROW_ASSIGN_OR_RAISE(const ScanBytes bytes, BytesOf(folded));
  std::string text = "  scan: " + std::to_string(folded.source->tasks().size()) + " tasks, " + (folded.filter == nullptr ? "" : "at most ") +
                     std::to_string(rows.rows) + " rows, " + Bytes(bytes.source, bytes.source_exact) + " to be read, " +
                     Bytes(rows.bytes(), rows.exact && folded.filter == nullptr) + " decoded\n";
  if (exchange.has_value() || folded.shuffle != nullptr) {
    const bool sorts = exchange.has_value() && exchange->sort_columns.has_value();
    const ShuffleSizes sizes = SizesOf(engine, options, exchange.value_or(DescribedExchange{engine.options().memory_limit_bytes, std::nullopt}));
    ARROW_ASSIGN_OR_RAISE(const auto plan, PlanShuffle(*folded.source, *folded.program, sizes));
    text += DescribeExchange(sorts ? "sort" : "shuffle", plan, sizes, bytes, folded.program->output->num_fields());
  }
  if (folded.limit >= 0) text += "  limit: " + std::to_string(folded.limit) + " rows\n";
  return text;
}

}  // namespace millstream
