#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "column/assemble.h"

namespace millstream {
namespace {

const arrow::UnionType& UnionOf(const Part& part) { return static_cast<const arrow::UnionType&>(*part.type); }

bool IsDense(const Part& part) { return UnionOf(part).mode() == arrow::UnionMode::DENSE; }

// Calls visit(child, source, child_row, row): an absent row is an absent row of the first child.
template <typename Visit>
void ForEachChoice(const Part& part, const Selection& rows, Visit&& visit) {
  const auto& child_ids = UnionOf(part).child_ids();
  ForEachRun(rows, [&](int64_t source, int64_t begin, int64_t length, int64_t position) {
    for (int64_t k = 0; k < length; ++k) {
      if (begin == kAbsent) {
        visit(0, source, kAbsent, position + k);
        continue;
      }
      const auto& data = *part.sources[source];
      const int64_t row = begin + k;
      const int child = child_ids[data.GetValues<int8_t>(1)[row]];
      visit(child, source, IsDense(part) ? data.GetValues<int32_t>(2)[row] : row, position + k);
    }
  });
}

using ChildSpans = std::vector<std::unique_ptr<SpanList>>;

ChildSpans MakeChildSpans(const Part& part, arrow::MemoryPool* pool) {
  ChildSpans spans;
  for (int i = 0; i < part.type->num_fields(); ++i) spans.push_back(std::make_unique<SpanList>(pool));
  return spans;
}

void AppendChoice(int64_t source, int64_t child_row, SpanList* spans) {
  if (child_row == kAbsent) return spans->AppendAbsent(1);
  spans->Append(source, child_row, 1);
}

// Children of a dense union hold only the rows that chose them, those of a sparse one are absent elsewhere.
ChildSpans Choose(const Part& part, const Selection& rows, int8_t* type_codes, int32_t* offsets,
                  arrow::MemoryPool* pool) {
  auto spans = MakeChildSpans(part, pool);
  const bool dense = IsDense(part);
  ForEachChoice(part, rows, [&](int child, int64_t source, int64_t child_row, int64_t row) {
    if (type_codes != nullptr) type_codes[row] = UnionOf(part).type_codes()[child];
    if (offsets != nullptr) offsets[row] = static_cast<int32_t>(spans[child]->count());
    for (int i = 0; i < static_cast<int>(spans.size()); ++i) {
      if (i == child) {
        AppendChoice(source, child_row, spans[i].get());
      } else if (!dense) {
        spans[i]->AppendAbsent(1);
      }
    }
  });
  return spans;
}

Part ChoicePart(const Part& part, int i) { return IsDense(part) ? ChildPart(part, i) : AlignedChildPart(part, i); }

Status CheckRows(const Part& part, const Selection& rows) {
  if (!IsDense(part) || rows.count <= std::numeric_limits<int32_t>::max()) return Status::OK();
  return MakeError(
      ErrorKind::kInvalidArgument,
      "A column of type " + part.type->ToString() +
          " cannot hold more than 2^31 - 1 rows in one batch; take fewer rows a batch: " + std::to_string(rows.count));
}

}  // namespace

Result<ArrayDataPtr> AssembleUnion(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  ARROW_RETURN_NOT_OK(CheckRows(part, rows));
  std::vector<std::shared_ptr<arrow::Buffer>> buffers(IsDense(part) ? 3 : 2);
  ARROW_ASSIGN_OR_RAISE(buffers[1], AllocateCanonical(rows.count, pool));
  int32_t* offsets = nullptr;
  if (IsDense(part)) {
    ARROW_ASSIGN_OR_RAISE(buffers[2], AllocateCanonical(rows.count * 4, pool));
    offsets = buffers[2]->mutable_data_as<int32_t>();
  }
  auto spans = Choose(part, rows, buffers[1]->mutable_data_as<int8_t>(), offsets, pool);
  std::vector<ArrayDataPtr> children;
  for (int i = 0; i < part.type->num_fields(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto chosen, OwnedSelection::OfSpans(std::move(spans[i])));
    ARROW_ASSIGN_OR_RAISE(auto child, Assemble(ChoicePart(part, i), chosen.rows(), pool));
    children.push_back(std::move(child));
  }
  return arrow::ArrayData::Make(part.type, rows.count, std::move(buffers), std::move(children), 0);
}

Result<int64_t> MeasureUnion(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  auto spans = Choose(part, rows, nullptr, nullptr, pool);
  int64_t bytes = rows.count * (IsDense(part) ? 5 : 1);
  for (int i = 0; i < part.type->num_fields(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto chosen, OwnedSelection::OfSpans(std::move(spans[i])));
    ARROW_ASSIGN_OR_RAISE(const int64_t child, Measure(ChoicePart(part, i), chosen.rows(), pool));
    bytes += child;
  }
  return bytes;
}

}  // namespace millstream
