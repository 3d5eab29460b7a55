#pragma once
/// Paths, directories and patterns to a sorted listing of files, which fixes the identity of their rows (docs/order.md).

#include <arrow/io/interfaces.h>

#include <memory>
#include <string>
#include <vector>

#include "env/env.h"

namespace millstream {

/// A file of the listing; `relative` is its path below the root it was found under, which is what a moved data set keeps.
struct ListedFile {
  std::string path;
  std::string relative;
  int64_t size_bytes = 0;
};

/// Expands files, directories (recursively; names starting with '.' or '_' are skipped) and globs (* ? [..] in any component, ** for any number of directories;
/// they too skip such names unless the pattern spells the first character), sorted by path within each. A file that is named twice is listed twice. Of a
/// directory's files those count that end in one of `extensions`, whatever the case of their letters; all of them where there are none.
/// kFileNotFound for a path that matches nothing, unless `ignore_missing`, and where none does; kInvalidArgument for a directory without such a file.
Result<std::vector<ListedFile>> ListFiles(Env& env, const std::vector<std::string>& paths, const std::vector<std::string>& extensions, bool ignore_missing = false);

/// The file, still of the size that was listed; kInvalidArgument where it is another. `reader`: what to call again, for the message.
Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenListed(Env& env, const ListedFile& file, arrow::MemoryPool* pool, const std::string& reader);

}  // namespace millstream
