#include "format/json/json_text.h"

#include <arrow/array/array_nested.h>
#include <arrow/array/array_primitive.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/util/checked_cast.h>
#include <arrow/util/float16.h>

#include <array>
#include <charconv>
#include <cmath>

#include "column/gather.h"
#include "format/tensor_rows.h"
#include "ops/tensor_shapes.h"

namespace millstream {
namespace {

using arrow::Type;
using arrow::internal::checked_cast;
using ColumnPtr = std::unique_ptr<JsonColumn>;

/// Whether a byte stands for itself in a quoted text.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (int byte = 0x20; byte < 256; ++byte) plain[static_cast<size_t>(byte)] = byte != '"' && byte != '\\';
  return plain;
}();

void AppendEscape(char letter, JsonText* out) {
  switch (letter) {
    case '"': return out->Append("\\\"");
    case '\\': return out->Append("\\\\");
    case '\n': return out->Append("\\n");
    case '\r': return out->Append("\\r");
    case '\t': return out->Append("\\t");
    default: break;
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<uint8_t>(letter);
  const char text[] = {'\\', 'u', '0', '0', kDigits[byte >> 4], kDigits[byte & 15]};
  out->Append(std::string_view(text, sizeof(text)));
}

template <typename Number>
void AppendNumber(Number value, JsonText* out) {
  std::array<char, 32> text;
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(value)) return out->Append("null");
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    const std::string_view digits(text.data(), static_cast<size_t>(end - text.data()));
    out->Append(digits);
    // Else it would be read as a whole number.
    if (digits.find_first_of(".e") == std::string_view::npos) out->Append(".0");
  } else {
    out->Append(std::string_view(text.data(), static_cast<size_t>(std::to_chars(text.data(), text.data() + text.size(), value).ptr - text.data())));
  }
}

template <typename ArrayType>
class NumberColumn final : public JsonColumn {
 public:
  explicit NumberColumn(std::shared_ptr<arrow::Array> column) : JsonColumn(std::move(column)), values_(checked_cast<const ArrayType&>(*column_)) {}

 private:
  void AppendValue(int64_t row, JsonText* out) const override { AppendNumber(values_.Value(row), out); }
  const ArrayType& values_;
};

class HalfColumn final : public JsonColumn {
 public:
  explicit HalfColumn(std::shared_ptr<arrow::Array> column) : JsonColumn(std::move(column)) {}

 private:
  void AppendValue(int64_t row, JsonText* out) const override {
    AppendNumber(arrow::util::Float16::FromBits(checked_cast<const arrow::HalfFloatArray&>(*column_).Value(row)).ToFloat(), out);
  }
};

class BoolColumn final : public JsonColumn {
 public:
  explicit BoolColumn(std::shared_ptr<arrow::Array> column) : JsonColumn(std::move(column)) {}

 private:
  void AppendValue(int64_t row, JsonText* out) const override {
    out->Append(checked_cast<const arrow::BooleanArray&>(*column_).Value(row) ? "true" : "false");
  }
};

class NullColumn final : public JsonColumn {
 public:
  explicit NullColumn(std::shared_ptr<arrow::Array> column) : JsonColumn(std::move(column)) {}

 private:
  void AppendValue(int64_t, JsonText* out) const override { out->Append("null"); }
};

/// Quoted, or not where the texts are numbers.
template <typename ArrayType>
class TextColumn final : public JsonColumn {
 public:
  TextColumn(std::shared_ptr<arrow::Array> column, bool quoted)
      : JsonColumn(std::move(column)), texts_(checked_cast<const ArrayType&>(*column_)), quoted_(quoted) {}

 private:
  void AppendValue(int64_t row, JsonText* out) const override {
    if (quoted_) return out->AppendQuoted(texts_.GetView(row));
    out->Append(texts_.GetView(row));
  }
  const ArrayType& texts_;
  const bool quoted_;
};

/// Lists of all kinds, by their own offsets.
template <typename ArrayType>
class ListColumn final : public JsonColumn {
 public:
  ListColumn(std::shared_ptr<arrow::Array> column, ColumnPtr values)
      : JsonColumn(std::move(column)), lists_(checked_cast<const ArrayType&>(*column_)), values_(std::move(values)) {}

 private:
  void AppendValue(int64_t row, JsonText* out) const override {
    const int64_t begin = lists_.value_offset(row);
    const int64_t end = begin + lists_.value_length(row);
    out->Append('[');
    for (int64_t value = begin; value < end; ++value) {
      if (value > begin) out->Append(',');
      values_->Append(value, out);
    }
    out->Append(']');
  }
  const ArrayType& lists_;
  const ColumnPtr values_;
};

class TensorColumn final : public JsonColumn {
 public:
  TensorColumn(std::shared_ptr<arrow::Array> column, TensorRows rows, ColumnPtr values)
      : JsonColumn(std::move(column)), rows_(std::move(rows)), values_(std::move(values)) {}

 private:
  void AppendValue(int64_t row, JsonText* out) const override {
    int64_t next = rows_.begin(row);
    AppendAxis(rows_.shape(row), 0, &next, out);
  }
  void AppendAxis(const std::vector<int64_t>& shape, size_t axis, int64_t* next, JsonText* out) const {
    if (axis == shape.size()) return values_->Append((*next)++, out);
    out->Append('[');
    for (int64_t place = 0; place < shape[axis]; ++place) {
      if (place > 0) out->Append(',');
      AppendAxis(shape, axis + 1, next, out);
    }
    out->Append(']');
  }
  const TensorRows rows_;
  const ColumnPtr values_;
};

class StructColumn final : public JsonColumn {
 public:
  StructColumn(std::shared_ptr<arrow::Array> column, std::vector<ColumnPtr> fields) : JsonColumn(std::move(column)), fields_(std::move(fields)) {}

 private:
  void AppendValue(int64_t row, JsonText* out) const override {
    out->Append('{');
    for (size_t field = 0; field < fields_.size(); ++field) {
      if (field > 0) out->Append(',');
      out->AppendQuoted(column_->type()->field(static_cast<int>(field))->name());
      out->Append(':');
      fields_[field]->Append(row, out);
    }
    out->Append('}');
  }
  const std::vector<ColumnPtr> fields_;
};

Status NoJson(const arrow::DataType& type) { return MakeError(ErrorKind::kType, "values of type " + type.ToString() + " have no form in JSON"); }

template <typename ArrayType>
Result<ColumnPtr> ListOf(const std::shared_ptr<arrow::Array>& column, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto values, MakeJsonColumn(checked_cast<const ArrayType&>(*column).values(), pool));
  return std::make_unique<ListColumn<ArrayType>>(column, std::move(values));
}

Result<ColumnPtr> StructOf(const std::shared_ptr<arrow::Array>& column, arrow::MemoryPool* pool) {
  std::vector<ColumnPtr> fields;
  for (const auto& field : checked_cast<const arrow::StructArray&>(*column).fields()) {
    ARROW_ASSIGN_OR_RAISE(auto values, MakeJsonColumn(field, pool));
    fields.push_back(std::move(values));
  }
  return std::make_unique<StructColumn>(column, std::move(fields));
}

Result<std::shared_ptr<arrow::Array>> TextsOf(std::shared_ptr<arrow::Array> column, arrow::MemoryPool* pool) {
  arrow::compute::ExecContext context(pool);
  if (column->type_id() == Type::TIMESTAMP) {
    const auto& type = checked_cast<const arrow::TimestampType&>(*column->type());
    // The same instants, as UTC has them.
    if (!type.timezone().empty()) {
      ARROW_ASSIGN_OR_RAISE(column, column->View(arrow::timestamp(type.unit(), "UTC")));
    }
  }
  return arrow::compute::Cast(*column, arrow::utf8(), arrow::compute::CastOptions::Safe(), &context);
}

/// As ISO 8601: the date and the time of day have a 'T' between them.
class TimestampColumn final : public JsonColumn {
 public:
  explicit TimestampColumn(std::shared_ptr<arrow::Array> texts) : JsonColumn(std::move(texts)), texts_(checked_cast<const arrow::StringArray&>(*column_)) {}

 private:
  void AppendValue(int64_t row, JsonText* out) const override {
    const auto text = texts_.GetView(row);
    const size_t space = text.find(' ');
    out->Append('"');
    out->Append(text.substr(0, space));
    if (space != std::string_view::npos) {
      out->Append('T');
      out->Append(text.substr(space + 1));
    }
    out->Append('"');
  }
  const arrow::StringArray& texts_;
};

}  // namespace

void JsonText::AppendQuoted(std::string_view text) {
  Append('"');
  size_t plain = 0;  // letters that are not yet appended
  for (size_t at = 0; at < text.size(); ++at) {
    if (kPlain[static_cast<uint8_t>(text[at])]) continue;
    Append(text.substr(plain, at - plain));
    AppendEscape(text[at], this);
    plain = at + 1;
  }
  Append(text.substr(plain));
  Append('"');
}

void JsonText::AppendLong(std::string_view text) {
  Flush();
  if (status_.ok()) status_ = Write(text);
}

void JsonText::Flush() {
  if (status_.ok()) status_ = Write(buffer_);
  buffer_.clear();
}

Result<ColumnPtr> MakeJsonColumn(std::shared_ptr<arrow::Array> column, arrow::MemoryPool* pool) {
  if (IsTensor(*column->type())) {
    ARROW_ASSIGN_OR_RAISE(auto rows, TensorRows::Make(column));
    ARROW_ASSIGN_OR_RAISE(auto values, MakeJsonColumn(arrow::MakeArray(rows.values().data()), pool));
    return std::make_unique<TensorColumn>(column, std::move(rows), std::move(values));
  }
  if (column->type_id() == Type::DICTIONARY || column->type_id() == Type::EXTENSION || column->type_id() == Type::RUN_END_ENCODED) {
    ARROW_ASSIGN_OR_RAISE(auto stored, ToStorage(column->data(), pool));
    return MakeJsonColumn(arrow::MakeArray(std::move(stored)), pool);
  }
  switch (column->type_id()) {
    case Type::NA: return std::make_unique<NullColumn>(column);
    case Type::BOOL: return std::make_unique<BoolColumn>(column);
    case Type::INT8: return std::make_unique<NumberColumn<arrow::Int8Array>>(column);
    case Type::INT16: return std::make_unique<NumberColumn<arrow::Int16Array>>(column);
    case Type::INT32: return std::make_unique<NumberColumn<arrow::Int32Array>>(column);
    case Type::INT64: return std::make_unique<NumberColumn<arrow::Int64Array>>(column);
    case Type::UINT8: return std::make_unique<NumberColumn<arrow::UInt8Array>>(column);
    case Type::UINT16: return std::make_unique<NumberColumn<arrow::UInt16Array>>(column);
    case Type::UINT32: return std::make_unique<NumberColumn<arrow::UInt32Array>>(column);
    case Type::UINT64: return std::make_unique<NumberColumn<arrow::UInt64Array>>(column);
    case Type::HALF_FLOAT: return std::make_unique<HalfColumn>(column);
    case Type::FLOAT: return std::make_unique<NumberColumn<arrow::FloatArray>>(column);
    case Type::DOUBLE: return std::make_unique<NumberColumn<arrow::DoubleArray>>(column);
    case Type::STRING: return std::make_unique<TextColumn<arrow::StringArray>>(column, true);
    case Type::LARGE_STRING: return std::make_unique<TextColumn<arrow::LargeStringArray>>(column, true);
    case Type::STRING_VIEW: return std::make_unique<TextColumn<arrow::StringViewArray>>(column, true);
    case Type::DATE32:
    case Type::DATE64:
    case Type::TIME32:
    case Type::TIME64: {
      ARROW_ASSIGN_OR_RAISE(auto texts, TextsOf(column, pool));
      return std::make_unique<TextColumn<arrow::StringArray>>(std::move(texts), true);
    }
    case Type::TIMESTAMP: {
      ARROW_ASSIGN_OR_RAISE(auto texts, TextsOf(column, pool));
      return std::make_unique<TimestampColumn>(std::move(texts));
    }
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128:
    case Type::DECIMAL256: {
      ARROW_ASSIGN_OR_RAISE(auto texts, TextsOf(column, pool));
      return std::make_unique<TextColumn<arrow::StringArray>>(std::move(texts), false);
    }
    case Type::LIST:
    case Type::MAP: return ListOf<arrow::ListArray>(column, pool);
    case Type::LARGE_LIST: return ListOf<arrow::LargeListArray>(column, pool);
    case Type::FIXED_SIZE_LIST: return ListOf<arrow::FixedSizeListArray>(column, pool);
    case Type::LIST_VIEW: return ListOf<arrow::ListViewArray>(column, pool);
    case Type::LARGE_LIST_VIEW: return ListOf<arrow::LargeListViewArray>(column, pool);
    case Type::STRUCT: return StructOf(column, pool);
    default: return NoJson(*column->type());
  }
}

}  // namespace millstream
