#include "plan/read_files.h"

#include "format/path_columns.h"

namespace millstream {

Result<PlanPtr> ReadFilesPlan(Env& env, const FilesToRead& files, const MakeFormat& make) {
  ARROW_ASSIGN_OR_RAISE(auto found, ListFiles(env, files));
  const auto listed = std::make_shared<const std::vector<ListedFile>>(std::move(found));
  ARROW_ASSIGN_OR_RAISE(auto format, make(listed));
  ARROW_ASSIGN_OR_RAISE(auto values, ValuesOfPaths(*listed, files.path));
  if (values != nullptr) {
    ARROW_ASSIGN_OR_RAISE(format, PathColumns::Make(std::move(format), std::move(values)));
  }
  return ReadFilesPlan(std::move(format), listed, files.blocks);
}

}  // namespace millstream
