#include "env/posix_error.h"

#include <cerrno>
#include <system_error>

namespace millstream {
namespace {

ErrorKind KindOfErrno(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::kFileNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::kPermission;
    case ENOSPC:
    case EDQUOT:
      return ErrorKind::kDiskFull;
    default:
      return ErrorKind::kIo;
  }
}

}  // namespace

Status PosixError(int error, std::string_view what, const std::string& path) {
  return MakeError(KindOfErrno(error), "Cannot " + std::string(what) + " '" + path + "': " + std::generic_category().message(error) +
                                           " (errno " + std::to_string(error) + ")");
}

}  // namespace millstream
