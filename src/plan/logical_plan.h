#pragma once
/// What the user asked for: an immutable chain of nodes, cheap to copy and to share.

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format/parquet/parquet_dataset.h"
#include "ops/scan_columns.h"
#include "plan/expression.h"

namespace millstream {

using NamedExpressions = std::vector<std::pair<std::string, ExpressionPtr>>;

enum class SeedKind : uint8_t {
  kFixed,         // the same order at every execution
  kPerExecution,  // a function of (seed, epoch)
  kUnset,         // drawn once, then as kPerExecution
};

struct PlanNode {
  enum class Kind : uint8_t { kSource = 0, kFilter = 1, kProject = 2, kLimit = 3, kShuffle = 4 };

  Kind kind = Kind::kSource;
  std::shared_ptr<const PlanNode> input;
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<const ScanSource> source;                // kSource
  std::string source_name;                                 // kSource: "ReadParquet", "FromArrow", "Range"
  std::shared_ptr<const ParquetDataset> parquet;           // kSource from files
  int64_t blocks = 0;                                      // kSource: as asked for, see plan/blocks.h; 0: as the source falls
  ExpressionPtr filter;                                    // kFilter
  NamedExpressions columns;                                // kProject
  int64_t limit = 0;                                       // kLimit
  SeedKind seed_kind = SeedKind::kUnset;                   // kShuffle
  uint64_t seed = 0;

  /// One line with the node's arguments.
  std::string Describe() const;
};

using PlanPtr = std::shared_ptr<const PlanNode>;

PlanPtr SourcePlan(std::string name, std::shared_ptr<const ScanSource> source, std::shared_ptr<const ParquetDataset> parquet = nullptr, int64_t blocks = 0);
/// Types and names are checked here, so that a wrong column is reported where it is written.
Result<PlanPtr> FilterPlan(PlanPtr input, ExpressionPtr filter);
Result<PlanPtr> ProjectPlan(PlanPtr input, NamedExpressions columns);
Result<PlanPtr> LimitPlan(PlanPtr input, int64_t limit);
PlanPtr ShufflePlanNode(PlanPtr input, SeedKind kind, uint64_t seed);

/// The node at the bottom.
const PlanNode& SourceOf(const PlanNode& plan);
/// The uppermost shuffle, null if there is none.
const PlanNode* ShuffleOf(const PlanNode& plan);
/// Rows, where footers tell: no filter in the way.
std::optional<int64_t> KnownRowCount(const PlanNode& plan);
/// All nodes, one a line, the source last.
std::string DescribePlan(const PlanNode& plan);

}  // namespace millstream
