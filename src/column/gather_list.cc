#include <arrow/util/bit_util.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "column/assemble.h"

namespace millstream {
namespace {

inline bool IsValid(const uint8_t* validity, int64_t row) {
  return validity == nullptr || arrow::bit_util::GetBit(validity, row);
}

Status CheckElements(const Part& part, int64_t rows, int64_t elements, int64_t elements_max) {
  if (elements <= elements_max) return Status::OK();
  return MakeError(ErrorKind::kInvalidArgument, "A column of type " + part.type->ToString() +
                                                    " cannot hold more than 2^31 - 1 elements in one batch; take fewer "
                                                    "rows a batch or cast it to its large_ variant: " +
                                                    std::to_string(rows) + " rows of " + std::to_string(elements) +
                                                    " elements");
}

Result<ArrayDataPtr> AssembleElements(const Part& part, OwnedSelection* elements, arrow::MemoryPool* pool) {
  return Assemble(ChildPart(part, 0), elements->rows(), pool);
}

// The elements of the selected lists; `out` (if any) gets the offset of each list among them.
template <typename Offset>
Result<OwnedSelection> ListElements(const Part& part, const Selection& rows, const uint8_t* validity, Offset* out,
                                    arrow::MemoryPool* pool) {
  auto spans = std::make_unique<SpanList>(pool);
  ForEachRun(rows, [&](int64_t source, int64_t begin, int64_t length, int64_t position) {
    if (out == nullptr && validity == nullptr && begin != kAbsent && length > 0) {
      const Offset* offsets = part.sources[source]->template GetValues<Offset>(1) + begin;
      spans->Append(source, offsets[0], offsets[length] - offsets[0]);
      return;
    }
    for (int64_t row = position; row < position + length; ++row) {
      if (out != nullptr) out[row] = static_cast<Offset>(spans->count());
      if (begin == kAbsent || !IsValid(validity, row)) continue;
      const Offset* offsets = part.sources[source]->template GetValues<Offset>(1) + begin + (row - position);
      spans->Append(source, offsets[0], offsets[1] - offsets[0]);
    }
  });
  if (out != nullptr) out[rows.count] = static_cast<Offset>(spans->count());
  return OwnedSelection::OfSpans(std::move(spans));
}

template <typename Offset>
Result<ArrayDataPtr> AssembleListWith(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(auto offsets, AllocateCanonical((rows.count + 1) * static_cast<int64_t>(sizeof(Offset)), pool));
  ARROW_ASSIGN_OR_RAISE(auto elements,
                        ListElements(part, rows, validity.bits(), offsets->template mutable_data_as<Offset>(), pool));
  ARROW_RETURN_NOT_OK(CheckElements(part, rows.count, elements.rows().count, std::numeric_limits<Offset>::max()));
  ARROW_ASSIGN_OR_RAISE(auto child, AssembleElements(part, &elements, pool));
  return arrow::ArrayData::Make(part.type, rows.count, {std::move(validity.buffer), std::move(offsets)},
                                {std::move(child)}, validity.null_count);
}

template <typename Offset>
Result<int64_t> MeasureListWith(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(auto elements, ListElements<Offset>(part, rows, validity.bits(), nullptr, pool));
  ARROW_ASSIGN_OR_RAISE(const int64_t child, Measure(ChildPart(part, 0), elements.rows(), pool));
  return validity.bytes() + (rows.count + 1) * static_cast<int64_t>(sizeof(Offset)) + child;
}

// As ListElements; lists may overlap in the source, and are laid out one after the other here. Empty and null lists get
// offset 0.
template <typename Offset>
Result<OwnedSelection> ListViewElements(const Part& part, const Selection& rows, const uint8_t* validity,
                                        Offset* out_offsets, Offset* out_sizes, arrow::MemoryPool* pool) {
  auto spans = std::make_unique<SpanList>(pool);
  ForEachRun(rows, [&](int64_t source, int64_t begin, int64_t length, int64_t position) {
    for (int64_t row = position; row < position + length; ++row) {
      const bool present = begin != kAbsent && IsValid(validity, row);
      const auto& data = *part.sources[source];
      const int64_t at = begin + (row - position);
      const Offset size = present ? data.GetValues<Offset>(2)[at] : 0;
      if (out_offsets != nullptr) {
        out_offsets[row] = size == 0 ? 0 : static_cast<Offset>(spans->count());
        out_sizes[row] = size;
      }
      if (size > 0) spans->Append(source, data.GetValues<Offset>(1)[at], size);
    }
  });
  return OwnedSelection::OfSpans(std::move(spans));
}

template <typename Offset>
Result<ArrayDataPtr> AssembleListViewWith(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  const int64_t bytes = rows.count * static_cast<int64_t>(sizeof(Offset));
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(auto offsets, AllocateCanonical(bytes, pool));
  ARROW_ASSIGN_OR_RAISE(auto sizes, AllocateCanonical(bytes, pool));
  ARROW_ASSIGN_OR_RAISE(auto elements,
                        ListViewElements(part, rows, validity.bits(), offsets->template mutable_data_as<Offset>(),
                                         sizes->template mutable_data_as<Offset>(), pool));
  ARROW_RETURN_NOT_OK(CheckElements(part, rows.count, elements.rows().count, std::numeric_limits<Offset>::max()));
  ARROW_ASSIGN_OR_RAISE(auto child, AssembleElements(part, &elements, pool));
  return arrow::ArrayData::Make(part.type, rows.count,
                                {std::move(validity.buffer), std::move(offsets), std::move(sizes)}, {std::move(child)},
                                validity.null_count);
}

template <typename Offset>
Result<int64_t> MeasureListViewWith(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(auto elements, ListViewElements<Offset>(part, rows, validity.bits(), nullptr, nullptr, pool));
  ARROW_ASSIGN_OR_RAISE(const int64_t child, Measure(ChildPart(part, 0), elements.rows(), pool));
  return validity.bytes() + 2 * rows.count * static_cast<int64_t>(sizeof(Offset)) + child;
}

int64_t ListSizeOf(const Part& part) { return static_cast<const arrow::FixedSizeListType&>(*part.type).list_size(); }

Result<OwnedSelection> FixedSizeElements(const Part& part, const Selection& rows, const uint8_t* validity,
                                         arrow::MemoryPool* pool) {
  const int64_t size = ListSizeOf(part);
  ARROW_ASSIGN_OR_RAISE(auto masked, OwnedSelection::Mask(rows, validity, pool));
  auto spans = std::make_unique<SpanList>(pool);
  ForEachRun(masked.rows(), [&](int64_t source, int64_t begin, int64_t length, int64_t) {
    if (begin == kAbsent) {
      spans->AppendAbsent(length * size);
    } else {
      spans->Append(source, begin * size, length * size);
    }
  });
  return OwnedSelection::OfSpans(std::move(spans));
}

// Rows of a tensor without nulls at any level are runs of bytes, moved as such.
bool IsPlainTensor(const Part& part, const Selection& rows, const Part& child) {
  if (rows.has_absent || !arrow::is_fixed_width(child.layout->id()) || child.layout->bit_width() % 8 != 0) return false;
  if (child.layout->id() == arrow::Type::DICTIONARY || child.layout->id() == arrow::Type::EXTENSION) return false;
  const auto may_have_nulls = [](const auto& source) { return source->MayHaveNulls(); };
  return std::none_of(part.sources.begin(), part.sources.end(), may_have_nulls) &&
         std::none_of(child.sources.begin(), child.sources.end(), may_have_nulls);
}

Result<ArrayDataPtr> AssemblePlainTensor(const Part& part, const Selection& rows, const Part& child,
                                         arrow::MemoryPool* pool) {
  const int64_t width = child.type->bit_width() / 8;
  const int64_t size = ListSizeOf(part);
  ARROW_ASSIGN_OR_RAISE(auto values, AllocateCanonical(rows.count * size * width, pool));
  GatherRows(FixedValues(child.sources, width), size * width, rows, values->mutable_data());
  auto elements = arrow::ArrayData::Make(child.type, rows.count * size, {nullptr, std::move(values)}, 0);
  return arrow::ArrayData::Make(part.type, rows.count, {nullptr}, {std::move(elements)}, 0);
}

bool IsLargeList(const Part& part) { return part.type->id() == arrow::Type::LARGE_LIST; }
bool IsLargeListView(const Part& part) { return part.type->id() == arrow::Type::LARGE_LIST_VIEW; }

}  // namespace

Result<ArrayDataPtr> AssembleList(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  return IsLargeList(part) ? AssembleListWith<int64_t>(part, rows, pool) : AssembleListWith<int32_t>(part, rows, pool);
}

Result<int64_t> MeasureList(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  return IsLargeList(part) ? MeasureListWith<int64_t>(part, rows, pool) : MeasureListWith<int32_t>(part, rows, pool);
}

Result<ArrayDataPtr> AssembleListView(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  return IsLargeListView(part) ? AssembleListViewWith<int64_t>(part, rows, pool)
                               : AssembleListViewWith<int32_t>(part, rows, pool);
}

Result<int64_t> MeasureListView(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  return IsLargeListView(part) ? MeasureListViewWith<int64_t>(part, rows, pool)
                               : MeasureListViewWith<int32_t>(part, rows, pool);
}

Result<ArrayDataPtr> AssembleFixedSizeList(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  const Part child_part = AlignedChildPart(part, 0, ListSizeOf(part));
  if (IsPlainTensor(part, rows, child_part)) return AssemblePlainTensor(part, rows, child_part, pool);
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(auto elements, FixedSizeElements(part, rows, validity.bits(), pool));
  ARROW_ASSIGN_OR_RAISE(auto child, Assemble(child_part, elements.rows(), pool));
  return arrow::ArrayData::Make(part.type, rows.count, {std::move(validity.buffer)}, {std::move(child)},
                                validity.null_count);
}

Result<int64_t> MeasureFixedSizeList(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(auto elements, FixedSizeElements(part, rows, validity.bits(), pool));
  ARROW_ASSIGN_OR_RAISE(const int64_t child,
                        Measure(AlignedChildPart(part, 0, ListSizeOf(part)), elements.rows(), pool));
  return validity.bytes() + child;
}

}  // namespace millstream
