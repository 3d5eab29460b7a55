#include "format/files_to_read.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/random.h"

namespace millstream {

namespace {

std::vector<ListedFile> Shuffled(std::vector<ListedFile> files, uint64_t seed) {
  const SourceKey key = MakeSourceKey(MakeEpochKey(seed, 0), 0);
  std::vector<std::pair<uint64_t, size_t>> order;
  for (size_t file = 0; file < files.size(); ++file) order.emplace_back(key.KeyOfRow(file), file);
  std::sort(order.begin(), order.end());
  std::vector<ListedFile> shuffled;
  for (const auto& [place, file] : order) shuffled.push_back(std::move(files[file]));
  return shuffled;
}

}  // namespace

Result<std::vector<ListedFile>> ListFiles(Env& env, const FilesToRead& files) {
  ARROW_ASSIGN_OR_RAISE(auto listed, ListFiles(env, files.paths, files.extensions, files.ignore_missing));
  if (files.kept.has_value()) {
    const std::unordered_set<std::string> kept(files.kept->begin(), files.kept->end());
    std::erase_if(listed, [&](const ListedFile& file) { return !kept.contains(file.path); });
    if (listed.empty()) return MakeError(ErrorKind::kInvalidArgument, "the partition_filter keeps none of the files");
  }
  if (files.shuffle_seed.has_value()) return Shuffled(std::move(listed), *files.shuffle_seed);
  return listed;
}

}  // namespace millstream
