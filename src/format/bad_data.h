#pragma once
/// Files and rows that cannot be read: what is to be done about them, and what was passed over.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_codec.h"
#include "base/status.h"
#include "format/list_files.h"
#include "millstream/on_bad.h"
#include "task/scheduler.h"

namespace millstream {

/// "raise", "skip", "record"; kInvalidArgument for another, naming the argument.
Result<OnBad> ParseOnBad(const std::string& argument, const std::string& name);

struct BadDataOptions {
  OnBad file = OnBad::kRaise;
  OnBad row = OnBad::kRaise;
  int64_t errors_max = -1;  // of an epoch; negative: any number

  bool forgives() const { return file != OnBad::kRaise || row != OnBad::kRaise; }
};

/// Whether an error is the data's fault, and not that of memory, the disk, the network or whoever cancelled.
bool IsBadData(const Status& status);

/// What was passed over.
struct BadPart {
  std::string path;   // empty: of the file that was being read
  int64_t byte = -1;  // where it begins, in the file or what it decompresses to; negative where that is not known
  int64_t rows = 0;   // 0 where that is not known
  bool recorded = true;
  Status error;
};

/// Where a reader notes what it passes over. One thread at a time.
class BadParts {
 public:
  explicit BadParts(const BadDataOptions& options) : options_(options) {}
  /// `byte`: where it begins.
  void AddRow(int64_t byte, Status error) { parts_.push_back({{}, byte, 1, options_.row == OnBad::kRecord, std::move(error)}); }
  /// The rest of what is being read.
  void AddRest(Status error) { parts_.push_back({{}, -1, 0, options_.file == OnBad::kRecord, std::move(error)}); }
  std::vector<BadPart> Take() { return std::exchange(parts_, {}); }

 private:
  const BadDataOptions options_;
  std::vector<BadPart> parts_;
};

/// Where a format that is being made notes files that it cannot use. Any thread.
class BadFiles {
 public:
  explicit BadFiles(const BadDataOptions& options) : options_(options) {}
  /// Whether files that are bad are passed over; else bad rows alone are.
  bool takes_files() const { return options_.file != OnBad::kRaise; }
  void Add(size_t file, Status error) {
    std::lock_guard lock(mutex_);
    errors_.emplace(file, std::move(error));
  }
  bool empty() const {
    std::lock_guard lock(mutex_);
    return errors_.empty();
  }
  /// That of the first file; OK where there is none.
  Status first() const {
    std::lock_guard lock(mutex_);
    return errors_.empty() ? Status::OK() : errors_.begin()->second;
  }
  std::map<size_t, Status> Take() {
    std::lock_guard lock(mutex_);
    return std::exchange(errors_, {});
  }

 private:
  const BadDataOptions options_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::map<size_t, Status> errors_;
};

/// An error of a file that is bad is noted and becomes OK, where `bad` is there and takes files.
Status Noted(BadFiles* bad, size_t file, Status status);

/// ForEach over files. Where `bad` is there and takes files, all are looked at, those that are bad are noted in it, and the error is that of the first of these.
Status ForEachFile(Scheduler* scheduler, size_t files, BadFiles* bad, const std::function<Status(size_t file)>& read);

/// Takes bad files out of a listing. The error of the first one where no file is left, or where more are left out than may be.
Status LeaveOut(BadFiles* bad, const BadDataOptions& options, std::vector<ListedFile>* listed, std::vector<BadPart>* left_out);

/// Inside a plan that travels.
Status WriteBadParts(const std::vector<BadPart>& parts, ByteWriter* out);
Result<std::vector<BadPart>> ReadBadParts(ByteReader* in);

}  // namespace millstream
