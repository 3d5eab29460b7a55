#include "base/status.h"

#include <arrow/util/io_util.h>

#include <cerrno>

namespace millstream {
namespace {

constexpr char kDetailTypeId[] = "millstream::ErrorKind";

class KindDetail : public arrow::StatusDetail {
 public:
  explicit KindDetail(ErrorKind kind) : kind_(kind) {}
  const char* type_id() const override { return kDetailTypeId; }
  std::string ToString() const override { return ""; }
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

arrow::StatusCode CodeOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
    case ErrorKind::kCorruptData:
      return arrow::StatusCode::Invalid;
    case ErrorKind::kType:
      return arrow::StatusCode::TypeError;
    case ErrorKind::kUnknownColumn:
      return arrow::StatusCode::KeyError;
    case ErrorKind::kFileNotFound:
    case ErrorKind::kPermission:
    case ErrorKind::kDiskFull:
    case ErrorKind::kIo:
      return arrow::StatusCode::IOError;
    case ErrorKind::kBudget:
      return arrow::StatusCode::OutOfMemory;
    case ErrorKind::kCancelled:
      return arrow::StatusCode::Cancelled;
    case ErrorKind::kOther:
    case ErrorKind::kStale:
      break;
  }
  return arrow::StatusCode::UnknownError;
}

ErrorKind KindOfErrno(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::kFileNotFound;
    case EACCES:
    case EPERM:
      return ErrorKind::kPermission;
    case ENOSPC:
    case EDQUOT:
      return ErrorKind::kDiskFull;
    default:
      return ErrorKind::kIo;
  }
}

ErrorKind KindOfCode(const Status& status) {
  switch (status.code()) {
    case arrow::StatusCode::Invalid:
    case arrow::StatusCode::SerializationError:
      return ErrorKind::kInvalidArgument;
    case arrow::StatusCode::TypeError:
    case arrow::StatusCode::NotImplemented:
      return ErrorKind::kType;
    case arrow::StatusCode::KeyError:
      return ErrorKind::kUnknownColumn;
    case arrow::StatusCode::OutOfMemory:
      return ErrorKind::kBudget;
    case arrow::StatusCode::Cancelled:
      return ErrorKind::kCancelled;
    case arrow::StatusCode::IOError:
      return KindOfErrno(arrow::internal::ErrnoFromStatus(status));
    default:
      return ErrorKind::kOther;
  }
}

}  // namespace

Status MakeError(ErrorKind kind, std::string message) {
  return Status(CodeOf(kind), std::move(message), std::make_shared<KindDetail>(kind));
}

ErrorKind KindOf(const Status& status) {
  if (status.ok()) return ErrorKind::kOther;
  if (status.detail() != nullptr && std::string_view(status.detail()->type_id()) == kDetailTypeId) {
    return static_cast<const KindDetail&>(*status.detail()).kind();
  }
  return KindOfCode(status);
}

Status WithContext(const Status& status, std::string_view context) {
  if (status.ok()) return status;
  return MakeError(KindOf(status), std::string(context) + ": " + status.message());
}

}  // namespace millstream
