#include <utility>

#include "column/assemble.h"

namespace millstream {

Result<ArrayDataPtr> AssembleStruct(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(const auto present, OwnedSelection::Mask(rows, validity.bits(), pool));
  std::vector<ArrayDataPtr> children;
  for (int i = 0; i < part.type->num_fields(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto child, Assemble(AlignedChildPart(part, i), present.rows(), pool));
    children.push_back(std::move(child));
  }
  return arrow::ArrayData::Make(part.type, rows.count, {std::move(validity.buffer)}, std::move(children),
                                validity.null_count);
}

Result<int64_t> MeasureStruct(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto validity, AssembleValidity(part, rows, pool));
  ARROW_ASSIGN_OR_RAISE(const auto present, OwnedSelection::Mask(rows, validity.bits(), pool));
  int64_t bytes = validity.bytes();
  for (int i = 0; i < part.type->num_fields(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const int64_t child, Measure(AlignedChildPart(part, i), present.rows(), pool));
    bytes += child;
  }
  return bytes;
}

}  // namespace millstream
