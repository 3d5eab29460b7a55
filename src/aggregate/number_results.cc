#include "aggregate/number_results.h"

#include <arrow/buffer.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "aggregate/numbers.h"
#include "aggregate/ordered_word.h"
#include "aggregate/word_types.h"

namespace millstream {
namespace {

using ArrayResult = Result<ArrayDataPtr>;
using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A column of a fixed width, of which each value is written by write(group, bytes), which returns whether it is not null, or fails.
template <typename Write>
ArrayResult FixedColumn(const TypePtr& type, const uint32_t* groups, int64_t count, arrow::MemoryPool* pool, Write write) {
  const int64_t width = static_cast<const arrow::FixedWidthType&>(*type).bit_width() / 8;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(count * width, pool));
  std::memset(buffer->mutable_data(), 0, static_cast<size_t>(buffer->size()));
  PoolVector<uint8_t> valid(pool);
  ARROW_RETURN_NOT_OK(valid.Resize(count));
  for (int64_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const bool is_valid, write(groups[i], buffer->mutable_data() + i * width));
    valid[i] = is_valid;
  }
  ARROW_ASSIGN_OR_RAISE(auto bitmap, BitmapOf(valid.data(), count, pool));
  return arrow::ArrayData::Make(type, count, {std::move(bitmap), std::move(buffer)});
}

/// of(group): a double, or null.
template <typename Of>
ArrayResult DoubleColumn(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool, Of of) {
  return FixedColumn(arrow::float64(), groups, count, pool, [&](uint32_t group, uint8_t* out) -> Result<bool> {
    const std::optional<double> value = of(group);
    if (value.has_value()) std::memcpy(out, &*value, sizeof(double));
    return value.has_value();
  });
}

double ValueOfFlags(uint8_t flags) {
  constexpr uint8_t kBoth = SumState::kInfinity | SumState::kMinusInfinity;
  if ((flags & SumState::kNan) != 0 || (flags & kBoth) == kBoth) return kNaN;
  return (flags & SumState::kInfinity) != 0 ? kInfinity : -kInfinity;
}

double WithSign(const SumState& sums, uint32_t group, double magnitude) { return sums.sums().IsNegative(group) ? -magnitude : magnitude; }

double DoubleSumOf(const SumState& sums, uint32_t group) {
  if (sums.FlagsOf(group) != 0) return ValueOfFlags(sums.FlagsOf(group));
  return WithSign(sums, group, sums.sums().MagnitudeOf(group).ToDouble());
}

/// number / 10^scale.
void Unscale(int32_t scale, WideNumber* number) {
  for (; scale < 0; ++scale) number->Multiply(10);
  for (; scale >= 19; scale -= 19) number->Divide(10'000'000'000'000'000'000U);
  uint64_t power = 1;
  for (; scale > 0; --scale) power *= 10;
  number->Divide(power);
}

double MeanOf(const SumState& sums, uint32_t group, int32_t scale) {
  constexpr int kLowLimbs = 8;  // more than the divisors have
  if (sums.FlagsOf(group) != 0) return ValueOfFlags(sums.FlagsOf(group));
  WideNumber mean = sums.sums().MagnitudeOf(group);
  mean.AddLowLimbs(kLowLimbs);
  mean.Divide(static_cast<uint64_t>(sums.CountOf(group)));
  if (scale != 0) Unscale(scale, &mean);
  return WithSign(sums, group, mean.ToDouble());
}

/// The variance is (n * sum of squares - square of the sum) / (n * (n - ddof)).
double DeviationOf(const SumState& sums, const SumState& squares, uint32_t group, int ddof) {
  const int64_t count = sums.CountOf(group);
  if (sums.FlagsOf(group) != 0 || count <= ddof) return kNaN;
  WideNumber variance = squares.sums().MagnitudeOf(group);
  variance.Multiply(static_cast<uint64_t>(count));
  variance = variance.Minus(sums.sums().MagnitudeOf(group).Square());
  variance.AddLowLimbs(4);
  variance.Divide(static_cast<uint64_t>(count));
  variance.Divide(static_cast<uint64_t>(count - ddof));
  return variance.SquareRoot();
}

double QuantileOf(const NumberLogState& numbers, uint32_t group, double quantile) {
  const double place = quantile * static_cast<double>(numbers.CountOf(group) - 1);
  const double share = place - std::floor(place);
  const double lower = numbers.At(group, static_cast<int64_t>(std::floor(place))), upper = numbers.At(group, static_cast<int64_t>(std::ceil(place)));
  return share == 0 || lower == upper ? lower : (1 - share) * lower + share * upper;
}

Status DoesNotFit(const std::string& what, const std::string& column, const TypePtr& type) {
  return MakeError(ErrorKind::kInvalidArgument,
                   what + " of column '" + column + "' does not fit " + type->ToString() + " in at least one group; cast the column before, as in with_column('" +
                       column + "', col('" + column + "').cast('float64', safe=False))");
}

/// Writes the sum where it fits.
bool WriteInteger(const SumState& sums, uint32_t group, bool is_signed, uint8_t* out) {
  const uint64_t* limbs = sums.sums().LimbsOf(group);
  std::memcpy(out, limbs, sizeof(uint64_t));
  return limbs[1] == (is_signed && limbs[0] >> 63 != 0 ? UINT64_MAX : 0);
}

template <typename Decimal>
bool WriteDecimal(const SumState& sums, uint32_t group, int digits, uint8_t* out) {
  constexpr int kLimbs = Decimal::kByteWidth / 8;
  const uint64_t* limbs = sums.sums().LimbsOf(group);
  const uint64_t sign = limbs[kLimbs - 1] >> 63 != 0 ? UINT64_MAX : 0;
  for (int i = kLimbs; i < sums.sums().limbs(); ++i) {
    if (limbs[i] != sign) return false;
  }
  std::memcpy(out, limbs, Decimal::kByteWidth);
  return Decimal(out).FitsInPrecision(digits);
}

bool WriteSum(const SumState& sums, uint32_t group, const arrow::DataType& type, uint8_t* out) {
  switch (type.id()) {
    case arrow::Type::DECIMAL128: return WriteDecimal<arrow::Decimal128>(sums, group, 38, out);
    case arrow::Type::DECIMAL256: return WriteDecimal<arrow::Decimal256>(sums, group, 76, out);
    default: return WriteInteger(sums, group, type.id() == arrow::Type::INT64, out);
  }
}

// Absolute values: each makes the greater of |least[i]| and |greatest[i]|, false where it does not fit.

void AbsoluteDoubles(const arrow::ArrayData& least, const arrow::ArrayData& greatest, int64_t row, uint8_t* out) {
  double low = 0, high = 0;
  LoadDoubles(least, row, 1, &low);
  LoadDoubles(greatest, row, 1, &high);
  const double value = std::isnan(low) ? low : std::max(std::fabs(low), std::fabs(high));
  VisitWordType(least.type->id(), [&](auto tag) {
    using Values = WordValues<typename decltype(tag)::Type>;
    const auto stored = Values::Store(static_cast<typename Values::Value>(value));
    std::memcpy(out, &stored, sizeof(stored));
  });
}

bool AbsoluteIntegers(const arrow::ArrayData& least, const arrow::ArrayData& greatest, int64_t row, int width, uint8_t* out) {
  uint64_t low = 0, high = 0;
  LoadIntegers(least, row, 1, &low);
  LoadIntegers(greatest, row, 1, &high);
  if (NumberFormOf(*least.type) == NumberForm::kSigned) {
    low = low >> 63 != 0 ? 0 - low : low;
    high = high >> 63 != 0 ? 0 - high : high;
  }
  const uint64_t value = std::max(low, high);
  std::memcpy(out, &value, static_cast<size_t>(width));
  return NumberFormOf(*least.type) == NumberForm::kUnsigned || value >> (width * 8 - 1) == 0;
}

void AbsoluteDecimals(const arrow::ArrayData& least, const arrow::ArrayData& greatest, int64_t row, int width, uint8_t* out) {
  std::array<uint64_t, 4> low, high;
  LoadDecimals(least, row, 1, low.data());
  LoadDecimals(greatest, row, 1, high.data());
  const auto magnitude = [](const std::array<uint64_t, 4>& limbs) {
    return arrow::Decimal256(arrow::Decimal256::Abs(arrow::BasicDecimal256(arrow::BasicDecimal256::LittleEndianArray, limbs)));
  };
  std::memcpy(out, std::max(magnitude(low), magnitude(high)).native_endian_bytes(), static_cast<size_t>(width));
}

bool WriteAbsolute(const arrow::ArrayData& least, const arrow::ArrayData& greatest, int64_t row, int width, uint8_t* out) {
  switch (NumberFormOf(*least.type)) {
    case NumberForm::kFloat: return AbsoluteDoubles(least, greatest, row, out), true;
    case NumberForm::kDecimal: return AbsoluteDecimals(least, greatest, row, width, out), true;
    default: return AbsoluteIntegers(least, greatest, row, width, out);
  }
}

}  // namespace

ResultMaker CountResult(const CountState* counts) {
  return [counts](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) {
    return FixedColumn(arrow::int64(), groups, count, pool, [&](uint32_t group, uint8_t* out) -> Result<bool> {
      const int64_t value = counts->CountOf(group);
      std::memcpy(out, &value, sizeof(value));
      return true;
    });
  };
}

ResultMaker SumResult(const SumState* sums, const TypePtr& type, const TypePtr& result, const std::string& column, GroupTest is_null) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) {
    return FixedColumn(result, groups, count, pool, [&](uint32_t group, uint8_t* out) -> Result<bool> {
      if (sums->CountOf(group) == 0 || is_null(group)) return false;
      if (NumberFormOf(*type) == NumberForm::kFloat) {
        const double value = DoubleSumOf(*sums, group);
        std::memcpy(out, &value, sizeof(value));
        return true;
      }
      if (!WriteSum(*sums, group, *result, out)) return DoesNotFit("the sum", column, result);
      return true;
    });
  };
}

ResultMaker MeanResult(const SumState* sums, const TypePtr& type, GroupTest is_null) {
  const int32_t scale = NumberFormOf(*type) == NumberForm::kDecimal ? static_cast<const arrow::DecimalType&>(*type).scale() : 0;
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) {
    return DoubleColumn(groups, count, pool, [&](uint32_t group) -> std::optional<double> {
      if (sums->CountOf(group) == 0 || is_null(group)) return std::nullopt;
      return MeanOf(*sums, group, scale);
    });
  };
}

ResultMaker DeviationResult(const SumState* sums, const SumState* squares, int ddof, GroupTest is_null) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) {
    return DoubleColumn(groups, count, pool, [&](uint32_t group) -> std::optional<double> {
      if (sums->CountOf(group) == 0 || is_null(group)) return std::nullopt;
      return DeviationOf(*sums, *squares, group, ddof);
    });
  };
}

ResultMaker AbsoluteResult(const ExtremeState* least, const ExtremeState* greatest, const std::string& column, GroupTest is_null) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) -> ArrayResult {
    ARROW_ASSIGN_OR_RAISE(const auto low, least->Values(groups, count, pool));
    ARROW_ASSIGN_OR_RAISE(const auto high, greatest->Values(groups, count, pool));
    if (low->type->id() == arrow::Type::NA) return low;
    const int width = static_cast<const arrow::FixedWidthType&>(*low->type).bit_width() / 8;
    int64_t row = 0;
    return FixedColumn(low->type, groups, count, pool, [&](uint32_t group, uint8_t* out) -> Result<bool> {
      uint8_t valid = 0;
      FillValid(*low, row, 1, &valid);
      if (!WriteAbsolute(*low, *high, row++, width, out)) return DoesNotFit("the greatest absolute value", column, low->type);
      return valid != 0 && !is_null(group);
    });
  };
}

ResultMaker QuantileResult(const NumberLogState* numbers, double quantile, GroupTest is_null) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) {
    return DoubleColumn(groups, count, pool, [&](uint32_t group) -> std::optional<double> {
      if (numbers->CountOf(group) == 0 || is_null(group)) return std::nullopt;
      return QuantileOf(*numbers, group, quantile);
    });
  };
}

ResultMaker PercentageResult(const CountState* part, const CountState* all) {
  return [=](const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) {
    return DoubleColumn(groups, count, pool, [&](uint32_t group) -> std::optional<double> {
      if (all->CountOf(group) == 0) return std::nullopt;
      return static_cast<double>(part->CountOf(group)) / static_cast<double>(all->CountOf(group)) * 100;
    });
  };
}

ArrayResult WithNulls(ArrayDataPtr values, const uint32_t* groups, const GroupTest& is_null, arrow::MemoryPool* pool) {
  if (values->type->id() == arrow::Type::NA) return values;
  PoolVector<uint8_t> valid(pool);
  ARROW_RETURN_NOT_OK(valid.Resize(values->length));
  FillValid(*values, 0, values->length, valid.data());
  for (int64_t i = 0; i < values->length; ++i) valid[i] &= is_null(groups[i]) ? 0 : 1;
  ARROW_ASSIGN_OR_RAISE(values->buffers[0], BitmapOf(valid.data(), values->length, pool));
  values->SetNullCount(arrow::kUnknownNullCount);
  return values;
}

}  // namespace millstream
