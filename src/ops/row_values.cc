#include "ops/row_values.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>

#include <array>
#include <utility>

#include "base/random.h"

namespace millstream {
namespace {

constexpr int kRowBits = 40;
constexpr int kSourceBits = 23;
constexpr int kUuidLength = 36;

/// Keeps values of one seed apart from each other and from a shuffle's order.
constexpr uint64_t kRandomSalt = 0x52414e444f4d2031ULL;
constexpr uint64_t kUuidSalts[] = {0x5555494420686967ULL, 0x5555494420206c6fULL};

SourceKey KeysOf(const RowValue& value, uint64_t salt, const RowPlaces& places) {
  return MakeSourceKey(MakeEpochKey(Mix64(value.seed ^ salt), value.each_epoch ? places.epoch : 0), places.source);
}

Result<std::shared_ptr<arrow::Array>> IncreasingIds(const RowPlaces& places, int64_t rows, arrow::MemoryPool* pool) {
  if (places.source >= 1U << kSourceBits || places.first_row + rows > int64_t{1} << kRowBits) {
    return MakeError(ErrorKind::kInvalidArgument, "monotonically_increasing_id() numbers 8,388,608 files of 1,099,511,627,776 rows each, and this is row " +
                                                      std::to_string(places.first_row) + " of file " + std::to_string(places.source) + "; number fewer at a time");
  }
  arrow::Int64Builder ids(pool);
  ARROW_RETURN_NOT_OK(ids.Reserve(rows));
  const int64_t first = (static_cast<int64_t>(places.source) << kRowBits) + places.first_row;
  for (int64_t row = 0; row < rows; ++row) ids.UnsafeAppend(first + row);
  return ids.Finish();
}

Result<std::shared_ptr<arrow::Array>> RandomNumbers(const RowValue& value, const RowPlaces& places, int64_t rows, arrow::MemoryPool* pool) {
  const SourceKey keys = KeysOf(value, kRandomSalt, places);
  arrow::DoubleBuilder numbers(pool);
  ARROW_RETURN_NOT_OK(numbers.Reserve(rows));
  for (int64_t row = 0; row < rows; ++row) {
    numbers.UnsafeAppend(static_cast<double>(keys.KeyOfRow(static_cast<uint64_t>(places.first_row + row)) >> 11) * 0x1p-53);
  }
  return numbers.Finish();
}

/// Eight hexadecimal groups of four digits, with dashes as they are written: 8-4-4-4-12.
std::array<char, kUuidLength> UuidText(uint64_t high, uint64_t low) {
  constexpr char kDigits[] = "0123456789abcdef";
  high = (high & ~uint64_t{0xf000}) | 0x4000;           // version 4
  low = (low & ~(uint64_t{3} << 62)) | uint64_t{2} << 62;  // the variant of RFC 9562
  std::array<char, kUuidLength> text;
  char* next = text.data();
  for (int digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) *next++ = '-';
    const uint64_t word = digit < 16 ? high : low;
    *next++ = kDigits[(word >> (60 - 4 * (digit % 16))) & 0xf];
  }
  return text;
}

Result<std::shared_ptr<arrow::Array>> Uuids(const RowValue& value, const RowPlaces& places, int64_t rows, arrow::MemoryPool* pool) {
  const SourceKey high = KeysOf(value, kUuidSalts[0], places);
  const SourceKey low = KeysOf(value, kUuidSalts[1], places);
  arrow::StringBuilder texts(pool);
  ARROW_RETURN_NOT_OK(texts.Reserve(rows));
  ARROW_RETURN_NOT_OK(texts.ReserveData(rows * kUuidLength));
  for (int64_t row = 0; row < rows; ++row) {
    const auto place = static_cast<uint64_t>(places.first_row + row);
    const auto text = UuidText(high.KeyOfRow(place), low.KeyOfRow(place));
    texts.UnsafeAppend(text.data(), kUuidLength);
  }
  return texts.Finish();
}

Result<std::shared_ptr<arrow::Array>> ValuesOf(const RowValue& value, const RowPlaces& places, int64_t rows, arrow::MemoryPool* pool) {
  switch (value.kind) {
    case RowValue::Kind::kIncreasingId:
      return IncreasingIds(places, rows, pool);
    case RowValue::Kind::kRandom:
      return RandomNumbers(value, places, rows, pool);
    default:
      return Uuids(value, places, rows, pool);
  }
}

}  // namespace

std::shared_ptr<arrow::Field> FieldOf(const RowValue& value) {
  const auto type = value.kind == RowValue::Kind::kIncreasingId ? arrow::int64() : value.kind == RowValue::Kind::kRandom ? arrow::float64() : arrow::utf8();
  return arrow::field(value.column, type, /*nullable=*/false);
}

Result<std::shared_ptr<arrow::RecordBatch>> WithRowValues(const RowValues& values, const RowPlaces& places, const std::shared_ptr<arrow::RecordBatch>& batch,
                                                          arrow::MemoryPool* pool) {
  auto with = batch;
  for (const RowValue& value : values) {
    ARROW_ASSIGN_OR_RAISE(auto column, ValuesOf(value, places, batch->num_rows(), pool));
    ARROW_ASSIGN_OR_RAISE(with, with->AddColumn(with->num_columns(), FieldOf(value), std::move(column)));
  }
  return with;
}

}  // namespace millstream
