#include "udf/schema_finder.h"

#include <algorithm>

#include "ops/conform_batch.h"

namespace millstream {
namespace {

bool HasNullColumn(const arrow::Schema& schema) {
  return std::any_of(schema.fields().begin(), schema.fields().end(), [](const auto& field) { return field->type()->id() == arrow::Type::NA; });
}

}  // namespace

Status SchemaFinder::Add(const RecordBatches& batches) {
  ++calls_seen_;
  for (const auto& batch : batches) {
    if (schema_ == nullptr) schema_ = batch->schema();
    else ARROW_RETURN_NOT_OK(CommonSchema(stage_, *schema_, *batch->schema()).Value(&schema_));
  }
  return Status::OK();
}

bool SchemaFinder::found() const { return schema_ != nullptr && (calls_seen_ >= kCallsMost || !HasNullColumn(*schema_)); }

}  // namespace millstream
