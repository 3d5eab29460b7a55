#pragma once
/// Numbers the distinct rows of any key columns: 0, 1, 2, … in the order in which they first come. Equality and order are those of ordered_bytes.h: all NaN
/// are one value, -0.0 is 0.0, nulls are one value and come last.
///
/// A few columns of at most 64 bits each are kept as words, anything else as bytes. Not thread-safe; the pool must outlive it and what it decodes.

#include <arrow/array/data.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "aggregate/pool_vector.h"
#include "aggregate/slot_table.h"

namespace millstream {

using ColumnPointers = std::vector<const arrow::ArrayData*>;

class GroupKeys {
 public:
  virtual ~GroupKeys() = default;

  /// For one or more columns of these storage types, all of which have an order; two or more where keys are numbered each.
  static std::unique_ptr<GroupKeys> Make(const std::vector<std::shared_ptr<arrow::DataType>>& types, KeyRepeats repeats, arrow::MemoryPool* pool);

  /// numbers[i] = the number of row i of the columns, which are in storage form. After an error no key was added.
  Status Number(const ColumnPointers& columns, int64_t rows, uint32_t* numbers);

  /// Forgets the numbers from `count` on.
  virtual void Truncate(int64_t count) = 0;
  /// Forgets all and gives the memory back.
  virtual void Release() = 0;

  virtual int64_t size() const = 0;
  virtual int64_t bytes() const = 0;
  /// Depends on the key and the types alone. Where repeats are one.
  virtual uint64_t HashOf(uint32_t number) const = 0;

  /// Sorts numbers by their keys.
  virtual Status Sort(uint32_t* numbers, int64_t count) const = 0;

  /// One column of the keys of these numbers.
  virtual Result<std::shared_ptr<arrow::ArrayData>> Decode(int column, const uint32_t* numbers, int64_t count, arrow::MemoryPool* pool) const = 0;

 protected:
  static constexpr int64_t kBlockRows = 256;
  virtual Status NumberBlock(const ColumnPointers& columns, int64_t begin, int64_t count, uint32_t* numbers) = 0;
};

}  // namespace millstream
