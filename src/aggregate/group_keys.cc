#include "aggregate/group_keys.h"

#include <algorithm>

#include "aggregate/byte_keys.h"
#include "aggregate/one_word_keys.h"
#include "aggregate/word_keys.h"

namespace millstream {

std::unique_ptr<GroupKeys> GroupKeys::Make(const std::vector<std::shared_ptr<arrow::DataType>>& types, arrow::MemoryPool* pool) {
  const bool words = std::all_of(types.begin(), types.end(), [](const auto& type) { return HasWords(*type); });
  if (words && types.size() == 1) return std::make_unique<OneWordKeys>(types[0], pool);
  if (words && types.size() == 2) return std::make_unique<WordKeys<2>>(types, pool);
  if (words && types.size() == 3) return std::make_unique<WordKeys<3>>(types, pool);
  return std::make_unique<ByteKeys>(types, pool);
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
