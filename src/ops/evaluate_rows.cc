#include "ops/evaluate_rows.h"

#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/util/bit_util.h>

#include <algorithm>
#include <cstring>

namespace millstream {
namespace {

/// Where a wanted column comes from.
struct InputColumn {
  int position;       // in what is read; negative: the source has no such column
  std::string where;  // for messages
};

class SchemaReader : public InputReader {
 public:
  SchemaReader(std::unique_ptr<arrow::RecordBatchReader> reader, std::vector<std::shared_ptr<arrow::Field>> wanted, std::vector<InputColumn> columns,
               arrow::MemoryPool* pool)
      : reader_(std::move(reader)), schema_(arrow::schema(std::move(wanted))), columns_(std::move(columns)), pool_(pool) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Next(int64_t rows) override {
    std::shared_ptr<arrow::RecordBatch> read;
    ARROW_RETURN_NOT_OK(reader_->ReadNext(&read));
    if (read == nullptr || read->num_rows() < rows) return TooShort();
    if (read->num_rows() > rows) read = read->Slice(0, rows);
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (size_t i = 0; i < columns_.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto column, Column(*read, columns_[i], schema_->field(static_cast<int>(i))->type()));
      columns.push_back(std::move(column));
    }
    return arrow::RecordBatch::Make(schema_, read->num_rows(), std::move(columns));
  }

 private:
  Status TooShort() const {
    std::string where = "the source";
    for (const InputColumn& column : columns_) {
      if (column.position >= 0) where = column.where;
    }
    return MakeError(ErrorKind::kCorruptData, where + ": it ends before its row count; the file is damaged: write it again or leave it out");
  }

  Result<std::shared_ptr<arrow::Array>> Column(const arrow::RecordBatch& read, const InputColumn& input, const std::shared_ptr<arrow::DataType>& type) const {
    if (input.position < 0) return arrow::MakeArrayOfNull(type, read.num_rows(), pool_);
    const auto& column = read.column(input.position);
    if (column->type()->Equals(*type)) return column;
    if (column->type_id() == arrow::Type::NA) return arrow::MakeArrayOfNull(type, read.num_rows(), pool_);
    arrow::compute::ExecContext context(pool_);
    auto cast = arrow::compute::Cast(arrow::Datum(column), type, arrow::compute::CastOptions::Safe(), &context);
    if (cast.ok()) return cast->make_array();
    if (cast.status().IsOutOfMemory()) return cast.status();
    return MakeError(ErrorKind::kType, input.where + ": values of " + column->type()->ToString() + " do not fit " + type->ToString() + ", the type of other files (" +
                                           cast.status().message() + "); read the files apart, or rewrite one with the other's type");
  }

  std::unique_ptr<arrow::RecordBatchReader> reader_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<InputColumn> columns_;
  arrow::MemoryPool* pool_;
};

/// The error that evaluating the expression gave, with the first row that has it.
Status AtItsRow(const Status& problem, const Expression& expression, const arrow::RecordBatch& batch, const RowOrigin& origin, arrow::MemoryPool* pool) {
  const ErrorKind kind = KindOf(problem);
  if (kind != ErrorKind::kInvalidArgument && kind != ErrorKind::kType) return problem;
  int64_t begin = 0;
  for (int64_t rows = batch.num_rows(); rows > 1;) {
    const int64_t half = rows / 2;
    if (Evaluate(expression, *batch.Slice(begin, half), pool).ok()) {
      begin += half;
      rows -= half;
    } else {
      rows = half;
    }
  }
  const std::string source = origin.columns.SourceName();
  return WithContext(problem, "row " + std::to_string(origin.first_row + begin) + (source.empty() ? "" : " of " + source));
}

Result<std::shared_ptr<arrow::ArrayData>> EvaluateAt(const Expression& expression, const arrow::RecordBatch& batch, arrow::MemoryPool* pool, const RowOrigin* origin) {
  auto values = Evaluate(expression, batch, pool);
  if (values.ok() || origin == nullptr) return values;
  return AtItsRow(values.status(), expression, batch, *origin, pool);
}

}  // namespace

Result<std::unique_ptr<InputReader>> OpenInputs(ScanColumns& columns, const arrow::Schema& schema, const std::vector<int>& inputs,
                                                int64_t batch_rows, arrow::MemoryPool* pool) {
  std::vector<std::shared_ptr<arrow::Field>> wanted;
  std::vector<InputColumn> origins;
  std::vector<int> fields;
  for (int input : inputs) {
    wanted.push_back(schema.field(input));
    const int field = columns.schema()->GetFieldIndex(schema.field(input)->name());
    origins.push_back({field < 0 ? -1 : static_cast<int>(fields.size()), field < 0 ? "" : columns.Where(field)});
    if (field >= 0) fields.push_back(field);
  }
  ARROW_ASSIGN_OR_RAISE(auto reader, columns.ReadArrays(fields, batch_rows));
  return std::make_unique<SchemaReader>(std::move(reader), std::move(wanted), std::move(origins), pool);
}

void TellReads(ScanColumns& columns, const RowProgram& program) {
  std::vector<int> fields;
  const auto add = [&](int input) {
    const int field = columns.schema()->GetFieldIndex(program.input->field(input)->name());
    if (field >= 0 && std::find(fields.begin(), fields.end(), field) == fields.end()) fields.push_back(field);
  };
  for (const int input : program.filter_inputs) add(input);
  for (const int input : program.selector_inputs) add(input);
  for (const OutputColumn& column : program.columns) {
    if (column.passthrough >= 0) add(column.passthrough);
    for (const int input : column.inputs) add(input);
  }
  columns.WillRead(fields);
}

Result<std::shared_ptr<arrow::Buffer>> EvaluateSelection(const Expression& filter, const arrow::RecordBatch& batch, arrow::MemoryPool* pool, const RowOrigin* origin) {
  ARROW_ASSIGN_OR_RAISE(const auto result, EvaluateAt(filter, batch, pool, origin));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> selected, arrow::AllocateBuffer(batch.num_rows(), pool));
  const uint8_t* bits = result->buffers[1]->data();
  const uint8_t* valid = result->MayHaveNulls() ? result->buffers[0]->data() : nullptr;
  uint8_t* out = selected->mutable_data();
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    const int64_t bit = result->offset + row;
    out[row] = arrow::bit_util::GetBit(bits, bit) && (valid == nullptr || arrow::bit_util::GetBit(valid, bit));
  }
  return selected;
}

Result<std::shared_ptr<arrow::Buffer>> KeptRows(const uint8_t* selected, int64_t rows, arrow::MemoryPool* pool) {
  const auto count = std::count_if(selected, selected + rows, [](uint8_t kept) { return kept != 0; });
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> kept, arrow::AllocateBuffer(count * 4, pool));
  auto* next = reinterpret_cast<uint32_t*>(kept->mutable_data());
  for (int64_t row = 0; row < rows; ++row) {
    if (selected[row]) *next++ = static_cast<uint32_t>(row);
  }
  return kept;
}

Result<std::shared_ptr<arrow::ArrayData>> EvaluateColumn(const OutputColumn& column, const arrow::RecordBatch& batch, arrow::MemoryPool* pool, const RowOrigin* origin) {
  if (column.passthrough >= 0) return batch.column_data(0);
  return EvaluateAt(*column.expression, batch, pool, origin);
}

int64_t PackValidity(const uint8_t* valid, int64_t rows, uint8_t* bits) {
  std::memset(bits, 0, arrow::bit_util::BytesForBits(rows));
  int64_t nulls = 0;
  for (int64_t row = 0; row < rows; ++row) {
    bits[row / 8] |= static_cast<uint8_t>((valid[row] != 0) << (row % 8));
    nulls += valid[row] == 0;
  }
  return nulls;
}

void UnpackValidity(const arrow::ArrayData& data, uint8_t* valid) {
  const uint8_t* bits = data.buffers[0]->data();
  for (int64_t row = 0; row < data.length; ++row) valid[row] = arrow::bit_util::GetBit(bits, data.offset + row);
}

}  // namespace millstream
