#include "format/bad_data.h"

#include "task/for_each.h"

namespace millstream {

Result<OnBad> ParseOnBad(const std::string& argument, const std::string& name) {
  if (name == "raise") return OnBad::kRaise;
  if (name == "skip") return OnBad::kSkip;
  if (name == "record") return OnBad::kRecord;
  return MakeError(ErrorKind::kInvalidArgument, argument + " is one of 'raise', 'skip' and 'record', not '" + name + "'");
}

bool IsBadData(const Status& status) {
  if (status.IsOutOfMemory()) return false;
  switch (KindOf(status)) {
    case ErrorKind::kCorruptData:
    case ErrorKind::kType:
    case ErrorKind::kInvalidArgument:
    case ErrorKind::kFileNotFound: return true;
    default: return false;
  }
}

Status Noted(BadFiles* bad, size_t file, Status status) {
  if (bad == nullptr || !bad->takes_files() || !IsBadData(status)) return status;
  bad->Add(file, std::move(status));
  return Status::OK();
}

Status ForEachFile(Scheduler* scheduler, size_t files, BadFiles* bad, const std::function<Status(size_t file)>& read) {
  ARROW_RETURN_NOT_OK(ForEach(scheduler, static_cast<int64_t>(files), [&](int64_t i) {
    const auto file = static_cast<size_t>(i);
    return Noted(bad, file, read(file));
  }));
  return bad == nullptr ? Status::OK() : bad->first();
}

Status LeaveOut(BadFiles* bad, const BadDataOptions& options, std::vector<ListedFile>* listed, std::vector<BadPart>* left_out) {
  const auto errors = bad->Take();
  std::vector<ListedFile> kept;
  for (size_t file = 0; file < listed->size(); ++file) {
    const auto found = errors.find(file);
    if (found == errors.end()) kept.push_back(std::move((*listed)[file]));
    else left_out->push_back({(*listed)[file].path, -1, 0, options.file == OnBad::kRecord, found->second});
  }
  if (kept.empty()) return WithContext(errors.begin()->second, "All files are bad, and none is left");
  if (options.errors_max >= 0 && static_cast<int64_t>(left_out->size()) > options.errors_max) {
    return WithContext(left_out->back().error, "More files are bad than the " + std::to_string(options.errors_max) + " that max_errors lets pass");
  }
  *listed = std::move(kept);
  return Status::OK();
}

Status WriteBadParts(const std::vector<BadPart>& parts, ByteWriter* out) {
  out->Number<uint64_t>(parts.size());
  for (const BadPart& part : parts) {
    out->String(part.path);
    out->Number<int64_t>(part.byte);
    out->Number<int64_t>(part.rows);
    out->Number<uint8_t>(part.recorded);
    out->Number<uint8_t>(static_cast<uint8_t>(KindOf(part.error)));
    out->String(part.error.message());
  }
  return Status::OK();
}

Result<std::vector<BadPart>> ReadBadParts(ByteReader* in) {
  ARROW_ASSIGN_OR_RAISE(const auto count, in->Count(34));
  std::vector<BadPart> parts(static_cast<size_t>(count));
  for (BadPart& part : parts) {
    ARROW_ASSIGN_OR_RAISE(part.path, in->String());
    ARROW_ASSIGN_OR_RAISE(part.byte, in->Number<int64_t>());
    ARROW_ASSIGN_OR_RAISE(part.rows, in->Number<int64_t>());
    ARROW_ASSIGN_OR_RAISE(const auto recorded, in->Number<uint8_t>());
    ARROW_ASSIGN_OR_RAISE(const auto kind, in->Number<uint8_t>());
    ARROW_ASSIGN_OR_RAISE(const auto message, in->String());
    if (kind > static_cast<uint8_t>(ErrorKind::kStale)) return in->Damaged();
    part.recorded = recorded != 0;
    part.error = MakeError(static_cast<ErrorKind>(kind), std::string(message));
  }
  return parts;
}

}  // namespace millstream
