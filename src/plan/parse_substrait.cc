#include "plan/parse_substrait.h"

#include <arrow/array/builder_base.h>
#include <arrow/scalar.h>
#include <arrow/util/decimal.h>

#include <bit>
#include <map>
#include <optional>

#include "format/message_fields.h"
#include "plan/functions.h"

namespace millstream {
namespace {

using Field = MessageReader::Field;

constexpr int kDepthMax = 200;
constexpr int32_t kDecimalDigitsMax = 38;

struct Name {
  const char* substrait;
  const char* operator_name;
};

/// Those whose names differ.
constexpr Name kNames[] = {{"lt", "less"}, {"gt", "greater"}, {"lte", "less_equal"}, {"gte", "greater_equal"}, {"modulus", "modulo"}, {"like", "match_like"}};
/// Those that have the same name here, and mean the same.
constexpr const char* kSame[] = {"equal", "not_equal", "and", "or", "xor", "not", "is_null", "is_not_null", "is_nan", "add", "subtract", "multiply", "divide", "power",
                                 "negate", "abs", "sign", "sqrt", "exp", "ln", "log10", "log2", "sin", "cos", "tan", "asin", "acos", "atan", "floor", "ceil",
                                 "coalesce", "lower", "upper", "starts_with", "ends_with", "contains", "concat"};

Status CannotSay(const std::string& what) {
  return MakeError(ErrorKind::kInvalidArgument, "a pyarrow expression with " + what + " cannot be taken; write it with millstream's col(), or as text");
}

Status NoMessage() { return MakeError(ErrorKind::kInvalidArgument, "this is no expression in Substrait's form"); }

std::optional<std::string> OperatorOf(const std::string& name) {
  for (const Name& known : kNames) {
    if (name == known.substrait) return known.operator_name;
  }
  for (const char* known : kSame) {
    if (name == known) return known;
  }
  return std::nullopt;
}

/// The last field of each number; false for what is no message.
bool LastFields(std::string_view message, std::map<uint64_t, Field>* fields) {
  return ForEachField(message, [&](const Field& field) {
    (*fields)[field.number] = field;
    return true;
  });
}

std::string_view BytesIn(const std::map<uint64_t, Field>& fields, uint64_t number) {
  const auto found = fields.find(number);
  return found == fields.end() ? std::string_view() : found->second.bytes;
}

uint64_t NumberIn(const std::map<uint64_t, Field>& fields, uint64_t number) {
  const auto found = fields.find(number);
  return found == fields.end() ? 0 : found->second.value;
}

Result<std::shared_ptr<arrow::DataType>> TypeOf(std::string_view message) {
  std::map<uint64_t, Field> fields;
  if (!LastFields(message, &fields) || fields.empty()) return NoMessage();
  switch (fields.begin()->first) {
    case 1: return arrow::boolean();
    case 2: return arrow::int8();
    case 3: return arrow::int16();
    case 5: return arrow::int32();
    case 7: return arrow::int64();
    case 10: return arrow::float32();
    case 11: return arrow::float64();
    case 12: return arrow::utf8();
    case 13: return arrow::binary();
    case 14: return arrow::timestamp(arrow::TimeUnit::MICRO);
    case 16: return arrow::date32();
    default: return CannotSay("a type of Substrait's kind " + std::to_string(fields.begin()->first));
  }
}

Result<std::shared_ptr<arrow::Scalar>> DecimalOf(std::string_view message) {
  std::map<uint64_t, Field> fields;
  if (!LastFields(message, &fields)) return NoMessage();
  const std::string_view bytes = BytesIn(fields, 1);
  const auto precision = static_cast<int32_t>(NumberIn(fields, 2)), scale = static_cast<int32_t>(NumberIn(fields, 3));
  if (bytes.size() != 16 || precision < 1 || precision > kDecimalDigitsMax) return NoMessage();
  const arrow::Decimal128 value(reinterpret_cast<const uint8_t*>(bytes.data()));
  return std::make_shared<arrow::Decimal128Scalar>(value, arrow::decimal128(precision, scale));
}

Result<std::shared_ptr<arrow::Scalar>> LiteralOf(std::string_view message) {
  std::shared_ptr<arrow::Scalar> scalar;
  Status status;
  const auto take = [&](Result<std::shared_ptr<arrow::Scalar>> made) {
    status = std::move(made).Value(&scalar);
    return status.ok();
  };
  const bool parsed = ForEachField(message, [&](const Field& field) {
    const auto number = static_cast<int64_t>(field.value);
    switch (field.number) {
      case 1: return take(std::make_shared<arrow::BooleanScalar>(number != 0));
      case 2: return take(std::make_shared<arrow::Int8Scalar>(static_cast<int8_t>(number)));
      case 3: return take(std::make_shared<arrow::Int16Scalar>(static_cast<int16_t>(number)));
      case 5: return take(std::make_shared<arrow::Int32Scalar>(static_cast<int32_t>(number)));
      case 7: return take(std::make_shared<arrow::Int64Scalar>(number));
      case 10: return take(std::make_shared<arrow::FloatScalar>(std::bit_cast<float>(static_cast<uint32_t>(field.value))));
      case 11: return take(std::make_shared<arrow::DoubleScalar>(std::bit_cast<double>(field.value)));
      case 12:
      case 21: return take(std::make_shared<arrow::StringScalar>(std::string(field.bytes)));
      case 13: return take(std::make_shared<arrow::BinaryScalar>(arrow::Buffer::FromString(std::string(field.bytes))));
      case 14: return take(std::make_shared<arrow::TimestampScalar>(number, arrow::timestamp(arrow::TimeUnit::MICRO)));
      case 16: return take(std::make_shared<arrow::Date32Scalar>(static_cast<int32_t>(number)));
      case 24: return take(DecimalOf(field.bytes));
      case 27: return take(std::make_shared<arrow::TimestampScalar>(number, arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")));
      case 29: return take(std::make_shared<arrow::NullScalar>());
      case 50:
      case 51: return true;  // whether it may be null, and which form of its type it has
      default: status = CannotSay("a constant of Substrait's kind " + std::to_string(field.number)); return false;
    }
  });
  ARROW_RETURN_NOT_OK(status);
  if (!parsed || scalar == nullptr) return NoMessage();
  return scalar;
}

class Parser {
 public:
  explicit Parser(const arrow::Schema& schema) : schema_(schema) {}

  Result<ExpressionPtr> Parse(std::string_view message) {
    std::string_view reference;
    const bool parsed = ForEachField(message, [&](const Field& field) {
      if (field.number == 2) return field.type == MessageReader::kBytes && AddFunction(field.bytes);
      return field.number != 3 || IsBytes(field, &reference);
    });
    std::map<uint64_t, Field> fields;
    if (!parsed || !LastFields(reference, &fields)) return NoMessage();
    return Build(BytesIn(fields, 1), 0);
  }

 private:
  bool AddFunction(std::string_view declaration) {
    std::map<uint64_t, Field> kinds, function;
    if (!LastFields(declaration, &kinds)) return false;
    if (kinds.find(3) == kinds.end()) return true;
    if (!LastFields(BytesIn(kinds, 3), &function)) return false;
    // Types of arguments may follow a colon.
    const std::string name(BytesIn(function, 3));
    functions_[NumberIn(function, 2)] = name.substr(0, name.find(':'));
    return true;
  }

  Result<ExpressionPtr> Build(std::string_view message, int depth) {
    std::map<uint64_t, Field> fields;
    if (depth > kDepthMax || !LastFields(message, &fields) || fields.empty()) return NoMessage();
    const auto& [kind, field] = *fields.begin();
    switch (kind) {
      case 1: {
        ARROW_ASSIGN_OR_RAISE(auto scalar, LiteralOf(field.bytes));
        return LiteralExpression(std::move(scalar));
      }
      case 2: return BuildColumn(field.bytes);
      case 3: return BuildCall(field.bytes, depth);
      case 6: return BuildChoice(field.bytes, depth);
      case 8: return BuildIsIn(field.bytes, depth);
      case 11: return BuildCast(field.bytes, depth);
      default: return CannotSay("an expression of Substrait's kind " + std::to_string(kind));
    }
  }

  Result<ExpressionPtr> BuildColumn(std::string_view message) {
    std::map<uint64_t, Field> reference, segment, member;
    if (!LastFields(message, &reference) || !LastFields(BytesIn(reference, 1), &segment)) return NoMessage();
    ExpressionPtr column;
    const arrow::FieldVector* among = &schema_.fields();
    for (;;) {
      member.clear();
      if (segment.find(2) == segment.end() || !LastFields(BytesIn(segment, 2), &member)) return CannotSay("something else of a column than a field of a struct");
      const uint64_t at = NumberIn(member, 1);
      if (at >= among->size()) return NoMessage();
      const auto& field = (*among)[at];
      if (column == nullptr) column = ColumnExpression(field->name());
      else ARROW_RETURN_NOT_OK(CallOperator("struct_field", {column}, {{"name", field->name()}}).Value(&column));
      if (field->type()->id() == arrow::Type::NA) return CannotSay("the column " + field->name() + ", whose type Substrait does not have");
      if (member.find(2) == member.end()) return column;
      segment.clear();
      if (!LastFields(BytesIn(member, 2), &segment)) return NoMessage();
      among = &field->type()->fields();
    }
  }

  Result<ExpressionPtr> BuildCall(std::string_view message, int depth) {
    uint64_t reference = 0;
    std::vector<ExpressionPtr> arguments;
    bool ignore_case = false;
    Status status;
    const bool parsed = ForEachField(message, [&](const Field& field) {
      std::map<uint64_t, Field> inner;
      switch (field.number) {
        case 1: return IsNumber(field, &reference);
        case 4:
          if (!LastFields(field.bytes, &inner)) return false;
          status = Build(BytesIn(inner, 3), depth + 1).Value(&arguments.emplace_back());
          return status.ok();
        case 5:
          if (!LastFields(field.bytes, &inner)) return false;
          ignore_case |= BytesIn(inner, 2).starts_with("CASE_INSENSITIVE");
          return true;
        default: return true;
      }
    });
    ARROW_RETURN_NOT_OK(status);
    if (!parsed) return NoMessage();
    const std::string& name = functions_[reference];
    const auto known = OperatorOf(name);
    if (!known) return CannotSay("the function " + name);
    ARROW_ASSIGN_OR_RAISE(const OptionsForm* options, OptionsOfOperator(*known));
    if (options != nullptr) return MatchText(*known, arguments, ignore_case);
    if (*known != "and" && *known != "or") return CallOperator(*known, arguments);
    if (arguments.empty()) return NoMessage();
    ExpressionPtr all = arguments[0];
    for (size_t i = 1; i < arguments.size(); ++i) ARROW_RETURN_NOT_OK(CallOperator(*known, {all, arguments[i]}).Value(&all));
    return all;
  }

  static Result<ExpressionPtr> MatchText(const std::string& name, const std::vector<ExpressionPtr>& arguments, bool ignore_case) {
    const auto* pattern = arguments.size() == 2 ? arguments[1]->tree().literal() : nullptr;
    if (pattern == nullptr || pattern->type()->id() != arrow::Type::STRING) return CannotSay(name + " of something else than a text");
    const auto& text = static_cast<const arrow::StringScalar&>(*pattern->scalar());
    return CallOperator(name, {arguments[0]}, {{"pattern", std::string(text.view())}, {"ignore_case", ignore_case}});
  }

  Result<ExpressionPtr> BuildChoice(std::string_view message, int depth) {
    std::vector<std::pair<ExpressionPtr, ExpressionPtr>> choices;
    ExpressionPtr otherwise = LiteralExpression(std::make_shared<arrow::NullScalar>());
    Status status;
    const bool parsed = ForEachField(message, [&](const Field& field) {
      std::map<uint64_t, Field> clause;
      if (field.number == 2) return (status = Build(field.bytes, depth + 1).Value(&otherwise)).ok();
      if (field.number != 1) return true;
      auto& [condition, then] = choices.emplace_back();
      return LastFields(field.bytes, &clause) && (status = Build(BytesIn(clause, 1), depth + 1).Value(&condition)).ok() &&
             (status = Build(BytesIn(clause, 2), depth + 1).Value(&then)).ok();
    });
    ARROW_RETURN_NOT_OK(status);
    if (!parsed) return NoMessage();
    for (auto choice = choices.rbegin(); choice != choices.rend(); ++choice) {
      ARROW_RETURN_NOT_OK(CallOperator("if_else", {choice->first, choice->second, otherwise}).Value(&otherwise));
    }
    return otherwise;
  }

  Result<ExpressionPtr> BuildIsIn(std::string_view message, int depth) {
    ExpressionPtr value;
    std::unique_ptr<arrow::ArrayBuilder> values;
    int64_t nulls = 0;
    Status status;
    const auto add = [&](std::string_view option) -> Status {
      std::map<uint64_t, Field> fields;
      if (!LastFields(option, &fields)) return NoMessage();
      if (fields.find(1) == fields.end()) return CannotSay("a set of other things than constants");
      ARROW_ASSIGN_OR_RAISE(const auto scalar, LiteralOf(BytesIn(fields, 1)));
      if (!scalar->is_valid) {
        ++nulls;
        return Status::OK();
      }
      if (values == nullptr) ARROW_RETURN_NOT_OK(arrow::MakeBuilder(scalar->type).Value(&values));
      if (!scalar->type->Equals(values->type())) return CannotSay("a set of values of several types");
      return values->AppendScalar(*scalar);
    };
    const bool parsed = ForEachField(message, [&](const Field& field) {
      if (field.number == 1) return (status = Build(field.bytes, depth + 1).Value(&value)).ok();
      return field.number != 2 || (status = add(field.bytes)).ok();
    });
    ARROW_RETURN_NOT_OK(status);
    if (!parsed || value == nullptr) return NoMessage();
    if (values == nullptr && nulls == 0) return LiteralExpression(std::make_shared<arrow::BooleanScalar>(false));
    if (values == nullptr) return CallOperator("is_null", {value});
    ARROW_RETURN_NOT_OK(values->AppendNulls(nulls));
    ARROW_ASSIGN_OR_RAISE(auto set, values->Finish());
    return CallOperator("is_in", {value}, {{"value_set", std::move(set)}});
  }

  Result<ExpressionPtr> BuildCast(std::string_view message, int depth) {
    std::map<uint64_t, Field> fields;
    if (!LastFields(message, &fields)) return NoMessage();
    ARROW_ASSIGN_OR_RAISE(auto type, TypeOf(BytesIn(fields, 1)));
    ARROW_ASSIGN_OR_RAISE(const auto value, Build(BytesIn(fields, 2), depth + 1));
    return CallOperator("cast", {value}, {{"type", std::move(type)}, {"safe", false}});
  }

  const arrow::Schema& schema_;
  std::map<uint64_t, std::string> functions_;  // by their anchors
};

}  // namespace

Result<ExpressionPtr> ParseSubstrait(std::string_view message, const arrow::Schema& schema) { return Parser(schema).Parse(message); }

}  // namespace millstream
