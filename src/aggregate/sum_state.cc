#include "aggregate/sum_state.h"

#include <arrow/array/builder_binary.h>
#include <arrow/buffer.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "aggregate/ordered_word.h"

namespace millstream {
namespace {

constexpr int kDoubleExponent = -1074;     // of the lowest bit of any double
constexpr int kDoublePositions = 2098;     // bits that doubles take

/// A double's finite value is mantissa * 2^(position + kDoubleExponent).
struct DoubleParts {
  explicit DoubleParts(double value) : bits(std::bit_cast<uint64_t>(value)) {}
  int exponent_bits() const { return static_cast<int>(bits >> 52 & 0x7ff); }
  bool finite() const { return exponent_bits() != 0x7ff; }
  bool zero() const { return bits << 1 == 0; }
  bool negative() const { return bits >> 63 != 0; }
  int position() const { return std::max(exponent_bits(), 1) - 1; }
  uint64_t mantissa() const { return (bits & ((uint64_t{1} << 52) - 1)) | static_cast<uint64_t>(exponent_bits() != 0) << 52; }
  const uint64_t bits;
};

uint8_t FlagOf(double value) {
  if (std::isnan(value)) return SumState::kNan;
  return value > 0 ? SumState::kInfinity : SumState::kMinusInfinity;
}

/// The bits that the finite values of a block take, and whether there are others.
struct DoubleRange {
  void Include(const double* values, int64_t count) {
    int least = 0x7ff, greatest = 0;
    for (int64_t i = 0; i < count; ++i) {
      const DoubleParts parts(values[i]);
      const int exponent = parts.exponent_bits();
      least = std::min(least, parts.zero() ? 0x7ff : exponent);
      greatest = std::max(greatest, exponent);
    }
    if (greatest == 0x7ff) return IncludeOddOnes(values, count);
    if (least != 0x7ff) bits.Include({std::max(least, 1) - 1, std::max(greatest, 1) - 1 + 53});
  }
  void IncludeOddOnes(const double* values, int64_t count) {
    all_finite = false;
    for (int64_t i = 0; i < count; ++i) {
      const DoubleParts parts(values[i]);
      if (parts.finite() && !parts.zero()) bits.Include({parts.position(), parts.position() + 53});
    }
  }
  BitRange bits;
  bool all_finite = true;
};

constexpr int kBlock = static_cast<int>(AggregateState::kBlockRows);
constexpr int kAhead = 16;  // rows whose records are fetched in advance

/// Calls block(begin, count) for the rows, and fetches the records' lines before.
template <typename Block>
void ForEachBlock(const GroupedRows& rows, Block block) {
  for (int64_t begin = 0; begin < rows.rows; begin += kBlock) block(begin, std::min<int64_t>(kBlock, rows.rows - begin));
}

class IntegerSum final : public SumState {
 public:
  IntegerSum(bool is_signed, arrow::MemoryPool* pool) : SumState(2, 0, pool), is_signed_(is_signed) {}
  Status Prepare(const GroupedRows& rows) override { return GrowTo(rows.group_count, {}); }
  void Apply(const GroupedRows& rows) override {
    ForEachBlock(rows, [&](int64_t begin, int64_t count) {
      std::array<uint64_t, kBlock> numbers;
      std::array<uint8_t, kBlock> valid;
      LoadIntegers(*rows.values, begin, count, numbers.data());
      FillValid(*rows.values, begin, count, valid.data());
      for (int64_t i = 0; i < count; ++i) Add(rows.groups[begin + i], numbers[i], valid[i]);
    });
  }

 private:
  void Add(uint32_t group, uint64_t number, uint8_t valid) {
    uint64_t* record = records_.Record(group);
    const uint64_t sign = is_signed_ && number >> 63 != 0 ? UINT64_MAX : 0;
    record[0] += valid;
    const uint64_t low = record[1] + number;
    record[2] += sign + (low < number ? 1 : 0);
    record[1] = low;
  }
  const bool is_signed_;
};

class IntegerSquares final : public SumState {
 public:
  IntegerSquares(bool is_signed, arrow::MemoryPool* pool) : SumState(3, 0, pool), is_signed_(is_signed) {}
  Status Prepare(const GroupedRows& rows) override { return GrowTo(rows.group_count, {}); }
  void Apply(const GroupedRows& rows) override {
    ForEachBlock(rows, [&](int64_t begin, int64_t count) {
      std::array<uint64_t, kBlock> numbers;
      std::array<uint8_t, kBlock> valid;
      LoadIntegers(*rows.values, begin, count, numbers.data());
      FillValid(*rows.values, begin, count, valid.data());
      for (int64_t i = 0; i < count; ++i) {
        uint64_t* record = records_.Record(rows.groups[begin + i]);
        const uint64_t magnitude = is_signed_ && numbers[i] >> 63 != 0 ? 0 - numbers[i] : numbers[i];
        record[0] += valid[i];
        AddSquare(record + 1, static_cast<unsigned __int128>(magnitude) * magnitude, 0);
      }
    });
  }

 private:
  const bool is_signed_;
};

class DecimalSum final : public SumState {
 public:
  DecimalSum(int bits, arrow::MemoryPool* pool) : SumState(bits > 128 ? 5 : 3, 0, pool) {}
  Status Prepare(const GroupedRows& rows) override { return GrowTo(rows.group_count, {}); }
  void Apply(const GroupedRows& rows) override {
    ForEachBlock(rows, [&](int64_t begin, int64_t count) {
      std::array<uint64_t, kBlock * 4> numbers;
      std::array<uint8_t, kBlock> valid;
      LoadDecimals(*rows.values, begin, count, numbers.data());
      FillValid(*rows.values, begin, count, valid.data());
      for (int64_t i = 0; i < count; ++i) Add(rows.groups[begin + i], numbers.data() + i * 4, valid[i]);
    });
  }

 private:
  void Add(uint32_t group, const uint64_t* number, uint8_t valid) {
    uint64_t* record = records_.Record(group);
    record[0] += valid;
    unsigned __int128 carry = 0;
    for (int i = 0; i < limbs_fixed_; ++i) {
      carry += static_cast<unsigned __int128>(record[1 + i]) + number[std::min(i, 3)];
      record[1 + i] = static_cast<uint64_t>(carry);
      carry >>= 64;
    }
  }
};

/// The sum of the values, or of their squares.
template <bool kSquares>
class DoubleSum final : public SumState {
 public:
  explicit DoubleSum(arrow::MemoryPool* pool) : SumState(0, kSquares ? 2 * kDoubleExponent : kDoubleExponent, pool) {}

  Status Prepare(const GroupedRows& rows) override {
    DoubleRange range;
    ForEachBlock(rows, [&](int64_t begin, int64_t count) {
      std::array<double, kBlock> numbers;
      range.Include(Load(rows, begin, count, numbers.data()), count);
    });
    all_finite_ = range.all_finite;
    if (!all_finite_) ARROW_RETURN_NOT_OK(flags_.Grow(rows.group_count, 0));
    if (kSquares && !range.bits.empty()) range.bits = {2 * range.bits.low, 2 * range.bits.high};
    return GrowTo(rows.group_count, range.bits);
  }

  void Apply(const GroupedRows& rows) override {
    if (records_.limbs() == 3) return AddAll<3>(rows);
    if (records_.limbs() == 4) return AddAll<4>(rows);
    AddAll<0>(rows);
  }

 private:
  /// The doubles where they are, if that can be.
  static const double* Load(const GroupedRows& rows, int64_t begin, int64_t count, double* scratch) {
    if (rows.values->type->id() == arrow::Type::DOUBLE && !rows.values->MayHaveNulls()) return rows.values->GetValues<double>(1) + begin;
    LoadDoubles(*rows.values, begin, count, scratch);
    return scratch;
  }

  template <int kLimbs>
  void AddAll(const GroupedRows& rows) {
    ForEachBlock(rows, [&](int64_t begin, int64_t count) {
      std::array<double, kBlock> scratch;
      std::array<uint8_t, kBlock> valid;
      const double* numbers = Load(rows, begin, count, scratch.data());
      FillValid(*rows.values, begin, count, valid.data());
      if (!all_finite_) numbers = SetFlags(rows.groups + begin, numbers, count, scratch.data());
      const uint32_t* groups = rows.groups + begin;
      for (int64_t i = 0; i < count; ++i) {
        if (i + kAhead < count) __builtin_prefetch(records_.Record<kLimbs>(groups[i + kAhead]));
        AddOne<kLimbs>(groups[i], numbers[i], valid[i]);
      }
    });
  }

  /// The numbers with zeros for those that are flags.
  const double* SetFlags(const uint32_t* groups, const double* numbers, int64_t count, double* out) {
    for (int64_t i = 0; i < count; ++i) {
      const bool finite = DoubleParts(numbers[i]).finite();
      if (!finite) flags_[groups[i]] |= FlagOf(numbers[i]);
      out[i] = finite ? numbers[i] : 0;
    }
    return out;
  }

  template <int kLimbs>
  void AddOne(uint32_t group, double number, uint8_t valid) {
    [[maybe_unused]] const int limbs = kLimbs == 0 ? records_.limbs() : kLimbs;
    uint64_t* record = records_.Record<kLimbs>(group);
    const DoubleParts parts(number);
    record[0] += valid;
    if (parts.zero()) return;
    const uint64_t mantissa = parts.mantissa();
    if constexpr (kSquares) {
      AddSquare(record + 1, static_cast<unsigned __int128>(mantissa) * mantissa, 2 * parts.position() - records_.base());
    } else if constexpr (kLimbs == 3) {
      AddToThree(record + 1, mantissa, parts.position() - records_.base(), parts.negative());
    } else {
      AddShifted(record + 1, limbs, mantissa, parts.position() - records_.base(), parts.negative());
    }
  }

  bool all_finite_ = true;  // of the batch that was prepared
};

// A partial sum as bytes: the base, 4 bytes, then the limbs.

struct PartialSum {
  explicit PartialSum(const arrow::ArrayData& column, int64_t row) {
    const auto* offsets = column.GetValues<int32_t>(1) + row;
    size = offsets[1] - offsets[0];
    bytes = size == 0 ? nullptr : column.buffers[2]->data() + offsets[0];
  }
  /// Whether it is one of those that Partials writes, of `positions` bits at most.
  bool IsWhole(int positions) const {
    return size >= 12 && size < 4096 && (size - 4) % 8 == 0 && base() >= 0 && base() % 64 == 0 && base() <= positions && base() + limbs() * 64 <= positions;
  }
  int base() const {
    int32_t value;
    std::memcpy(&value, bytes, 4);
    return value;
  }
  int limbs() const { return (size - 4) / 8; }
  uint64_t limb(int i) const {
    uint64_t value;
    std::memcpy(&value, bytes + 4 + 8 * i, 8);
    return value;
  }
  uint64_t sign() const { return limb(limbs() - 1) >> 63 != 0 ? UINT64_MAX : 0; }
  /// Of the limbs that are not 0.
  BitRange range() const {
    int first = 0, last = limbs() - 1;
    while (first < limbs() && limb(first) == 0) ++first;
    if (first == limbs()) return {};
    while (last > first && limb(last) == sign()) --last;
    return {base() + 64 * first, base() + 64 * (last + 1)};
  }

  const uint8_t* bytes;
  int size;
};

/// Limbs of the partial below `base` are 0.
void AddPartial(const PartialSum& partial, int base, int limbs, uint64_t* to) {
  const int skipped = (partial.base() - base) / 64;
  unsigned __int128 carry = 0;
  for (int i = std::max(skipped, 0); i < limbs; ++i) {
    carry += static_cast<unsigned __int128>(to[i]) + (i - skipped < partial.limbs() ? partial.limb(i - skipped) : partial.sign());
    to[i] = static_cast<uint64_t>(carry);
    carry >>= 64;
  }
}

Status DamagedSum() { return MakeError(ErrorKind::kCorruptData, "a partial sum of an aggregation does not have the form that it was written in"); }

}  // namespace

std::unique_ptr<SumState> SumState::Make(const arrow::DataType& type, arrow::MemoryPool* pool) {
  switch (NumberFormOf(type)) {
    case NumberForm::kSigned: return std::make_unique<IntegerSum>(true, pool);
    case NumberForm::kUnsigned: return std::make_unique<IntegerSum>(false, pool);
    case NumberForm::kDecimal: return std::make_unique<DecimalSum>(type.bit_width(), pool);
    default: return std::make_unique<DoubleSum<false>>(pool);
  }
}

std::unique_ptr<SumState> SumState::MakeOfSquares(const arrow::DataType& type, arrow::MemoryPool* pool) {
  switch (NumberFormOf(type)) {
    case NumberForm::kSigned: return std::make_unique<IntegerSquares>(true, pool);
    case NumberForm::kUnsigned: return std::make_unique<IntegerSquares>(false, pool);
    default: return std::make_unique<DoubleSum<true>>(pool);
  }
}

/// Limbs of any sum lie below: two more for what stands above the values, one for where the base is.
int SumState::positions_max() const { return limbs_fixed_ != 0 ? 64 * limbs_fixed_ : kDoublePositions * (sums().exponent() / kDoubleExponent) + 192; }

Status SumState::GrowTo(int64_t group_count, BitRange range) { return records_.Prepare(group_count, limbs_fixed_ != 0 ? BitRange{} : range); }

arrow::FieldVector SumState::partial_fields() const {
  return {arrow::field("count", arrow::int64(), false), arrow::field("flags", arrow::uint8(), false), arrow::field("sum", arrow::binary(), false)};
}

Status SumState::PrepareMerge(const GroupedPartials& partials) {
  const auto* flags = partials.columns[1]->GetValues<uint8_t>(1);
  BitRange range;
  bool all_finite = true;
  for (int64_t i = 0; i < partials.rows; ++i) {
    const PartialSum partial(*partials.columns[2], i);
    if (!partial.IsWhole(positions_max()) || (limbs_fixed_ != 0 && partial.limbs() != limbs_fixed_)) return DamagedSum();
    range.Include(partial.range());
    all_finite &= flags[i] == 0;
  }
  if (!all_finite) ARROW_RETURN_NOT_OK(flags_.Grow(partials.group_count, 0));
  return GrowTo(partials.group_count, range);
}

void SumState::Merge(const GroupedPartials& partials) {
  const auto* counts = partials.columns[0]->GetValues<int64_t>(1);
  const auto* flags = partials.columns[1]->GetValues<uint8_t>(1);
  for (int64_t i = 0; i < partials.rows; ++i) {
    const uint32_t group = partials.groups[i];
    uint64_t* record = records_.Record(group);
    record[0] += static_cast<uint64_t>(counts[i]);
    if (flags[i] != 0) flags_[group] |= flags[i];
    const PartialSum partial(*partials.columns[2], i);
    if (!partial.range().empty()) AddPartial(partial, records_.base(), records_.limbs(), record + 1);
  }
}

Result<ArrayDataVector> SumState::Partials(const uint32_t* groups, int64_t count, arrow::MemoryPool* pool) const {
  const int64_t width = 4 + 8 * records_.limbs();
  if (count * width > INT32_MAX) return MakeError(ErrorKind::kInvalidArgument, "too many groups for one batch of partials; take fewer at once");
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> counts, arrow::AllocateBuffer(count * 8, pool));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> flags, arrow::AllocateBuffer(count, pool));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> offsets, arrow::AllocateBuffer((count + 1) * 4, pool));
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> sums, arrow::AllocateBuffer(count * width, pool));
  const int32_t base = records_.base();
  for (int64_t i = 0; i < count; ++i) {
    counts->mutable_data_as<int64_t>()[i] = records_.CountOf(groups[i]);
    flags->mutable_data()[i] = FlagsOf(groups[i]);
    uint8_t* out = sums->mutable_data() + i * width;
    std::memcpy(out, &base, 4);
    std::memcpy(out + 4, records_.LimbsOf(groups[i]), static_cast<size_t>(width - 4));
  }
  for (int64_t i = 0; i <= count; ++i) offsets->mutable_data_as<int32_t>()[i] = static_cast<int32_t>(i * width);
  return ArrayDataVector{arrow::ArrayData::Make(arrow::int64(), count, {nullptr, std::move(counts)}, 0),
                         arrow::ArrayData::Make(arrow::uint8(), count, {nullptr, std::move(flags)}, 0),
                         arrow::ArrayData::Make(arrow::binary(), count, {nullptr, std::move(offsets), std::move(sums)}, 0)};
}

void SumState::Release() {
  records_.Release();
  flags_.Release();
}

}  // namespace millstream
