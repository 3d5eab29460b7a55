#pragma once
/// Columns of the features of examples: what types they have, and their building.

#include <arrow/array/builder_base.h>
#include <arrow/record_batch.h>

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "format/tfrecord/tf_example.h"

namespace millstream {

/// What examples have shown of a feature.
struct FeatureShape {
  FeatureKind kind = FeatureKind::kNone;
  bool is_list = false;  // some example has several values, or may have
};
using FeatureShapes = std::map<std::string, FeatureShape, std::less<>>;  // by name

/// Adds what the example shows. Statuses of no kind: it is none, or a feature has values of two kinds; kCorruptData where it has more features than that.
Status AddExample(std::string_view record, int64_t features_max, FeatureShapes* shapes);
Status AddShape(std::string_view name, FeatureShape shape, FeatureShapes* shapes);

/// Binary, float and int64, or lists of them. A feature that never had a value is null.
std::shared_ptr<arrow::Schema> SchemaOf(const FeatureShapes& shapes);

/// Builds rows with the columns of a schema that SchemaOf made, or some of them.
class ExampleBuilder {
 public:
  static Result<ExampleBuilder> Make(std::shared_ptr<arrow::Schema> schema, bool has_all_columns, int64_t features_max, arrow::MemoryPool* pool);

  /// A row; statuses of no kind: the record is no example, has a feature that the schema, which has all columns, does not have, or values that do not fit it; kCorruptData
  /// where it has more features than it may.
  Status Add(std::string_view record);
  int64_t rows() const { return rows_; }
  /// After a status of Add: without that row.
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  ExampleBuilder(std::shared_ptr<arrow::Schema> schema, bool has_all_columns, int64_t features_max)
      : schema_(std::move(schema)), has_all_columns_(has_all_columns), features_max_(features_max) {}
  Status AddValue(int column, const Feature& feature);
  template <typename Builder, typename Value>
  Status Append(int column, const Feature& feature, const std::vector<Value>& values);

  std::shared_ptr<arrow::Schema> schema_;
  bool has_all_columns_;
  int64_t features_max_;
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders_;
  std::unordered_map<std::string_view, int> by_name_;
  int64_t rows_ = 0;
};

}  // namespace millstream
