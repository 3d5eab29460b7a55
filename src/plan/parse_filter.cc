#include "plan/parse_filter.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/scalar.h>
#include <arrow/util/utf8.h>

#include <algorithm>
#include <cctype>
#include <limits>

#include "plan/filter_tokens.h"
#include "plan/functions.h"

namespace millstream {
namespace {

using Kind = FilterToken::Kind;

constexpr size_t kTextBytesMax = 1 << 20;
constexpr int kNestingMax = 100;  // of parentheses and signs; each costs a dozen stack frames

struct BinaryOperator {
  const char* symbol;
  const char* operation;
};
constexpr BinaryOperator kComparisons[] = {{"==", "equal"}, {"!=", "not_equal"}, {"<", "less"}, {"<=", "less_equal"}, {">", "greater"}, {">=", "greater_equal"}};
constexpr BinaryOperator kSums[] = {{"+", "add"}, {"-", "subtract"}};
constexpr BinaryOperator kProducts[] = {{"*", "multiply"}, {"/", "divide"}, {"//", "floor_divide"}, {"%", "modulo"}};

/// A part of the expression: a term, or a constant that a sign or a list may still take up.
struct Part {
  ExpressionPtr expression;
  std::shared_ptr<arrow::Scalar> constant;
  std::string column;  // of a bare name
};

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// What to write for a word of SQL where an operator should stand; empty for other words.
std::string_view PythonFor(const FilterToken& token) {
  if (token.kind != Kind::kName) return "";
  const std::string word = Lower(token.text);
  if (word == "and" || word == "or" || word == "not" || word == "in" || word == "is") return "`and`, `or`, `not`, `in` and `is` are written in small letters";
  if (word == "between") return "'between' is written low <= column <= high";
  if (word == "like" || word == "ilike" || word == "rlike") return "patterns are not for texts: use filter(expr=col('name').str.match('A%'))";
  return "";
}

class Parser {
 public:
  Parser(std::string_view text, std::vector<FilterToken> tokens) : text_(text), tokens_(std::move(tokens)) {}

  Result<ExpressionPtr> Run() {
    ARROW_ASSIGN_OR_RAISE(const auto part, Or());
    if (Peek().kind == Kind::kEnd) return part.expression;
    if (Peek().Is("=")) return Error("a comparison is written ==");
    if (Peek().Is("<>")) return Error("'not equal' is written !=");
    const std::string_view python = PythonFor(Peek());
    if (!python.empty()) return Error(std::string(python));
    return Error("expected an operator, or the end");
  }

 private:
  const FilterToken& Peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool Take(std::string_view symbol) {
    if (!Peek().Is(symbol)) return false;
    ++at_;
    return true;
  }
  Status Error(const std::string& message) const { return FilterError(text_, Peek().begin, message); }
  Status Expect(const char* symbol) {
    return Take(symbol) ? Status::OK() : Error(std::string("expected ") + symbol);
  }

  static Part Constant(std::shared_ptr<arrow::Scalar> value) { return {LiteralExpression(arrow::Datum(value)), value, ""}; }

  Result<Part> Call(const char* operation, const std::vector<Part>& parts, const NamedOptions& options = {}) {
    std::vector<ExpressionPtr> arguments;
    for (const Part& part : parts) arguments.push_back(part.expression);
    ARROW_ASSIGN_OR_RAISE(auto expression, CallOperator(operation, arguments, options));
    return Part{std::move(expression), nullptr, ""};
  }

  /// Combines the terms as a balanced tree, so that a thousand of them are ten deep.
  Result<Part> Combine(const char* operation, std::vector<Part> terms) {
    while (terms.size() > 1) {
      std::vector<Part> halved;
      for (size_t i = 0; i + 1 < terms.size(); i += 2) {
        ARROW_ASSIGN_OR_RAISE(auto both, Call(operation, {terms[i], terms[i + 1]}));
        halved.push_back(std::move(both));
      }
      if (terms.size() % 2 == 1) halved.push_back(std::move(terms.back()));
      terms = std::move(halved);
    }
    return std::move(terms[0]);
  }

  /// term (symbol term)*, for an operation that is associative.
  Result<Part> Chain(const char* symbol, const char* operation, Result<Part> (Parser::*term)()) {
    std::vector<Part> terms;
    do {
      ARROW_ASSIGN_OR_RAISE(auto next, (this->*term)());
      terms.push_back(std::move(next));
    } while (Take(symbol));
    return Combine(operation, std::move(terms));
  }

  template <size_t N>
  const char* TakeOneOf(const BinaryOperator (&operators)[N]) {
    for (const auto& entry : operators) {
      if (Take(entry.symbol)) return entry.operation;
    }
    return nullptr;
  }

  /// term (symbol term)*, from the left.
  template <size_t N>
  Result<Part> Fold(const BinaryOperator (&operators)[N], Result<Part> (Parser::*term)()) {
    ARROW_ASSIGN_OR_RAISE(auto left, (this->*term)());
    while (const char* operation = TakeOneOf(operators)) {
      ARROW_ASSIGN_OR_RAISE(const auto right, (this->*term)());
      ARROW_ASSIGN_OR_RAISE(left, Call(operation, {left, right}));
    }
    return left;
  }

  Result<Part> Or() { return Chain("or", "or", &Parser::And); }
  Result<Part> And() { return Chain("and", "and", &Parser::Not); }

  Result<Part> Not() {
    int negations = 0;
    while (Take("not")) ++negations;
    ARROW_ASSIGN_OR_RAISE(auto part, Comparison());
    if (negations % 2 == 0) return part;
    return Call("not", {part});
  }

  /// a < b < c means a < b and b < c.
  Result<Part> Comparison() {
    ARROW_ASSIGN_OR_RAISE(auto left, BitOr());
    std::vector<Part> pairs;
    for (;;) {
      const size_t at = at_;
      if (const char* operation = TakeOneOf(kComparisons)) {
        ARROW_ASSIGN_OR_RAISE(auto right, BitOr());
        if (IsNone(left) || IsNone(right)) {
          at_ = at;
          return Error("nothing is equal to None; write `is None` or `is not None`");
        }
        ARROW_ASSIGN_OR_RAISE(auto pair, Call(operation, {left, right}));
        pairs.push_back(std::move(pair));
        left = std::move(right);
      } else if (Peek().Is("in") || (Peek().Is("not") && Peek(1).Is("in"))) {
        ARROW_ASSIGN_OR_RAISE(auto member, Membership(left));
        pairs.push_back(std::move(member));
      } else if (Take("is")) {
        const char* null = Take("not") ? "is_not_null" : "is_null";
        if (!Take("None")) return Error(Lower(Peek().text) == "null" ? "null is written None" : "`is` compares with None only; write == for values");
        ARROW_ASSIGN_OR_RAISE(auto test, Call(null, {left}));
        pairs.push_back(std::move(test));
      } else {
        break;
      }
    }
    if (pairs.empty()) return left;
    return Combine("and", std::move(pairs));
  }

  static bool IsNone(const Part& part) { return part.constant != nullptr && part.constant->type->id() == arrow::Type::NA; }

  Result<Part> Membership(const Part& value) {
    const char* operation = Take("not") ? "not_in" : "is_in";
    ARROW_RETURN_NOT_OK(Expect("in"));
    ARROW_ASSIGN_OR_RAISE(auto values, List());
    return Call(operation, {value}, {{"value_set", std::move(values)}});
  }

  Result<Part> BitOr() { return Chain("|", "or", &Parser::BitAnd); }
  Result<Part> BitAnd() { return Chain("&", "and", &Parser::Sum); }
  Result<Part> Sum() { return Fold(kSums, &Parser::Product); }
  Result<Part> Product() { return Fold(kProducts, &Parser::Sign); }

  Result<Part> Sign() {
    if (!Peek().Is("-") && !Peek().Is("+") && !Peek().Is("~")) return Power();
    const FilterToken sign = Peek();
    ++at_;
    if (sign.Is("-") && Peek().kind == Kind::kInteger && !Peek(1).Is("**")) return Integer(/*negative=*/true);
    ARROW_RETURN_NOT_OK(Enter());
    ARROW_ASSIGN_OR_RAISE(auto part, Sign());
    --nesting_;
    if (sign.Is("+")) return part;
    if (sign.Is("-") && part.constant != nullptr && part.constant->type->id() == arrow::Type::DOUBLE) {
      return Constant(arrow::MakeScalar(-static_cast<const arrow::DoubleScalar&>(*part.constant).value));
    }
    return Call(sign.Is("-") ? "negate" : "not", {part});
  }

  Result<Part> Power() {
    ARROW_ASSIGN_OR_RAISE(const auto base, Primary());
    if (!Take("**")) return base;
    ARROW_RETURN_NOT_OK(Enter());
    ARROW_ASSIGN_OR_RAISE(const auto exponent, Sign());
    --nesting_;
    return Call("power", {base, exponent});
  }

  Status Enter() { return ++nesting_ <= kNestingMax ? Status::OK() : Error("nested too deep; cut the filter in two"); }

  Result<Part> Primary() {
    const FilterToken& token = Peek();
    switch (token.kind) {
      case Kind::kInteger:
        return Integer(/*negative=*/false);
      case Kind::kFloat:
        ++at_;
        return Constant(arrow::MakeScalar(token.number));
      case Kind::kString:
      case Kind::kBytes:
        return String();
      case Kind::kName:
        return Name();
      case Kind::kSymbol:
        if (token.text == "(") return Parentheses();
        if (token.text == "[") return Error("a list can only stand after `in`");
        return Error(token.Is("&") || token.Is("|") ? "`and` and `or` are written as words" : "expected a column, a number, a string or a parenthesis");
      case Kind::kEnd:
        break;
    }
    return Error("the expression ends where a value should follow");
  }

  Result<Part> Parentheses() {
    ARROW_RETURN_NOT_OK(Expect("("));
    ARROW_RETURN_NOT_OK(Enter());
    ARROW_ASSIGN_OR_RAISE(auto part, Or());
    --nesting_;
    ARROW_RETURN_NOT_OK(Expect(")"));
    part.column.clear();
    return part;
  }

  Result<Part> Integer(bool negative) {
    const uint64_t value = Peek().integer;
    constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
    if (negative && value > kMax + 1) return Error("this number does not fit 64 bits; write it as a float");
    ++at_;
    if (negative) return Constant(arrow::MakeScalar(static_cast<int64_t>(~value + 1)));
    if (value > kMax) return Constant(arrow::MakeScalar(value));
    return Constant(arrow::MakeScalar(static_cast<int64_t>(value)));
  }

  /// Neighbouring strings are one.
  Result<Part> String() {
    const Kind kind = Peek().kind;
    std::string value;
    for (; Peek().kind == kind; ++at_) value += Peek().text;
    if (kind == Kind::kBytes) return Constant(std::make_shared<arrow::BinaryScalar>(arrow::Buffer::FromString(std::move(value))));
    if (!arrow::util::ValidateUTF8(value)) return Error("this string is not valid UTF-8");
    return Constant(std::make_shared<arrow::StringScalar>(std::move(value)));
  }

  Result<Part> Name() {
    const FilterToken token = Peek();
    static constexpr const char* kReserved[] = {"and", "or", "not", "in", "is", "if", "else", "lambda", "for"};
    for (const char* reserved : kReserved) {
      if (token.text == reserved) return Error("expected a value, not the word '" + token.text + "'");
    }
    ++at_;
    if (token.text == "True" || token.text == "False") return Constant(arrow::MakeScalar(token.text == "True"));
    if (token.text == "None") return Constant(std::make_shared<arrow::NullScalar>());
    if (Peek().Is("(")) return Function(token);
    std::string name = token.text;
    while (Take(".")) {
      if (Peek().kind != Kind::kName) return Error("expected a name after the dot");
      name += "." + Peek().text;
      ++at_;
      if (Peek().Is("(")) return Error("values have no methods here; write is_null(x), is_not_null(x), is_nan(x), or use millstream.col()");
    }
    return Part{ColumnExpression(name), nullptr, name};
  }

  Result<Part> Function(const FilterToken& name) {
    static constexpr BinaryOperator kFunctions[] = {{"is_null", "is_null"}, {"is_valid", "is_not_null"}, {"is_not_null", "is_not_null"}, {"is_nan", "is_nan"}, {"is_in", "is_in"}};
    const auto* found = std::find_if(std::begin(kFunctions), std::end(kFunctions), [&](const auto& entry) { return name.text == entry.symbol; });
    if (found == std::end(kFunctions)) {
      return FilterError(text_, name.begin, "unknown function " + name.text + "; known are is_null, is_not_null, is_valid, is_nan, is_in; others are methods of millstream.col()");
    }
    ARROW_RETURN_NOT_OK(Expect("("));
    ARROW_RETURN_NOT_OK(Enter());
    ARROW_ASSIGN_OR_RAISE(const auto argument, Or());
    --nesting_;
    NamedOptions options;
    if (name.text == "is_in") {
      ARROW_RETURN_NOT_OK(Expect(","));
      ARROW_ASSIGN_OR_RAISE(auto values, List());
      options.emplace_back("value_set", std::move(values));
    }
    ARROW_RETURN_NOT_OK(Expect(")"));
    return Call(found->operation, {argument}, options);
  }

  /// Constants in brackets or parentheses.
  Result<std::shared_ptr<arrow::Array>> List() {
    const char* end = Peek().Is("[") ? "]" : Peek().Is("(") ? ")" : nullptr;
    if (end == nullptr) return Error("expected a list in brackets, such as [1, 2]");
    const size_t begin = at_++;
    arrow::ScalarVector values;
    while (!Take(end)) {
      const size_t at = at_;
      ARROW_ASSIGN_OR_RAISE(auto value, Sign());
      if (value.constant == nullptr) {
        at_ = at;
        return Error("a list may hold constants only");
      }
      values.push_back(std::move(value.constant));
      if (!Take(",") && !Peek().Is(end)) return Error(std::string("expected , or ") + end);
    }
    auto array = ArrayOf(values);
    if (!array.ok()) {
      at_ = begin;
      return Error("the values of this list have different types");
    }
    return array;
  }

  /// Whole numbers beside floats become floats; None fits anywhere.
  static Result<std::shared_ptr<arrow::Array>> ArrayOf(const arrow::ScalarVector& values) {
    std::shared_ptr<arrow::DataType> type = arrow::null();
    for (const auto& value : values) {
      const auto& other = value->type;
      if (other->id() == arrow::Type::NA || other->Equals(*type)) continue;
      const bool numbers = arrow::is_numeric(other->id()) && arrow::is_numeric(type->id());
      if (type->id() != arrow::Type::NA && !numbers) return Status::TypeError("mixed");
      type = numbers ? arrow::float64() : other;
    }
    arrow::ArrayVector parts;
    for (const auto& value : values) {
      if (value->type->id() == arrow::Type::NA) {
        ARROW_ASSIGN_OR_RAISE(auto part, arrow::MakeArrayOfNull(type, 1));
        parts.push_back(std::move(part));
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(auto part, arrow::MakeArrayFromScalar(*value, 1));
      if (!part->type()->Equals(*type)) {
        ARROW_ASSIGN_OR_RAISE(part, arrow::compute::Cast(*part, type, arrow::compute::CastOptions::Unsafe()));
      }
      parts.push_back(std::move(part));
    }
    if (parts.empty()) return arrow::MakeArrayOfNull(type, 0);
    return arrow::Concatenate(parts);
  }

  std::string_view text_;
  std::vector<FilterToken> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace

Result<ExpressionPtr> ParseFilter(std::string_view text) {
  if (text.size() > kTextBytesMax) return MakeError(ErrorKind::kInvalidArgument, "the filter's text is longer than a megabyte; use is_in with a list");
  ARROW_ASSIGN_OR_RAISE(auto tokens, CutFilter(text));
  return Parser(text, std::move(tokens)).Run();
}

}  // namespace millstream
