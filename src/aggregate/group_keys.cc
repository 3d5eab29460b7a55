#include "aggregate/group_keys.h"

#include <algorithm>

#include "aggregate/byte_keys.h"
#include "aggregate/one_word_keys.h"
#include "aggregate/word_keys.h"

namespace millstream {

namespace {

using Types = std::vector<std::shared_ptr<arrow::DataType>>;

template <int kColumns>
std::unique_ptr<GroupKeys> MakeWordKeys(const Types& types, KeyRepeats repeats, arrow::MemoryPool* pool) {
  if (WordBytes(*types[0]) <= 4) return std::make_unique<WordKeys<kColumns, true>>(types, repeats, pool);
  return std::make_unique<WordKeys<kColumns, false>>(types, repeats, pool);
}

}  // namespace

std::unique_ptr<GroupKeys> GroupKeys::Make(const Types& types, KeyRepeats repeats, arrow::MemoryPool* pool) {
  const bool words = std::all_of(types.begin(), types.end(), [](const auto& type) { return HasWords(*type); });
  if (words && types.size() == 1) return std::make_unique<OneWordKeys>(types[0], pool);
  if (words && types.size() == 2) return MakeWordKeys<2>(types, repeats, pool);
  if (words && types.size() == 3) return MakeWordKeys<3>(types, repeats, pool);
  return std::make_unique<ByteKeys>(types, repeats, pool);
}

Status GroupKeys::Number(const ColumnPointers& columns, int64_t rows, uint32_t* numbers) {
  const int64_t before = size();
  for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
    const Status numbered = NumberBlock(columns, begin, std::min(kBlockRows, rows - begin), numbers + begin);
    if (numbered.ok()) continue;
    Truncate(before);
    return numbered;
  }
  return Status::OK();
}

}  // namespace millstream
