#pragma once
/// A directory of a test's own, on disk, gone with the object.

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace millstream {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    // Not TMPDIR, which is memory on many machines: /var/tmp lasts over a restart, so it is a disk.
    std::string name = "/var/tmp/millstream-test-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create a directory in /var/tmp");
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  bool empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::string path_;
};

}  // namespace millstream
