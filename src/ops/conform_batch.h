#pragma once
/// Brings the batches of one function to one schema.

#include <arrow/record_batch.h>

#include <memory>
#include <string>

#include "base/status.h"

namespace millstream {

/// Stages whose messages are of data sets and not of what a function returned.
inline constexpr const char* kUnionStage = "Union";
inline constexpr const char* kMixStage = "Mix";

/// The schema that both fit: columns of the null type take the other's, integers and floating-point numbers the wider, tensors of two shapes tensors of
/// several, a column that one lacks is null there.
/// kType, naming the column and both types, where there is none.
Result<std::shared_ptr<arrow::Schema>> CommonSchema(const std::string& stage, const arrow::Schema& first, const arrow::Schema& second);

/// The batch with the columns of `schema`, in that order; missing ones are null, others are cast where no value changes. kType, naming the column and
/// both types, where one does not fit, and for a column that `schema` lacks.
Result<std::shared_ptr<arrow::RecordBatch>> ConformBatch(const std::string& stage, const std::shared_ptr<arrow::RecordBatch>& batch,
                                                         const std::shared_ptr<arrow::Schema>& schema, arrow::MemoryPool* pool);

}  // namespace millstream
