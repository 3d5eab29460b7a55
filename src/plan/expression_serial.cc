#include "plan/expression_serial.h"

#include <arrow/array/util.h>
#include <arrow/compute/api.h>
#include <arrow/scalar.h>

#include "plan/functions.h"
#include "plan/value_serial.h"

namespace millstream {
namespace {

namespace compute = arrow::compute;
using Tree = compute::Expression;

enum TermTag : uint8_t { kColumnTerm = 0, kLiteralTerm = 1, kCallTerm = 2 };
constexpr uint8_t kDefaultOptions = 255;

Status WriteOption(const OptionValue& value, ByteWriter* out) {
  out->Number<uint8_t>(static_cast<uint8_t>(value.index()));
  if (const auto* flag = std::get_if<bool>(&value)) {
    out->Number<uint8_t>(*flag);
  } else if (const auto* number = std::get_if<int64_t>(&value)) {
    out->Number<int64_t>(*number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    out->String(*text);
  } else if (const auto* array = std::get_if<std::shared_ptr<arrow::Array>>(&value)) {
    ARROW_ASSIGN_OR_RAISE(const auto bytes, ArrayToBytes(*array));
    out->String(bytes);
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto bytes, TypeToBytes(std::get<std::shared_ptr<arrow::DataType>>(value)));
    out->String(bytes);
  }
  return Status::OK();
}

Status WriteLiteral(const arrow::Datum& value, ByteWriter* out) {
  if (!value.is_scalar()) return MakeError(ErrorKind::kInvalidArgument, "a literal of an expression must be one value, not " + value.ToString());
  ARROW_ASSIGN_OR_RAISE(const auto array, arrow::MakeArrayFromScalar(*value.scalar(), 1));
  ARROW_ASSIGN_OR_RAISE(const auto bytes, ArrayToBytes(array));
  out->Number<uint8_t>(kLiteralTerm);
  out->String(bytes);
  return Status::OK();
}

Status WriteTerm(const Tree& tree, ByteWriter* out);

Status WriteCall(const Tree::Call& call, ByteWriter* out) {
  const FunctionEntry* function = FindFunction(call.function_name);
  if (function == nullptr) return MakeError(ErrorKind::kInvalidArgument, "an expression with " + call.function_name + " cannot be serialised");
  out->Number<uint8_t>(kCallTerm);
  out->String(call.function_name);
  if (call.options == nullptr && function->options != nullptr) {
    return MakeError(ErrorKind::kInvalidArgument, "a call of " + call.function_name + " lacks its options");
  }
  if (function->options == nullptr) {
    out->Number<uint8_t>(kDefaultOptions);
  } else {
    const auto values = function->options->read(*call.options);
    out->Number<uint8_t>(static_cast<uint8_t>(values.size()));
    for (const OptionValue& value : values) ARROW_RETURN_NOT_OK(WriteOption(value, out));
  }
  out->Number<uint32_t>(static_cast<uint32_t>(call.arguments.size()));
  for (const Tree& argument : call.arguments) ARROW_RETURN_NOT_OK(WriteTerm(argument, out));
  return Status::OK();
}

Status WriteTerm(const Tree& tree, ByteWriter* out) {
  if (const auto* reference = tree.field_ref()) {
    if (reference->name() == nullptr) return MakeError(ErrorKind::kInvalidArgument, "only columns that are named can be serialised, not " + reference->ToString());
    out->Number<uint8_t>(kColumnTerm);
    out->String(*reference->name());
    return Status::OK();
  }
  if (const auto* literal = tree.literal()) return WriteLiteral(*literal, out);
  return WriteCall(*tree.call(), out);
}

Result<OptionValue> ReadOption(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto kind, in->Number<uint8_t>());
  if (kind == OptionValue(false).index()) {
    ARROW_ASSIGN_OR_RAISE(const auto flag, in->Number<uint8_t>());
    return OptionValue(flag != 0);
  }
  if (kind == OptionValue(int64_t{0}).index()) {
    ARROW_ASSIGN_OR_RAISE(const auto number, in->Number<int64_t>());
    return OptionValue(number);
  }
  ARROW_ASSIGN_OR_RAISE(const auto bytes, in->String());
  if (kind == OptionValue(std::string()).index()) return OptionValue(std::string(bytes));
  if (kind == OptionValue(std::shared_ptr<arrow::Array>()).index()) {
    ARROW_ASSIGN_OR_RAISE(auto array, ArrayFromBytes(bytes));
    return OptionValue(std::move(array));
  }
  if (kind != OptionValue(std::shared_ptr<arrow::DataType>()).index()) return in->Damaged();
  ARROW_ASSIGN_OR_RAISE(auto type, TypeFromBytes(bytes));
  return OptionValue(std::move(type));
}

/// Reads terms one inside the other, counting them against the limits of functions.h.
class TermReader {
 public:
  explicit TermReader(ByteReader* in) : in_(in) {}

  Result<Tree> Read(int depth) {
    if (depth > kExpressionDepthMax || ++terms_ > kExpressionNodesMax) return in_->Damaged();
    ARROW_ASSIGN_OR_RAISE(const auto tag, in_->Number<uint8_t>());
    if (tag == kCallTerm) return ReadCall(depth);
    ARROW_ASSIGN_OR_RAISE(const auto bytes, in_->String());
    if (tag == kColumnTerm) return compute::field_ref(arrow::FieldRef(std::string(bytes)));
    if (tag != kLiteralTerm) return in_->Damaged();
    ARROW_ASSIGN_OR_RAISE(const auto array, ArrayFromBytes(bytes));
    if (array->length() != 1) return in_->Damaged();
    ARROW_ASSIGN_OR_RAISE(auto value, array->GetScalar(0));
    return compute::literal(arrow::Datum(std::move(value)));
  }

 private:
  Result<Tree> ReadCall(int depth) {
    ARROW_ASSIGN_OR_RAISE(const auto name, in_->String());
    const FunctionEntry* function = FindFunction(std::string(name));
    if (function == nullptr) return MakeError(ErrorKind::kInvalidArgument, "the serialised plan calls a function that this library does not know");
    ARROW_ASSIGN_OR_RAISE(const auto option_count, in_->Number<uint8_t>());
    std::optional<std::vector<OptionValue>> options;
    if (option_count != kDefaultOptions) options.emplace();
    for (int i = 0; options.has_value() && i < option_count; ++i) {
      ARROW_ASSIGN_OR_RAISE(auto option, ReadOption(in_));
      options->push_back(std::move(option));
    }
    ARROW_ASSIGN_OR_RAISE(const auto count, in_->Number<uint32_t>());
    if (count > static_cast<uint32_t>(function->arguments_max)) return in_->Damaged();
    std::vector<Tree> arguments;
    for (uint32_t i = 0; i < count; ++i) {
      ARROW_ASSIGN_OR_RAISE(auto argument, Read(depth + 1));
      arguments.push_back(std::move(argument));
    }
    if (!options.has_value() && function->options != nullptr) return in_->Damaged();
    return MakeCall(*function, std::move(arguments), options);
  }

  ByteReader* in_;
  int terms_ = 0;
};

}  // namespace

Status WriteExpression(const Expression& expression, ByteWriter* out) {
  ARROW_RETURN_NOT_OK(CheckSize(expression.tree()));
  return WriteTerm(expression.tree(), out);
}

Result<ExpressionPtr> ReadExpression(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(auto tree, TermReader(in).Read(1));
  return std::make_shared<Expression>(std::move(tree));
}

}  // namespace millstream
