#include <arrow/util/bit_util.h>

#include <algorithm>
#include <string>
#include <utility>

#include "column/assemble.h"

namespace millstream {
namespace {

// Lays referred rows into plain indices while there is one source (the fast kernels take those), into spans else.
class Referrer {
 public:
  static Result<Referrer> Make(const Part& part, int64_t count, arrow::MemoryPool* pool) {
    Referrer referrer;
    if (part.sources.size() == 1) {
      ARROW_ASSIGN_OR_RAISE(referrer.buffer_,
                            arrow::AllocateBuffer(count * static_cast<int64_t>(sizeof(uint32_t)), pool));
      referrer.indices_ = referrer.buffer_->mutable_data_as<uint32_t>();
    } else {
      referrer.spans_ = std::make_unique<SpanList>(pool);
    }
    return referrer;
  }

  void Append(int64_t source, int64_t row) {
    if (indices_ != nullptr) {
      indices_[count_++] = static_cast<uint32_t>(row);
    } else {
      spans_->Append(source, row, 1);
    }
  }

  void AppendAbsent() {
    has_absent_ = true;
    if (indices_ != nullptr) {
      indices_[count_++] = kAbsentIndex;
    } else {
      spans_->AppendAbsent(1);
    }
  }

  Result<OwnedSelection> Finish() {
    if (spans_ != nullptr) return OwnedSelection::OfSpans(std::move(spans_));
    return OwnedSelection::OfIndices(std::move(buffer_), count_, has_absent_);
  }

 private:
  std::shared_ptr<arrow::Buffer> buffer_;
  uint32_t* indices_ = nullptr;
  int64_t count_ = 0;
  bool has_absent_ = false;
  std::unique_ptr<SpanList> spans_;
};

Status CheckValues(const arrow::ArrayData& values) {
  if (values.length < kAbsentIndex) return Status::OK();
  return MakeError(
      ErrorKind::kInvalidArgument,
      "An encoded column cannot have more than 2^32 - 2 values in one piece: " + std::to_string(values.length));
}

struct Code {
  int64_t value;
  bool valid;
};

template <typename Index>
Code CodeAt(const arrow::ArrayData& data, int64_t row) {
  if (data.MayHaveNulls() && !arrow::bit_util::GetBit(data.buffers[0]->data(), data.offset + row)) return {0, false};
  return {static_cast<int64_t>(data.GetValues<Index>(1)[row]), true};
}

template <typename Index>
void AppendCodes(const Part& part, const Selection& rows, Referrer* out, bool* any_null) {
  ForEachRun(rows, [&](int64_t source, int64_t begin, int64_t length, int64_t) {
    for (int64_t k = 0; k < length; ++k) {
      if (begin == kAbsent) {
        out->AppendAbsent();
        continue;
      }
      const Code code = CodeAt<Index>(*part.sources[source], begin + k);
      if (code.valid) {
        out->Append(source, code.value);
      } else {
        *any_null = true;
        out->AppendAbsent();
      }
    }
  });
}

using AppendCodesFunction = void (*)(const Part&, const Selection&, Referrer*, bool*);

AppendCodesFunction AppendCodesOf(const arrow::DataType& index_type) {
  switch (index_type.id()) {
    case arrow::Type::INT8: return AppendCodes<int8_t>;
    case arrow::Type::UINT8: return AppendCodes<uint8_t>;
    case arrow::Type::INT16: return AppendCodes<int16_t>;
    case arrow::Type::UINT16: return AppendCodes<uint16_t>;
    case arrow::Type::INT32: return AppendCodes<int32_t>;
    case arrow::Type::UINT32: return AppendCodes<uint32_t>;
    case arrow::Type::INT64: return AppendCodes<int64_t>;
    default: return AppendCodes<uint64_t>;
  }
}

// The run of each row: found by halving for the first of a span, by walking for the rest.
template <typename RunEnd>
void AppendRuns(const Part& part, const Selection& rows, Referrer* out) {
  ForEachRun(rows, [&](int64_t source, int64_t begin, int64_t length, int64_t) {
    if (begin == kAbsent) {
      for (int64_t k = 0; k < length; ++k) out->AppendAbsent();
      return;
    }
    const auto& data = *part.sources[source];
    const RunEnd* ends = data.child_data[0]->GetValues<RunEnd>(1);
    const int64_t first = data.offset + begin;
    int64_t run = std::upper_bound(ends, ends + data.child_data[0]->length, first) - ends;
    for (int64_t row = first; row < first + length; ++row) {
      if (row >= static_cast<int64_t>(ends[run])) ++run;
      out->Append(source, run);
    }
  });
}

}  // namespace

Result<Decoded> FollowDictionary(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  const auto& layout = static_cast<const arrow::DictionaryType&>(*part.layout);
  Decoded decoded{Part{layout.value_type(), part.type, {}, part.absent_is_null}, {}};
  for (const auto& source : part.sources) {
    ARROW_RETURN_NOT_OK(CheckValues(*source->dictionary));
    decoded.part.sources.push_back(source->dictionary);
  }
  ARROW_ASSIGN_OR_RAISE(auto referrer, Referrer::Make(part, rows.count, pool));
  bool any_null = false;
  AppendCodesOf (*layout.index_type())(part, rows, &referrer, &any_null);
  // A null code stays a null even in a field that is declared to have none.
  decoded.part.absent_is_null = part.absent_is_null || any_null;
  ARROW_ASSIGN_OR_RAISE(decoded.selection, referrer.Finish());
  return decoded;
}

Result<Decoded> FollowRunEnds(const Part& part, const Selection& rows, arrow::MemoryPool* pool) {
  const auto& layout = static_cast<const arrow::RunEndEncodedType&>(*part.layout);
  Decoded decoded{Part{layout.value_type(), part.type, {}, part.absent_is_null}, {}};
  for (const auto& source : part.sources) {
    ARROW_RETURN_NOT_OK(CheckValues(*source->child_data[1]));
    decoded.part.sources.push_back(source->child_data[1]);
  }
  ARROW_ASSIGN_OR_RAISE(auto referrer, Referrer::Make(part, rows.count, pool));
  switch (layout.run_end_type()->id()) {
    case arrow::Type::INT16: AppendRuns<int16_t>(part, rows, &referrer); break;
    case arrow::Type::INT32: AppendRuns<int32_t>(part, rows, &referrer); break;
    default: AppendRuns<int64_t>(part, rows, &referrer);
  }
  ARROW_ASSIGN_OR_RAISE(decoded.selection, referrer.Finish());
  return decoded;
}

}  // namespace millstream
