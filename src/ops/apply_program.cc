#include "ops/apply_program.h"

#include "column/gather.h"
#include "ops/evaluate_rows.h"

namespace millstream {

Result<std::shared_ptr<arrow::ArrayData>> GatherColumn(const arrow::RecordBatch& batch, int index, const uint32_t* rows, int64_t count, arrow::MemoryPool* pool) {
  return TakeColumn(batch.column_data(index), rows, count, pool);
}

namespace {

/// The program's inputs, each brought to the kept rows once.
class KeptColumns {
 public:
  KeptColumns(const arrow::RecordBatch& batch, std::shared_ptr<arrow::Buffer> kept, arrow::MemoryPool* pool)
      : batch_(batch), kept_(std::move(kept)), pool_(pool), columns_(batch.num_columns()) {}

  int64_t rows() const { return kept_ == nullptr ? batch_.num_rows() : kept_->size() / static_cast<int64_t>(sizeof(uint32_t)); }

  Result<std::shared_ptr<arrow::ArrayData>> Column(int index) {
    if (kept_ == nullptr) return batch_.column_data(index);
    if (columns_[index] == nullptr) {
      ARROW_ASSIGN_OR_RAISE(columns_[index], GatherColumn(batch_, index, reinterpret_cast<const uint32_t*>(kept_->data()), rows(), pool_));
    }
    return columns_[index];
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Batch(const std::vector<int>& inputs) {
    std::vector<std::shared_ptr<arrow::Field>> fields;
    std::vector<std::shared_ptr<arrow::ArrayData>> columns;
    for (const int input : inputs) {
      fields.push_back(batch_.schema()->field(input));
      ARROW_ASSIGN_OR_RAISE(auto column, Column(input));
      columns.push_back(std::move(column));
    }
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows(), std::move(columns));
  }

 private:
  const arrow::RecordBatch& batch_;
  const std::shared_ptr<arrow::Buffer> kept_;
  arrow::MemoryPool* pool_;
  std::vector<std::shared_ptr<arrow::ArrayData>> columns_;
};

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> ApplyProgram(const RowProgram& program, const arrow::RecordBatch& batch, arrow::MemoryPool* pool) {
  std::shared_ptr<arrow::Buffer> kept;
  if (program.filter != nullptr) {
    ARROW_ASSIGN_OR_RAISE(const auto inputs, KeptColumns(batch, nullptr, pool).Batch(program.filter_inputs));
    ARROW_ASSIGN_OR_RAISE(const auto selected, EvaluateSelection(*program.filter, *inputs, pool));
    ARROW_ASSIGN_OR_RAISE(kept, KeptRows(selected->data(), batch.num_rows(), pool));
  }
  KeptColumns columns(batch, std::move(kept), pool);
  std::vector<std::shared_ptr<arrow::ArrayData>> output;
  for (const OutputColumn& column : program.columns) {
    ARROW_ASSIGN_OR_RAISE(const auto inputs, columns.Batch(column.inputs));
    ARROW_ASSIGN_OR_RAISE(auto values, EvaluateColumn(column, *inputs, pool));
    output.push_back(std::move(values));
  }
  return arrow::RecordBatch::Make(program.output, columns.rows(), std::move(output));
}

Result<std::shared_ptr<arrow::RecordBatch>> GatherRows(const arrow::RecordBatch& batch, const uint32_t* rows, int64_t count, arrow::MemoryPool* pool) {
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (int column = 0; column < batch.num_columns(); ++column) {
    ARROW_ASSIGN_OR_RAISE(auto data, GatherColumn(batch, column, rows, count, pool));
    columns.push_back(std::move(data));
  }
  return arrow::RecordBatch::Make(batch.schema(), count, std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> JoinBatches(const std::vector<std::shared_ptr<arrow::RecordBatch>>& parts, arrow::MemoryPool* pool) {
  const auto& schema = parts.front()->schema();
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  int64_t rows = 0;
  for (const auto& part : parts) rows += part->num_rows();
  for (int column = 0; column < schema->num_fields(); ++column) {
    std::vector<std::shared_ptr<arrow::ArrayData>> pieces;
    for (const auto& part : parts) pieces.push_back(part->column_data(column));
    ARROW_ASSIGN_OR_RAISE(auto joined, JoinColumn(pieces, schema->field(column)->type(), pool));
    columns.push_back(std::move(joined));
  }
  return arrow::RecordBatch::Make(schema, rows, std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> CopyBatch(const arrow::RecordBatch& batch, arrow::MemoryPool* pool) {
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (const auto& field : batch.schema()->fields()) {
    ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(batch.column_data(static_cast<int>(columns.size())), pool));
    ARROW_ASSIGN_OR_RAISE(stored, Concatenate({std::move(stored)}, StorageType(field->type()), pool));
    ARROW_ASSIGN_OR_RAISE(stored, FromStorage(stored, field->type(), pool));
    columns.push_back(std::move(stored));
  }
  return arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), std::move(columns));
}

}  // namespace millstream
