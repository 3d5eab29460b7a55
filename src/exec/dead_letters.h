#pragma once
/// What a stage's function failed on and was passed over: one letter an error, with the rows that were left out for it.
///
/// They come in the order of the rows. What bounds them is the stage's limit of errors, and that each has little text.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace millstream {

struct DeadLetter {
  std::string source;  // a path, or what its rows are called
  int64_t first_row = 0;  // in the source; negative where that is not known
  int64_t last_row = 0;   // where a filter below left rows out, of a range that holds what was skipped
  int64_t byte = -1;      // where it begins in the source, a file; negative where that is not known
  std::string error;      // its class and its text
  std::shared_ptr<const std::string> traceback;  // shared by those that are equal, as most are
};

/// Any thread.
class DeadLetters {
 public:
  /// `rows`: that were left out.
  void Add(DeadLetter letter, std::string traceback, int64_t rows) {
    std::lock_guard lock(mutex_);
    auto& shared = tracebacks_[traceback];
    if (shared == nullptr) shared = std::make_shared<const std::string>(std::move(traceback));
    letter.traceback = shared;
    letters_.push_back(std::move(letter));
    rows_ += rows;
  }
  /// Counts an error that no letter is to tell of.
  void Pass(int64_t rows) {
    std::lock_guard lock(mutex_);
    ++passed_;
    rows_ += rows;
  }
  std::vector<DeadLetter> letters() const {
    std::lock_guard lock(mutex_);
    return letters_;
  }
  /// Of errors, whether there is a letter or not.
  int64_t count() const {
    std::lock_guard lock(mutex_);
    return static_cast<int64_t>(letters_.size()) + passed_;
  }
  int64_t rows() const {
    std::lock_guard lock(mutex_);
    return rows_;
  }

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<DeadLetter> letters_;
  std::unordered_map<std::string, std::shared_ptr<const std::string>> tracebacks_;
  int64_t passed_ = 0;
  int64_t rows_ = 0;
};

}  // namespace millstream
