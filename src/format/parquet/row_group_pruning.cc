#include "format/parquet/row_group_pruning.h"

#include <arrow/array.h>
#include <arrow/compute/api.h>
#include <arrow/scalar.h>
#include <parquet/arrow/reader.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <optional>

#include "base/number_order.h"
#include "format/parquet/parquet_guard.h"

namespace millstream {
namespace {

namespace compute = arrow::compute;
using Tree = compute::Expression;
using arrow::Type;

enum class Order : uint8_t { kLess, kEqual, kGreater, kUnknown };

template <typename T>
Order OrderOf(const T& a, const T& b) {
  return a < b ? Order::kLess : a == b ? Order::kEqual : a > b ? Order::kGreater : Order::kUnknown;
}

std::optional<__int128> IntegerOf(const arrow::Scalar& scalar) {
  switch (scalar.type->id()) {
    case Type::INT8: return static_cast<const arrow::Int8Scalar&>(scalar).value;
    case Type::INT16: return static_cast<const arrow::Int16Scalar&>(scalar).value;
    case Type::INT32: return static_cast<const arrow::Int32Scalar&>(scalar).value;
    case Type::INT64: return static_cast<const arrow::Int64Scalar&>(scalar).value;
    case Type::UINT8: return static_cast<const arrow::UInt8Scalar&>(scalar).value;
    case Type::UINT16: return static_cast<const arrow::UInt16Scalar&>(scalar).value;
    case Type::UINT32: return static_cast<const arrow::UInt32Scalar&>(scalar).value;
    case Type::UINT64: return static_cast<const arrow::UInt64Scalar&>(scalar).value;
    default: return std::nullopt;
  }
}

std::optional<double> FloatOf(const arrow::Scalar& scalar) {
  if (scalar.type->id() == Type::FLOAT) return static_cast<const arrow::FloatScalar&>(scalar).value;
  if (scalar.type->id() == Type::DOUBLE) return static_cast<const arrow::DoubleScalar&>(scalar).value;
  return std::nullopt;
}

std::optional<std::string_view> BytesOf(const arrow::Scalar& scalar) {
  if (!arrow::is_base_binary_like(scalar.type->id()) && !arrow::is_binary_view_like(scalar.type->id())) return std::nullopt;
  return static_cast<const arrow::BaseBinaryScalar&>(scalar).view();
}

/// Dates, times and booleans of the very same type.
std::optional<int64_t> CountOf(const arrow::Scalar& scalar) {
  switch (scalar.type->id()) {
    case Type::BOOL: return static_cast<const arrow::BooleanScalar&>(scalar).value;
    case Type::DATE32: return static_cast<const arrow::Date32Scalar&>(scalar).value;
    case Type::DATE64: return static_cast<const arrow::Date64Scalar&>(scalar).value;
    case Type::TIME32: return static_cast<const arrow::Time32Scalar&>(scalar).value;
    case Type::TIME64: return static_cast<const arrow::Time64Scalar&>(scalar).value;
    case Type::TIMESTAMP: return static_cast<const arrow::TimestampScalar&>(scalar).value;
    default: return std::nullopt;
  }
}

/// Dates and times compare by count only when they count the same unit; a time zone does not move an instant.
bool SameCounts(const arrow::DataType& a, const arrow::DataType& b) {
  if (a.id() != b.id()) return false;
  if (a.id() != Type::TIMESTAMP) return a.Equals(b);
  const auto& left = static_cast<const arrow::TimestampType&>(a);
  const auto& right = static_cast<const arrow::TimestampType&>(b);
  return left.unit() == right.unit() && left.timezone().empty() == right.timezone().empty();
}

Order OrderOf(__int128 whole, double number) {
  const double order = OrderOfNumbers(whole, number);
  return order < 0 ? Order::kLess : order == 0 ? Order::kEqual : order > 0 ? Order::kGreater : Order::kUnknown;
}

Order Mirrored(Order order) { return order == Order::kLess ? Order::kGreater : order == Order::kGreater ? Order::kLess : order; }

/// As the kernels compare: numbers of different types by their values (number_functions.h), floats after casting both to a common type.
template <typename Float>
Order Compare(const arrow::Scalar& a, const arrow::Scalar& b) {
  const auto integer_a = IntegerOf(a), integer_b = IntegerOf(b);
  if (integer_a.has_value() && integer_b.has_value()) return OrderOf(*integer_a, *integer_b);
  const auto float_a = FloatOf(a), float_b = FloatOf(b);
  if (integer_a.has_value() && float_b.has_value()) return OrderOf(*integer_a, *float_b);
  if (float_a.has_value() && integer_b.has_value()) return Mirrored(OrderOf(*integer_b, *float_a));
  if (float_a.has_value() && float_b.has_value()) return OrderOf(static_cast<Float>(*float_a), static_cast<Float>(*float_b));
  const auto bytes_a = BytesOf(a), bytes_b = BytesOf(b);
  if (bytes_a.has_value() && bytes_b.has_value()) return OrderOf(*bytes_a, *bytes_b);
  const auto count_a = CountOf(a), count_b = CountOf(b);
  if (count_a.has_value() && count_b.has_value() && SameCounts(*a.type, *b.type)) return OrderOf(*count_a, *count_b);
  return Order::kUnknown;
}

/// What the footer says of one column in one row group.
struct Bounds {
  bool all_null = false;
  bool no_null = false;
  bool is_float = false;
  std::shared_ptr<arrow::Scalar> min;  // null where not known
  std::shared_ptr<arrow::Scalar> max;
};

class Pruner {
 public:
  Pruner(const parquet::FileMetaData& metadata, int row_group) : schema_(*metadata.schema()), group_(metadata.RowGroup(row_group)) {}

  /// False only if the tree is true for no row.
  bool MayBeTrue(const Tree& tree) const {
    if (const auto* literal = tree.literal()) return LiteralMayBe(*literal, true);
    if (tree.call() == nullptr) return MayBeFlag(tree, true);
    const Tree::Call& call = *tree.call();
    const std::string& name = call.function_name;
    if (name == "and_kleene") return MayBeTrue(call.arguments[0]) && MayBeTrue(call.arguments[1]);
    if (name == "or_kleene") return MayBeTrue(call.arguments[0]) || MayBeTrue(call.arguments[1]);
    if (name == "invert") return MayBeFalse(call.arguments[0]);
    if (name == "is_null") return MayBeNull(call.arguments[0]);
    if (name == "is_valid") return MayBeValid(call.arguments[0]);
    if (name == "is_in") return MayBeIn(call);
    return MayCompare(name, call, /*negated=*/false);
  }

 private:
  /// False only if the tree is false for no row; null is neither.
  bool MayBeFalse(const Tree& tree) const {
    if (const auto* literal = tree.literal()) return LiteralMayBe(*literal, false);
    if (tree.call() == nullptr) return MayBeFlag(tree, false);
    const Tree::Call& call = *tree.call();
    const std::string& name = call.function_name;
    if (name == "and_kleene") return MayBeFalse(call.arguments[0]) || MayBeFalse(call.arguments[1]);
    if (name == "or_kleene") return MayBeFalse(call.arguments[0]) && MayBeFalse(call.arguments[1]);
    if (name == "invert") return MayBeTrue(call.arguments[0]);
    if (name == "is_null") return MayBeValid(call.arguments[0]);
    if (name == "is_valid") return MayBeNull(call.arguments[0]);
    return MayCompare(name, call, /*negated=*/true);
  }

  static bool LiteralMayBe(const arrow::Datum& literal, bool wanted) {
    if (!literal.is_scalar()) return true;
    const arrow::Scalar& scalar = *literal.scalar();
    if (!scalar.is_valid) return false;
    return scalar.type->id() != Type::BOOL || static_cast<const arrow::BooleanScalar&>(scalar).value == wanted;
  }

  bool MayBeNull(const Tree& tree) const {
    const auto bounds = BoundsOf(tree);
    return !bounds.has_value() || !bounds->no_null;
  }

  bool MayBeValid(const Tree& tree) const {
    const auto bounds = BoundsOf(tree);
    return !bounds.has_value() || !bounds->all_null;
  }

  bool MayBeFlag(const Tree& tree, bool wanted) const {
    const auto bounds = BoundsOf(tree);
    if (!bounds.has_value()) return true;
    const arrow::BooleanScalar value(wanted);
    return MayHold("equal", *bounds, value);
  }

  bool MayBeIn(const Tree::Call& call) const {
    const auto bounds = BoundsOf(call.arguments[0]);
    if (!bounds.has_value()) return true;
    const auto& options = static_cast<const compute::SetLookupOptions&>(*call.options);
    const auto values = options.value_set.make_array();
    for (int64_t i = 0; i < values->length(); ++i) {
      if (values->IsNull(i)) {
        if (!bounds->no_null) return true;
        continue;
      }
      const auto value = values->GetScalar(i);
      if (!value.ok() || MayHold("equal", *bounds, **value)) return true;
    }
    return false;
  }

  bool MayCompare(std::string name, const Tree::Call& call, bool negated) const {
    static const std::pair<const char*, const char*> kOpposites[] = {{"equal", "not_equal"}, {"less", "greater_equal"}, {"greater", "less_equal"}};
    static const std::pair<const char*, const char*> kMirrored[] = {{"less", "greater"}, {"less_equal", "greater_equal"}};
    auto swap = [&](const auto& pairs) {
      for (const auto& [a, b] : pairs) {
        if (name == a) return static_cast<void>(name = b);
        if (name == b) return static_cast<void>(name = a);
      }
    };
    if (call.arguments.size() != 2) return true;
    const bool mirrored = call.arguments[0].literal() != nullptr;
    const auto* literal = call.arguments[mirrored ? 0 : 1].literal();
    const auto bounds = BoundsOf(call.arguments[mirrored ? 1 : 0]);
    if (literal == nullptr || !literal->is_scalar() || !bounds.has_value()) return true;
    if (negated && bounds->is_float) return !bounds->all_null;
    if (negated) swap(kOpposites);
    if (mirrored) swap(kMirrored);
    return MayHold(name, *bounds, *literal->scalar());
  }

  /// Whether a value within the bounds may be `name` (less, …) than `value`.
  static bool MayHold(const std::string& name, const Bounds& bounds, const arrow::Scalar& value) {
    static const char* kKnown[] = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"};
    const bool known = std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
    if (!known) return true;
    if (bounds.all_null || !value.is_valid) return false;
    if (bounds.min == nullptr || bounds.max == nullptr) return true;
    // A kernel may compare in the narrower float type, which rounds both sides: either reading counts.
    return MayHoldIn<double>(name, bounds, value) || MayHoldIn<float>(name, bounds, value);
  }

  template <typename Float>
  static bool MayHoldIn(const std::string& name, const Bounds& bounds, const arrow::Scalar& value) {
    const Order low = Compare<Float>(*bounds.min, value), high = Compare<Float>(*bounds.max, value);
    if (low == Order::kUnknown || high == Order::kUnknown) return true;
    if (name == "equal") return low != Order::kGreater && high != Order::kLess;
    if (name == "not_equal") return bounds.is_float || BytesOf(value).has_value() || low != Order::kEqual || high != Order::kEqual;
    if (name == "less") return low == Order::kLess;
    if (name == "less_equal") return low != Order::kGreater;
    if (name == "greater") return high == Order::kGreater;
    return high != Order::kLess;
  }

  /// Nothing for what is not a plain column of numbers, strings, times or flags.
  std::optional<Bounds> BoundsOf(const Tree& tree) const {
    const auto* reference = tree.field_ref();
    if (reference == nullptr || reference->name() == nullptr) return std::nullopt;
    const auto root = schema_.group_node()->FieldIndex(*reference->name());
    if (root < 0) return Bounds{.all_null = true};
    const auto& node = schema_.group_node()->field(root);
    if (!node->is_primitive() || node->is_repeated()) return std::nullopt;
    const int column = schema_.ColumnIndex(*node);
    if (column < 0) return std::nullopt;
    auto bounds = GuardParquet([&] { return ReadBounds(column); });
    return bounds.ok() ? std::optional(std::move(*bounds)) : std::nullopt;
  }

  Result<Bounds> ReadBounds(int column) const {
    Bounds bounds;
    const auto chunk = group_->ColumnChunk(column);
    const auto statistics = chunk->statistics();
    const auto physical = schema_.Column(column)->physical_type();
    bounds.is_float = physical == parquet::Type::FLOAT || physical == parquet::Type::DOUBLE;
    bounds.no_null = schema_.Column(column)->max_definition_level() == 0;
    if (statistics == nullptr) return bounds;
    if (statistics->HasNullCount()) {
      bounds.no_null = statistics->null_count() == 0;
      bounds.all_null = statistics->null_count() == group_->num_rows();
    }
    if (!statistics->HasMinMax()) return bounds;
    ARROW_RETURN_NOT_OK(parquet::arrow::StatisticsAsScalars(*statistics, &bounds.min, &bounds.max));
    const Order order = Compare<double>(*bounds.min, *bounds.max);
    if (order != Order::kLess && order != Order::kEqual) bounds.min = bounds.max = nullptr;
    return bounds;
  }

  const parquet::SchemaDescriptor& schema_;
  std::unique_ptr<parquet::RowGroupMetaData> group_;
};

}  // namespace

bool RowGroupMayPass(const parquet::FileMetaData& metadata, int row_group, const arrow::compute::Expression& filter) {
  auto may_pass = GuardParquet([&]() -> Result<bool> { return Pruner(metadata, row_group).MayBeTrue(filter); });
  return !may_pass.ok() || *may_pass;
}

}  // namespace millstream
