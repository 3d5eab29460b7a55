#pragma once
/// Lines of files whose types are to be told: the first ones of some files, and parts spread over the bytes of all, 2.5 MB at most.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "format/file_text.h"
#include "task/scheduler.h"

namespace millstream {

struct SampleOptions {
  const char* reader = "";  // for messages
  LineEnd line_end = LineEnd::kLineFeed;
  /// Of the decompressed file; may be null: at its beginning.
  std::function<int64_t(uint32_t file)> lines_begin = nullptr;
  /// Whether the file may be read from anywhere.
  std::function<bool(uint32_t file)> cuttable;
  ReadLimits limits = {};
  /// Whether it is lines that have limits.
  bool limits_lines = true;
  /// Of a file that may not: whether it is lines that are looked at, and not text that ends anywhere; may be null: it is.
  std::function<bool(uint32_t file)> has_lines = nullptr;
  /// Whether text that cannot be read is passed over: reading tells of it.
  bool forgives = false;
};

/// Calls `look` with each sample's number, file and lines, several at a time, on the lanes of `scheduler` where there is one; `samples` is how many there can be.
/// Returns the lines of all files, about.
Result<int64_t> SampleText(Env& env, const std::vector<ListedFile>& files, const SampleOptions& options, Scheduler* scheduler,
                           const std::function<Status(size_t sample, uint32_t file, std::string_view lines)>& look);
size_t SamplesOf(const std::vector<ListedFile>& files);

}  // namespace millstream
