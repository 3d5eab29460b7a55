#pragma once
/// The schema of a function's results: that of the first ones, of the first few where a column has only nulls.

#include <memory>
#include <string>

#include "udf/function_calls.h"

namespace millstream {

class SchemaFinder {
 public:
  /// Calls whose results are looked at for the types of columns that hold only nulls in the first ones.
  static constexpr int64_t kCallsMost = 4;

  explicit SchemaFinder(std::string stage) : stage_(std::move(stage)) {}

  /// The batches of the next call's result. kType where there is no schema that they all fit.
  Status Add(const RecordBatches& batches);
  /// Whether later results change nothing any more.
  bool found() const;
  /// So far; null where there was no batch.
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }

 private:
  const std::string stage_;
  std::shared_ptr<arrow::Schema> schema_;
  int64_t calls_seen_ = 0;
};

}  // namespace millstream
