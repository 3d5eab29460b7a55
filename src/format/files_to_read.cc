#include "format/files_to_read.h"

#include <unordered_set>

namespace millstream {

Result<std::vector<ListedFile>> ListFiles(Env& env, const FilesToRead& files) {
  ARROW_ASSIGN_OR_RAISE(auto listed, ListFiles(env, files.paths, files.extensions, files.ignore_missing));
  if (!files.kept.has_value()) return listed;
  const std::unordered_set<std::string> kept(files.kept->begin(), files.kept->end());
  std::erase_if(listed, [&](const ListedFile& file) { return !kept.contains(file.path); });
  if (listed.empty()) return MakeError(ErrorKind::kInvalidArgument, "the partition_filter keeps none of the files");
  return listed;
}

}  // namespace millstream
