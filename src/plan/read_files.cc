#include "plan/read_files.h"

#include "format/forgiving_format.h"
#include "format/limits.h"
#include "format/path_columns.h"

namespace millstream {

Result<PlanPtr> ReadFilesPlan(Env& env, const FilesToRead& files, const MakeFormat& make) {
  ARROW_RETURN_NOT_OK(CheckLimits(files.limits));
  ARROW_ASSIGN_OR_RAISE(auto found, ListFiles(env, files));
  BadFiles bad(files.bad_data);
  BadData bad_data{files.bad_data, {}};
  for (;;) {
    const auto listed = std::make_shared<const std::vector<ListedFile>>(found);
    auto made = make(listed, files.limits, files.bad_data.forgives() ? &bad : nullptr);
    if (!made.ok() && !bad.empty()) {
      ARROW_RETURN_NOT_OK(LeaveOut(&bad, files.bad_data, &found, &bad_data.left_out));
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<const FileFormat> format, std::move(made));
    ARROW_ASSIGN_OR_RAISE(auto values, ValuesOfPaths(*listed, files.path));
    if (values != nullptr) {
      ARROW_ASSIGN_OR_RAISE(format, PathColumns::Make(std::move(format), std::move(values)));
    }
    if (files.bad_data.forgives()) format = std::make_shared<const ForgivingFormat>(std::move(format), std::move(bad_data));
    return ReadFilesPlan(std::move(format), listed, files.blocks);
  }
}

}  // namespace millstream
