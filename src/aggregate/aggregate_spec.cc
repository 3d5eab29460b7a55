#include "aggregate/aggregate_spec.h"

#include <cmath>

#include "aggregate/numbers.h"
#include "aggregate/ordered_bytes.h"
#include "column/gather.h"

namespace millstream {
namespace {

using TypePtr = std::shared_ptr<arrow::DataType>;
using TypeResult = Result<TypePtr>;

std::string OnColumn(const AggregateSpec& spec, const arrow::Field& field) {
  return std::string(NameOf(spec.kind)) + " of column '" + field.name() + "' (" + field.type()->ToString() + ")";
}

Status NoNumber(const AggregateSpec& spec, const arrow::Field& field) {
  return MakeError(ErrorKind::kType, OnColumn(spec, field) + " is not defined: it takes numbers; cast the column to a number type, for instance int64 or float64");
}

Status NoOrder(const AggregateSpec& spec, const arrow::Field& field) {
  return MakeError(ErrorKind::kType, OnColumn(spec, field) + " is not defined: maps, unions and intervals have no order; use a field of it, or cast it to string");
}

Result<NumberForm> NumbersOnly(const AggregateSpec& spec, const arrow::Field& field, const arrow::DataType& type) {
  const NumberForm form = NumberFormOf(type);
  if (form == NumberForm::kNone) return NoNumber(spec, field);
  return form;
}

TypeResult SumType(const AggregateSpec& spec, const arrow::Field& field, const TypePtr& type) {
  ARROW_ASSIGN_OR_RAISE(const NumberForm form, NumbersOnly(spec, field, *type));
  switch (form) {
    case NumberForm::kUnsigned: return arrow::uint64();
    case NumberForm::kFloat: return arrow::float64();
    case NumberForm::kDecimal: break;
    default: return arrow::int64();
  }
  const int32_t scale = static_cast<const arrow::DecimalType&>(*type).scale();
  return type->id() == arrow::Type::DECIMAL256 ? arrow::decimal256(76, scale) : arrow::decimal128(38, scale);
}

TypeResult AbsoluteType(const AggregateSpec& spec, const arrow::Field& field, const TypePtr& type) {
  ARROW_RETURN_NOT_OK(NumbersOnly(spec, field, *type));
  if (type->id() == arrow::Type::BOOL) return NoNumber(spec, field);
  return type;
}

Status CheckQuantile(double quantile) {
  if (quantile >= 0 && quantile <= 1) return Status::OK();
  return MakeError(ErrorKind::kInvalidArgument, "a quantile must be from 0 to 1, got " + std::to_string(quantile));
}

TypeResult QuantileType(const AggregateSpec& spec, const arrow::Field& field, const TypePtr& type) {
  ARROW_RETURN_NOT_OK(AbsoluteType(spec, field, type));
  if (spec.kind == AggregateKind::kQuantile) {
    ARROW_RETURN_NOT_OK(CheckQuantile(spec.quantile));
    return arrow::float64();
  }
  for (const double quantile : spec.quantiles) ARROW_RETURN_NOT_OK(CheckQuantile(quantile));
  if (spec.precision < 2 || spec.precision > (1 << 30)) {
    return MakeError(ErrorKind::kInvalidArgument, "the precision of approximate quantiles must be from 2 to 1073741824, got " + std::to_string(spec.precision));
  }
  return arrow::list(arrow::float64());
}

TypeResult ValuesType(const AggregateSpec& spec, const arrow::Field& field, const TypePtr& type) {
  if (!HasOrder(*type)) return NoOrder(spec, field);
  switch (spec.kind) {
    case AggregateKind::kApproximateTopK:
      if (spec.k < 1) return MakeError(ErrorKind::kInvalidArgument, "k must be at least 1, got " + std::to_string(spec.k));
      return arrow::list(arrow::struct_({arrow::field(field.name(), type), arrow::field("count", arrow::int64())}));
    case AggregateKind::kCountDistinct: return arrow::int64();
    case AggregateKind::kValueCounter:
      return arrow::struct_({arrow::field("values", arrow::list(type)), arrow::field("counts", arrow::list(arrow::int64()))});
    default: return arrow::list(type);
  }
}

TypeResult TypeOfNumbers(const AggregateSpec& spec, const arrow::Field& field, const arrow::DataType& type) {
  ARROW_RETURN_NOT_OK(NumbersOnly(spec, field, type));
  return arrow::float64();
}

TypeResult ResultType(const AggregateSpec& spec, const arrow::Field& field) {
  const auto type = StorageType(field.type());
  switch (spec.kind) {
    case AggregateKind::kCount: return arrow::int64();
    case AggregateKind::kMissingPercentage: return arrow::float64();
    case AggregateKind::kSum: return SumType(spec, field, type);
    case AggregateKind::kAbsMax: return AbsoluteType(spec, field, type);
    case AggregateKind::kMean:
    case AggregateKind::kStd: return TypeOfNumbers(spec, field, *type);
    case AggregateKind::kZeroPercentage:
      ARROW_RETURN_NOT_OK(AbsoluteType(spec, field, type));
      return arrow::float64();
    case AggregateKind::kQuantile:
    case AggregateKind::kApproximateQuantile: return QuantileType(spec, field, type);
    case AggregateKind::kMin:
    case AggregateKind::kMax:
      if (!HasOrder(*type)) return NoOrder(spec, field);
      return type;
    default: return ValuesType(spec, field, type);
  }
}

}  // namespace

std::string_view NameOf(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::kCount: return "count";
    case AggregateKind::kSum: return "sum";
    case AggregateKind::kMin: return "min";
    case AggregateKind::kMax: return "max";
    case AggregateKind::kMean: return "mean";
    case AggregateKind::kStd: return "std";
    case AggregateKind::kAbsMax: return "abs_max";
    case AggregateKind::kMissingPercentage: return "missing_pct";
    case AggregateKind::kZeroPercentage: return "zero_pct";
    case AggregateKind::kQuantile: return "quantile";
    case AggregateKind::kApproximateQuantile: return "approx_quantile";
    case AggregateKind::kApproximateTopK: return "approx_topk";
    case AggregateKind::kUnique: return "unique";
    case AggregateKind::kCountDistinct: return "count_distinct";
    case AggregateKind::kValueCounter: return "value_counter";
    case AggregateKind::kAsList: return "list";
  }
  return "";
}

Result<std::shared_ptr<arrow::Field>> ResultField(const AggregateSpec& spec, const arrow::Schema& input) {
  if (spec.column < 0 && spec.kind == AggregateKind::kCount) return arrow::field(spec.name, arrow::int64(), false);
  if (spec.column < 0 || spec.column >= input.num_fields()) {
    return MakeError(ErrorKind::kInvalidArgument, std::string(NameOf(spec.kind)) + " needs a column of the input, got number " + std::to_string(spec.column));
  }
  ARROW_ASSIGN_OR_RAISE(auto type, ResultType(spec, *input.field(spec.column)));
  return arrow::field(spec.name, std::move(type), spec.kind != AggregateKind::kCount);
}

Status CheckKey(const arrow::Field& field) {
  if (HasOrder(*StorageType(field.type()))) return Status::OK();
  return MakeError(ErrorKind::kType, "column '" + field.name() + "' (" + field.type()->ToString() +
                                         ") cannot be grouped by: maps, unions and intervals have no order; use a field of it, or cast it to string");
}

}  // namespace millstream
