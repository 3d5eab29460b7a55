#include "format/json/json_rows.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_nested.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/util/value_parsing.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>

#include "format/json/json_reader.h"

namespace millstream {
namespace {

namespace dom = simdjson::dom;
using arrow::Type;

/// More is not kept from one text to the next.
constexpr size_t kKeptBytes = 4 << 20;
constexpr int64_t kRowBytesLeast = 16;

/// Whether a value was taken; a status is the pool's.
using Taken = Result<bool>;

/// The values of one column, or of what is within one.
class Values {
 public:
  virtual ~Values() = default;
  virtual arrow::ArrayBuilder* builder() = 0;
  virtual Taken Append(const dom::element& value) = 0;
};
using ValuesPtr = std::unique_ptr<Values>;

/// Null where the type is not one of those that are made.
Result<ValuesPtr> MakeValues(const std::shared_ptr<arrow::DataType>& type, bool ignores_others, arrow::MemoryPool* pool);

class Ints final : public Values {
 public:
  explicit Ints(arrow::MemoryPool* pool) : builder_(pool) {}
  arrow::ArrayBuilder* builder() override { return &builder_; }
  Taken Append(const dom::element& value) override {
    int64_t number;
    if (value.get(number) != simdjson::SUCCESS) return false;
    ARROW_RETURN_NOT_OK(builder_.Append(number));
    return true;
  }

 private:
  arrow::Int64Builder builder_;
};

class Doubles final : public Values {
 public:
  explicit Doubles(arrow::MemoryPool* pool) : builder_(pool) {}
  arrow::ArrayBuilder* builder() override { return &builder_; }
  Taken Append(const dom::element& value) override {
    double number;
    if (value.get(number) != simdjson::SUCCESS) return false;
    ARROW_RETURN_NOT_OK(builder_.Append(number));
    return true;
  }

 private:
  arrow::DoubleBuilder builder_;
};

class Bools final : public Values {
 public:
  explicit Bools(arrow::MemoryPool* pool) : builder_(pool) {}
  arrow::ArrayBuilder* builder() override { return &builder_; }
  Taken Append(const dom::element& value) override {
    bool truth;
    if (value.get(truth) != simdjson::SUCCESS) return false;
    ARROW_RETURN_NOT_OK(builder_.Append(truth));
    return true;
  }

 private:
  arrow::BooleanBuilder builder_;
};

class Texts final : public Values {
 public:
  explicit Texts(arrow::MemoryPool* pool) : builder_(pool) {}
  arrow::ArrayBuilder* builder() override { return &builder_; }
  Taken Append(const dom::element& value) override {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return false;
    ARROW_RETURN_NOT_OK(builder_.Append(text));
    return true;
  }

 private:
  arrow::StringBuilder builder_;
};

class Timestamps final : public Values {
 public:
  Timestamps(const std::shared_ptr<arrow::DataType>& type, arrow::MemoryPool* pool)
      : type_(static_cast<const arrow::TimestampType&>(*type)), builder_(type, pool) {}
  arrow::ArrayBuilder* builder() override { return &builder_; }
  Taken Append(const dom::element& value) override {
    std::string_view text;
    int64_t instant;
    if (value.get(text) != simdjson::SUCCESS || !arrow::internal::ParseValue<arrow::TimestampType>(type_, text.data(), text.size(), &instant)) return false;
    ARROW_RETURN_NOT_OK(builder_.Append(instant));
    return true;
  }

 private:
  const arrow::TimestampType& type_;
  arrow::TimestampBuilder builder_;
};

class Nulls final : public Values {
 public:
  explicit Nulls(arrow::MemoryPool* pool) : builder_(pool) {}
  arrow::ArrayBuilder* builder() override { return &builder_; }
  Taken Append(const dom::element&) override { return false; }

 private:
  arrow::NullBuilder builder_;
};

Taken AppendOrNull(Values* values, const dom::element& value) {
  if (!value.is_null()) return values->Append(value);
  ARROW_RETURN_NOT_OK(values->builder()->AppendNull());
  return true;
}

class Lists final : public Values {
 public:
  Lists(const std::shared_ptr<arrow::DataType>& type, ValuesPtr values, arrow::MemoryPool* pool)
      : values_(std::move(values)), builder_(pool, std::shared_ptr<arrow::ArrayBuilder>(values_->builder(), [](auto*) {}), type) {}
  arrow::ArrayBuilder* builder() override { return &builder_; }
  Taken Append(const dom::element& value) override {
    dom::array list;
    if (value.get(list) != simdjson::SUCCESS) return false;
    ARROW_RETURN_NOT_OK(builder_.Append());
    for (const dom::element entry : list) {
      ARROW_ASSIGN_OR_RAISE(const bool taken, AppendOrNull(values_.get(), entry));
      if (!taken) return false;
    }
    return true;
  }

 private:
  const ValuesPtr values_;
  arrow::ListBuilder builder_;
};

/// The fields of objects, in whatever order these have them; null where one lacks a field.
class Fields {
 public:
  Fields(const arrow::FieldVector& fields, std::vector<ValuesPtr> values, bool ignores_others) : values_(std::move(values)), ignores_others_(ignores_others) {
    for (size_t field = 0; field < fields.size(); ++field) {
      names_.push_back(fields[field]->name());
      by_name_.emplace(fields[field]->name(), field);
    }
  }
  const std::vector<ValuesPtr>& values() const { return values_; }
  /// `rows`: with this one.
  Taken Append(const dom::object& object, int64_t rows) const {
    size_t next = 0;
    size_t given = 0;
    for (const auto& [name, value] : object) {
      const size_t field = Find(name, next);
      if (field == names_.size()) {
        if (ignores_others_) continue;
        return false;
      }
      // Twice in one object.
      if (values_[field]->builder()->length() == rows) return false;
      ARROW_ASSIGN_OR_RAISE(const bool taken, AppendOrNull(values_[field].get(), value));
      if (!taken) return false;
      next = field + 1;
      ++given;
    }
    if (given == values_.size()) return true;
    for (const ValuesPtr& values : values_) {
      if (values->builder()->length() < rows) ARROW_RETURN_NOT_OK(values->builder()->AppendNull());
    }
    return true;
  }
 private:
  /// Most objects have their fields in one order.
  size_t Find(std::string_view name, size_t guess) const {
    if (guess < names_.size() && names_[guess] == name) return guess;
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? names_.size() : found->second;
  }

  const std::vector<ValuesPtr> values_;
  const bool ignores_others_;
  std::vector<std::string> names_;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, size_t, Hash, std::equal_to<>> by_name_;
};

class Structs final : public Values {
 public:
  Structs(const std::shared_ptr<arrow::DataType>& type, std::vector<ValuesPtr> values, bool ignores_others, arrow::MemoryPool* pool)
      : fields_(type->fields(), std::move(values), ignores_others), builder_(type, pool, BuildersOf(fields_)) {}
  arrow::ArrayBuilder* builder() override { return &builder_; }
  Taken Append(const dom::element& value) override {
    dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return false;
    ARROW_RETURN_NOT_OK(builder_.Append());
    return fields_.Append(object, builder_.length());
  }

 private:
  static std::vector<std::shared_ptr<arrow::ArrayBuilder>> BuildersOf(const Fields& fields) {
    std::vector<std::shared_ptr<arrow::ArrayBuilder>> builders;
    for (const ValuesPtr& values : fields.values()) builders.emplace_back(values->builder(), [](auto*) {});
    return builders;
  }

  const Fields fields_;
  arrow::StructBuilder builder_;
};

Result<std::vector<ValuesPtr>> MakeAllValues(const arrow::FieldVector& fields, bool ignores_others, arrow::MemoryPool* pool) {
  std::vector<ValuesPtr> all;
  for (const auto& field : fields) {
    ARROW_ASSIGN_OR_RAISE(auto values, MakeValues(field->type(), ignores_others, pool));
    if (values == nullptr) return std::vector<ValuesPtr>{};
    all.push_back(std::move(values));
  }
  return all;
}

Result<ValuesPtr> MakeValues(const std::shared_ptr<arrow::DataType>& type, bool ignores_others, arrow::MemoryPool* pool) {
  switch (type->id()) {
    case Type::NA: return std::make_unique<Nulls>(pool);
    case Type::INT64: return std::make_unique<Ints>(pool);
    case Type::DOUBLE: return std::make_unique<Doubles>(pool);
    case Type::BOOL: return std::make_unique<Bools>(pool);
    case Type::STRING: return std::make_unique<Texts>(pool);
    case Type::TIMESTAMP: return std::make_unique<Timestamps>(type, pool);
    case Type::LIST: {
      ARROW_ASSIGN_OR_RAISE(auto values, MakeValues(type->field(0)->type(), ignores_others, pool));
      if (values == nullptr) return ValuesPtr();
      return std::make_unique<Lists>(type, std::move(values), pool);
    }
    case Type::STRUCT: {
      ARROW_ASSIGN_OR_RAISE(auto values, MakeAllValues(type->fields(), ignores_others, pool));
      if (values.empty()) return ValuesPtr();
      return std::make_unique<Structs>(type, std::move(values), ignores_others, pool);
    }
    default: return ValuesPtr();
  }
}

/// A whole number that is a minus zero is a double with a sign to the library, and a number without one to simdjson.
bool HasMinusZero(std::string_view text) {
  for (size_t at = text.find("-0"); at != std::string_view::npos; at = text.find("-0", at + 2)) {
    if (at + 2 == text.size() || std::strchr(",]} \t\r\n", text[at + 2]) != nullptr) return true;
  }
  return false;
}

}  // namespace

struct JsonParsers::Parser {
  dom::parser parser;
  std::string padded;
};

JsonParsers::JsonParsers() = default;
JsonParsers::~JsonParsers() = default;

std::unique_ptr<JsonParsers::Parser> JsonParsers::Take() {
  {
    std::lock_guard lock(mutex_);
    if (!parsers_.empty()) {
      auto parser = std::move(parsers_.back());
      parsers_.pop_back();
      return parser;
    }
  }
  auto parser = std::make_unique<Parser>();
#ifdef SIMDJSON_THREADS_ENABLED
  parser->parser.threaded = false;
#endif
  return parser;
}

void JsonParsers::Give(std::unique_ptr<Parser> parser) {
  if (parser->padded.capacity() > kKeptBytes) return;
  std::lock_guard lock(mutex_);
  parsers_.push_back(std::move(parser));
}

Result<std::shared_ptr<arrow::RecordBatch>> JsonParsers::Parse(std::string_view text, const JsonColumns& columns, arrow::MemoryPool* pool) {
  if (columns.schema == nullptr || columns.schema->num_fields() == 0 || HasMinusZero(text)) return nullptr;
  ARROW_ASSIGN_OR_RAISE(auto values, MakeAllValues(columns.schema->fields(), columns.ignores_others, pool));
  if (values.empty()) return nullptr;
  const Fields fields(columns.schema->fields(), std::move(values), columns.ignores_others);
  const auto rows_guess = std::min<int64_t>(std::count(text.begin(), text.end(), '\n') + 1, static_cast<int64_t>(text.size()) / kRowBytesLeast + 1);
  for (const ValuesPtr& column : fields.values()) ARROW_RETURN_NOT_OK(column->builder()->Reserve(rows_guess));

  auto parser = Take();
  parser->padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  parser->padded.assign(text);
  dom::document_stream objects;
  if (parser->parser.parse_many(parser->padded.data(), parser->padded.size(), std::max<size_t>(text.size(), dom::MINIMAL_BATCH_SIZE)).get(objects) != simdjson::SUCCESS) return nullptr;
  int64_t rows = 0;
  for (auto document : objects) {
    dom::object object;
    if (document.get(object) != simdjson::SUCCESS) return nullptr;
    ARROW_ASSIGN_OR_RAISE(const bool taken, fields.Append(object, ++rows));
    if (!taken) return nullptr;
  }
  if (objects.truncated_bytes() != 0 || rows == 0) return nullptr;
  Give(std::move(parser));
  arrow::ArrayVector arrays;
  for (const ValuesPtr& column : fields.values()) {
    ARROW_ASSIGN_OR_RAISE(auto array, column->builder()->Finish());
    arrays.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(columns.schema, rows, std::move(arrays));
}

}  // namespace millstream
