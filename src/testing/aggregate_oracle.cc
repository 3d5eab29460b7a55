#include "testing/aggregate_oracle.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

namespace millstream::testing_support {
namespace {

using arrow::Scalar;
using arrow::Type;
using ScalarPtr = std::shared_ptr<Scalar>;
using Rows = std::vector<int64_t>;

template <typename T>
int Order(const T& left, const T& right) {
  return left < right ? -1 : right < left ? 1 : 0;
}

/// Without dictionaries, run ends and extensions, and of a union what it chose; null for a null.
ScalarPtr Plain(ScalarPtr scalar) {
  while (scalar->is_valid) {
    if (scalar->type->id() == Type::DICTIONARY) scalar = *static_cast<const arrow::DictionaryScalar&>(*scalar).GetEncodedValue();
    else if (scalar->type->id() == Type::RUN_END_ENCODED) scalar = static_cast<const arrow::RunEndEncodedScalar&>(*scalar).value;
    else if (arrow::is_union(scalar->type->id())) scalar = static_cast<const arrow::UnionScalar&>(*scalar).child_value();
    else if (scalar->type->id() == Type::EXTENSION) scalar = static_cast<const arrow::ExtensionScalar&>(*scalar).value;
    else return scalar->type->id() == Type::NA ? nullptr : scalar;
  }
  return nullptr;
}

bool IsFloat(const arrow::DataType& type) { return type.id() == Type::DOUBLE || type.id() == Type::FLOAT || type.id() == Type::HALF_FLOAT; }

double DoubleOf(const Scalar& scalar) {
  switch (scalar.type->id()) {
    case Type::DOUBLE: return static_cast<const arrow::DoubleScalar&>(scalar).value;
    case Type::FLOAT: return static_cast<const arrow::FloatScalar&>(scalar).value;
    case Type::HALF_FLOAT: return arrow::util::Float16::FromBits(static_cast<const arrow::HalfFloatScalar&>(scalar).value).ToDouble();
    default: return 0;
  }
}

/// Integers of any sort, with what Arrow stores as such, and decimals unscaled.
std::optional<arrow::Decimal256> IntegerOf(const Scalar& scalar) {
  switch (scalar.type->id()) {
    case Type::DECIMAL32: return arrow::Decimal256(static_cast<int64_t>(static_cast<const arrow::Decimal32Scalar&>(scalar).value.value()));
    case Type::DECIMAL64: return arrow::Decimal256(static_cast<const arrow::Decimal64Scalar&>(scalar).value.value());
    case Type::DECIMAL128: return arrow::Decimal256(static_cast<const arrow::Decimal128Scalar&>(scalar).value);
    case Type::DECIMAL256: return static_cast<const arrow::Decimal256Scalar&>(scalar).value;
    case Type::BOOL: return arrow::Decimal256(static_cast<int64_t>(static_cast<const arrow::BooleanScalar&>(scalar).value));
    default: break;
  }
  if (!arrow::is_primitive(scalar.type->id()) || IsFloat(*scalar.type)) return std::nullopt;
  const auto& primitive = static_cast<const arrow::internal::PrimitiveScalarBase&>(scalar);
  const auto bytes = primitive.view();
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  if (arrow::is_unsigned_integer(scalar.type->id())) return arrow::Decimal256(arrow::BasicDecimal256::LittleEndianArray, {word, 0, 0, 0});
  const int shift = 64 - 8 * static_cast<int>(bytes.size());
  return arrow::Decimal256(static_cast<int64_t>(word << shift) >> shift);
}

int CompareScalars(const ScalarPtr& left_scalar, const ScalarPtr& right_scalar);

int CompareArrays(const arrow::Array& left, const arrow::Array& right) {
  for (int64_t i = 0; i < std::min(left.length(), right.length()); ++i) {
    if (const int order = CompareRows(left, i, right, i)) return order;
  }
  return Order(left.length(), right.length());
}

int CompareStructs(const arrow::StructScalar& left, const arrow::StructScalar& right) {
  for (size_t i = 0; i < left.value.size(); ++i) {
    if (const int order = CompareScalars(left.value[i], right.value[i])) return order;
  }
  return 0;
}

int CompareScalars(const ScalarPtr& left_scalar, const ScalarPtr& right_scalar) {
  const auto left = Plain(left_scalar), right = Plain(right_scalar);
  if (left == nullptr || right == nullptr) return Order(left == nullptr, right == nullptr);
  if (IsFloat(*left->type)) {
    const double a = DoubleOf(*left), b = DoubleOf(*right);
    return std::isnan(a) || std::isnan(b) ? Order(std::isnan(a), std::isnan(b)) : Order(a, b);
  }
  if (const auto integer = IntegerOf(*left)) return Order(*integer, *IntegerOf(*right));
  if (left->type->id() == Type::STRUCT) return CompareStructs(static_cast<const arrow::StructScalar&>(*left), static_cast<const arrow::StructScalar&>(*right));
  if (const auto* list = dynamic_cast<const arrow::BaseListScalar*>(left.get())) return CompareArrays(*list->value, *static_cast<const arrow::BaseListScalar&>(*right).value);
  const int order = static_cast<const arrow::BaseBinaryScalar&>(*left).view().compare(static_cast<const arrow::BaseBinaryScalar&>(*right).view());
  return Order(order, 0);
}

ScalarPtr At(const arrow::Array& array, int64_t i) { return Plain(*array.GetScalar(i)); }

/// A multiple of the least double, in digits of 32 bits, the first worth 2^-1152.
struct ExactNumber {
  void Add(double value, int sign) {
    int exponent = 0;
    const auto mantissa = static_cast<int64_t>(std::ldexp(std::frexp(std::fabs(value), &exponent), 53));
    const int place = exponent - 53 + 1152;
    auto shifted = static_cast<unsigned __int128>(mantissa) << place % 32;
    for (int digit = place / 32; shifted != 0; ++digit, shifted >>= 32) digits[digit] += (std::signbit(value) ? -sign : sign) * static_cast<int64_t>(shifted & 0xffffffff);
  }
  /// Digits from 0 to 2^32, but for the last, which has the sign.
  void Normalize() {
    for (size_t i = 0; i + 1 < digits.size(); ++i) {
      digits[i + 1] += digits[i] >> 32;
      digits[i] &= 0xffffffff;
    }
  }
  ExactNumber Times(int64_t factor) const {
    ExactNumber product;
    __int128 carry = 0;
    for (size_t i = 0; i < digits.size(); ++i) {
      carry += static_cast<__int128>(digits[i]) * factor;
      product.digits[i] = i + 1 < digits.size() ? static_cast<int64_t>(carry & 0xffffffff) : static_cast<int64_t>(carry);
      carry >>= 32;
    }
    return product;
  }
  ExactNumber Magnitude() const { return digits.back() < 0 ? Times(-1) : *this; }
  bool operator<=(const ExactNumber& other) const {
    return std::lexicographical_compare(digits.rbegin(), digits.rend(), other.digits.rbegin(), other.digits.rend()) || digits == other.digits;
  }
  std::array<int64_t, 80> digits{};
};

/// |sum - value * times|.
ExactNumber Distance(const ExactNumber& sum, double value, int64_t times) {
  ExactNumber product;
  product.Add(value, -1);
  product.Normalize();
  product = product.Times(times);
  for (size_t i = 0; i < sum.digits.size(); ++i) product.digits[i] += sum.digits[i];
  product.Normalize();
  return product.Magnitude();
}

/// Whether no other double times `times` is nearer to the sum.
bool IsNearest(const std::vector<double>& values, double rounded, int64_t times) {
  ExactNumber sum;
  for (const double value : values) sum.Add(value, 1);
  sum.Normalize();
  const double greatest = std::numeric_limits<double>::max();
  if (std::isinf(rounded)) return Distance(sum, std::copysign(greatest, rounded), times).Magnitude() <= sum.Magnitude();  // beyond the greatest, roughly
  const auto distance = Distance(sum, rounded, times);
  for (const double other : {std::nextafter(rounded, greatest), std::nextafter(rounded, -greatest)}) {
    if (!(distance <= Distance(sum, other, times))) return false;
  }
  return true;
}

double NumberOf(const Scalar& scalar) {
  if (IsFloat(*scalar.type)) return DoubleOf(scalar);
  const auto integer = IntegerOf(scalar);
  return integer->ToDouble(arrow::is_decimal(scalar.type->id()) ? static_cast<const arrow::DecimalType&>(*scalar.type).scale() : 0);
}

std::vector<ScalarPtr> ValuesOf(const arrow::Array& column, const Rows& rows) {
  std::vector<ScalarPtr> values;
  for (const int64_t row : rows) {
    if (auto value = At(column, row)) values.push_back(std::move(value));
  }
  return values;
}

std::string Expect(bool right, const std::string& what, const ScalarPtr& got) { return right ? "" : what + ", got " + (got == nullptr ? "null" : got->ToString()); }

std::string ExpectNear(double wanted, const ScalarPtr& got, double error) {
  if (got == nullptr) return "null for " + std::to_string(wanted);
  const double value = DoubleOf(*got);
  const bool near = std::isnan(wanted) ? std::isnan(value) : value == wanted || std::fabs(value - wanted) <= error * std::fabs(wanted);
  return Expect(near, "wanted " + std::to_string(wanted), got);
}

std::string WrongSum(const std::vector<ScalarPtr>& values, const ScalarPtr& got, bool mean) {
  if (values.empty() || got == nullptr) return Expect(values.empty() && got == nullptr, "a sum", got);
  const auto count = static_cast<int64_t>(values.size());
  if (!IsFloat(*values[0]->type)) {
    arrow::Decimal256 sum(0);
    for (const auto& value : values) sum += *IntegerOf(*value);
    if (!mean) return Expect(*IntegerOf(*got) == sum, "wanted " + sum.ToIntegerString(), got);
    const int32_t scale = arrow::is_decimal(values[0]->type->id()) ? static_cast<const arrow::DecimalType&>(*values[0]->type).scale() : 0;
    return ExpectNear(sum.ToDouble(scale) / static_cast<double>(count), got, 1e-15);
  }
  std::vector<double> numbers;
  double odd = 0;
  for (const auto& value : values) {
    const double number = DoubleOf(*value);
    if (std::isfinite(number)) numbers.push_back(number);
    else odd += number;
  }
  if (static_cast<int64_t>(numbers.size()) < count) return ExpectNear(odd, got, 0);
  return Expect(IsNearest(numbers, DoubleOf(*got), mean ? count : 1), "the nearest double", got);
}

std::string WrongDeviation(const std::vector<ScalarPtr>& values, int ddof, const ScalarPtr& got) {
  if (values.empty()) return Expect(got == nullptr, "null", got);
  const auto count = static_cast<double>(values.size());
  double scale = 0;
  for (const auto& value : values) scale = std::max(scale, std::fabs(NumberOf(*value)));
  if (count <= ddof || !std::isfinite(scale)) return ExpectNear(NAN, got, 0);
  for (const auto& value : values) {
    if (std::isnan(NumberOf(*value))) return ExpectNear(NAN, got, 0);
  }
  if (scale == 0) return ExpectNear(0, got, 0);
  long double mean = 0, squares = 0;
  for (const auto& value : values) mean += static_cast<long double>(NumberOf(*value)) / scale;
  mean /= count;
  for (const auto& value : values) squares += (NumberOf(*value) / static_cast<long double>(scale) - mean) * (NumberOf(*value) / static_cast<long double>(scale) - mean);
  return ExpectNear(static_cast<double>(std::sqrt(squares / (count - ddof)) * scale), got, 1e-9);
}

/// NaN only where there is nothing else.
std::string WrongExtreme(std::vector<ScalarPtr> values, bool greatest, const ScalarPtr& got) {
  if (values.empty() || got == nullptr) return Expect(values.empty() && got == nullptr, "a value", got);
  const auto is_nan = [](const ScalarPtr& value) { return IsFloat(*value->type) && std::isnan(DoubleOf(*value)); };
  if (!std::all_of(values.begin(), values.end(), is_nan)) values.erase(std::remove_if(values.begin(), values.end(), is_nan), values.end());
  std::stable_sort(values.begin(), values.end(), [](const auto& left, const auto& right) { return CompareScalars(left, right) < 0; });
  const auto& wanted = greatest ? values.back() : values.front();
  return Expect(CompareScalars(wanted, got) == 0, "wanted " + wanted->ToString(), got);
}

std::string WrongAbsolute(const std::vector<ScalarPtr>& values, const ScalarPtr& got) {
  if (values.empty() || got == nullptr) return Expect(values.empty() && got == nullptr, "a value", got);
  if (IsFloat(*values[0]->type)) {
    double greatest = NAN;
    for (const auto& value : values) {
      const double magnitude = std::fabs(DoubleOf(*value));
      if (!std::isnan(magnitude) && !(magnitude <= greatest)) greatest = magnitude;
    }
    return ExpectNear(greatest, got, 0);
  }
  arrow::Decimal256 greatest(0);
  for (const auto& value : values) greatest = std::max(greatest, arrow::Decimal256(arrow::Decimal256::Abs(*IntegerOf(*value))));
  return Expect(*IntegerOf(*got) == greatest, "wanted " + greatest.ToIntegerString(), got);
}

std::vector<double> SortedNumbers(const std::vector<ScalarPtr>& values) {
  std::vector<double> numbers;
  for (const auto& value : values) {
    if (!std::isnan(NumberOf(*value))) numbers.push_back(NumberOf(*value));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string WrongQuantile(const std::vector<ScalarPtr>& values, double quantile, const ScalarPtr& got) {
  const auto numbers = SortedNumbers(values);
  if (numbers.empty()) return Expect(got == nullptr, "null", got);
  const double place = quantile * static_cast<double>(numbers.size() - 1);
  const double lower = numbers[static_cast<size_t>(std::floor(place))], upper = numbers[static_cast<size_t>(std::ceil(place))];
  const double share = place - std::floor(place);
  return ExpectNear(share == 0 || lower == upper ? lower : lower * (1 - share) + upper * share, got, 1e-15);
}

std::string WrongApproximation(const std::vector<ScalarPtr>& values, const AggregateSpec& spec, const ScalarPtr& got) {
  const auto numbers = SortedNumbers(values);
  if (numbers.empty()) return Expect(got == nullptr, "null", got);
  const auto& list = static_cast<const arrow::DoubleArray&>(*static_cast<const arrow::ListScalar&>(*got).value);
  for (size_t i = 0; i < spec.quantiles.size(); ++i) {
    const double rank = std::max(std::ceil(spec.quantiles[i] * static_cast<double>(numbers.size())) - 1, 0.0);
    const auto wrong = ExpectNear(numbers[static_cast<size_t>(rank)], *list.GetScalar(static_cast<int64_t>(i)), 1.0 / spec.precision);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

struct Counted {
  int64_t row;
  int64_t count;
};

/// The distinct values in order, each by a row that has it.
std::vector<Counted> DistinctRows(const arrow::Array& column, Rows rows, bool ignore_nulls) {
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t left, int64_t right) { return CompareRows(column, left, column, right) < 0; });
  std::vector<Counted> distinct;
  for (const int64_t row : rows) {
    if (ignore_nulls && At(column, row) == nullptr) continue;
    if (distinct.empty() || CompareRows(column, distinct.back().row, column, row) != 0) distinct.push_back({row, 0});
    ++distinct.back().count;
  }
  return distinct;
}

std::string WrongValues(const arrow::Array& column, const std::vector<Counted>& wanted, const arrow::Array& got) {
  if (got.length() != static_cast<int64_t>(wanted.size())) return "wanted " + std::to_string(wanted.size()) + " values, got " + got.ToString();
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (CompareRows(column, wanted[i].row, got, static_cast<int64_t>(i)) != 0) return "value " + std::to_string(i) + " of " + got.ToString();
  }
  return "";
}

std::string WrongCounts(const std::vector<Counted>& wanted, const arrow::Array& got) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (static_cast<const arrow::Int64Array&>(got).Value(static_cast<int64_t>(i)) != wanted[i].count) return "count " + std::to_string(i) + " of " + got.ToString();
  }
  return "";
}

const arrow::Array& ListOf(const ScalarPtr& scalar) { return *static_cast<const arrow::BaseListScalar&>(*scalar).value; }

std::string WrongTop(const arrow::Array& column, std::vector<Counted> wanted, int64_t k, const ScalarPtr& got) {
  std::stable_sort(wanted.begin(), wanted.end(), [](const Counted& left, const Counted& right) { return left.count > right.count; });
  if (static_cast<int64_t>(wanted.size()) > k) wanted.resize(static_cast<size_t>(k));
  const auto& structs = static_cast<const arrow::StructArray&>(ListOf(got));
  const auto wrong = WrongValues(column, wanted, *structs.field(0));
  return wrong.empty() ? WrongCounts(wanted, *structs.field(1)) : wrong;
}

std::string WrongCounter(const arrow::Array& column, const std::vector<Counted>& wanted, const ScalarPtr& got) {
  const auto& fields = static_cast<const arrow::StructScalar&>(*got).value;
  const auto wrong = WrongValues(column, wanted, ListOf(fields[0]));
  return wrong.empty() ? WrongCounts(wanted, ListOf(fields[1])) : wrong;
}

/// The oracle gives no row numbers: lists are in the order of values.
std::vector<Counted> AllRows(const arrow::Array& column, const Rows& rows, bool ignore_nulls) {
  std::vector<Counted> all;
  for (const auto& [row, count] : DistinctRows(column, rows, ignore_nulls)) all.insert(all.end(), static_cast<size_t>(count), {row, 1});
  return all;
}

std::string WrongCount(int64_t wanted, const ScalarPtr& got) {
  return Expect(got != nullptr && static_cast<const arrow::Int64Scalar&>(*got).value == wanted, "wanted " + std::to_string(wanted), got);
}

std::string WrongPercentage(int64_t part, int64_t all, const ScalarPtr& got) {
  if (all == 0) return Expect(got == nullptr, "null", got);
  return ExpectNear(100.0 * static_cast<double>(part) / static_cast<double>(all), got, 1e-15);
}

bool NullBecomesNull(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::kSum:
    case AggregateKind::kMin:
    case AggregateKind::kMax:
    case AggregateKind::kMean:
    case AggregateKind::kStd:
    case AggregateKind::kAbsMax:
    case AggregateKind::kQuantile: return true;
    default: return false;
  }
}

}  // namespace

int CompareRows(const arrow::Array& left, int64_t i, const arrow::Array& right, int64_t j) { return CompareScalars(*left.GetScalar(i), *right.GetScalar(j)); }

std::vector<Rows> GroupRows(const std::vector<std::shared_ptr<arrow::Array>>& keys, int64_t rows) {
  const auto compare = [&](int64_t left, int64_t right) {
    for (const auto& key : keys) {
      if (const int order = CompareRows(*key, left, *key, right)) return order;
    }
    return 0;
  };
  Rows order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t left, int64_t right) { return compare(left, right) < 0; });
  std::vector<Rows> groups;
  if (keys.empty()) return {order};
  for (const int64_t row : order) {
    if (groups.empty() || compare(groups.back().front(), row) != 0) groups.emplace_back();
    groups.back().push_back(row);
  }
  return groups;
}

std::string WrongAggregate(const AggregateSpec& spec, const arrow::Array* column, const Rows& rows, const arrow::Array& result, int64_t row) {
  const auto got = At(result, row);
  const auto all = static_cast<int64_t>(rows.size());
  if (column == nullptr) return WrongCount(all, got);
  const auto values = ValuesOf(*column, rows);
  const auto valid = static_cast<int64_t>(values.size());
  if (!spec.ignore_nulls && valid < all && NullBecomesNull(spec.kind)) return Expect(got == nullptr, "null", got);
  const auto count_if = [&](auto test) { return std::count_if(values.begin(), values.end(), test); };
  switch (spec.kind) {
    case AggregateKind::kCount: return WrongCount(spec.ignore_nulls ? valid : all, got);
    case AggregateKind::kSum: return WrongSum(values, got, false);
    case AggregateKind::kMean: return WrongSum(values, got, true);
    case AggregateKind::kStd: return WrongDeviation(values, spec.ddof, got);
    case AggregateKind::kMin: return WrongExtreme(values, false, got);
    case AggregateKind::kMax: return WrongExtreme(values, true, got);
    case AggregateKind::kAbsMax: return WrongAbsolute(values, got);
    case AggregateKind::kMissingPercentage:
      return WrongPercentage(all - valid + count_if([](const auto& value) { return IsFloat(*value->type) && std::isnan(DoubleOf(*value)); }), all, got);
    case AggregateKind::kZeroPercentage: return WrongPercentage(count_if([](const auto& value) { return NumberOf(*value) == 0; }), spec.ignore_nulls ? valid : all, got);
    case AggregateKind::kQuantile: return WrongQuantile(values, spec.quantile, got);
    case AggregateKind::kApproximateQuantile: return WrongApproximation(values, spec, got);
    case AggregateKind::kApproximateTopK: return WrongTop(*column, DistinctRows(*column, rows, true), spec.k, got);
    case AggregateKind::kUnique: return WrongValues(*column, DistinctRows(*column, rows, spec.ignore_nulls), ListOf(got));
    case AggregateKind::kCountDistinct: return WrongCount(static_cast<int64_t>(DistinctRows(*column, rows, spec.ignore_nulls).size()), got);
    case AggregateKind::kValueCounter: return WrongCounter(*column, DistinctRows(*column, rows, spec.ignore_nulls), got);
    case AggregateKind::kAsList: return WrongValues(*column, AllRows(*column, rows, spec.ignore_nulls), ListOf(got));
  }
  return "no such kind";
}

}  // namespace millstream::testing_support
