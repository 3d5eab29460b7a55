#include "spill/spill_disk.h"

#include <algorithm>

#include "base/bytes.h"

namespace millstream {
namespace {

const std::string kRemedy = "name a directory on a disk with MILLSTREAM_SPILL_DIRECTORY or init(spill_directory=)";
constexpr int64_t kReserveShare = 20;  // one part in 20 of the free space is left alone

Status InMemory(const std::string& directory) {
  return MakeError(ErrorKind::kInvalidArgument, "The spill directory '" + directory + "' is on a file system in memory (tmpfs), where spilling saves nothing: " +
                                                    kRemedy);
}

/// The space of the directory, which is made if there is none yet.
Result<Env::Space> SpaceOfNew(const std::string& directory, Env& env) {
  auto space = env.SpaceOf(directory);
  if (space.ok() || KindOf(space.status()) != ErrorKind::kFileNotFound) return space;
  ARROW_RETURN_NOT_OK(env.CreateDirectories(directory));
  space = env.SpaceOf(directory);
  if (space.ok() && space->in_memory) (void)env.Remove(directory);
  return space;
}

}  // namespace

Result<std::shared_ptr<SpillDisk>> SpillDisk::Open(SpillOptions options, std::shared_ptr<Env> env) {
  const std::string unusable = "The spill directory cannot be used (" + kRemedy + ")";
  if (options.directory.empty()) return MakeError(ErrorKind::kInvalidArgument, "No spill directory is set: " + kRemedy);
  const auto space = SpaceOfNew(options.directory, *env);
  if (!space.ok()) return WithContext(space.status(), unusable);
  if (space->in_memory) return InMemory(options.directory);
  const auto probe = env->CreateScratch(options.directory, options.direct_io);
  if (!probe.ok()) return WithContext(probe.status(), unusable);
  if (options.quota_bytes == 0) options.quota_bytes = space->free_bytes - space->free_bytes / kReserveShare;
  return std::shared_ptr<SpillDisk>(new SpillDisk(std::move(options), std::move(env)));
}

Result<std::unique_ptr<ScratchFile>> SpillDisk::NewFile() {
  auto file = env_->CreateScratch(options_.directory, options_.direct_io);
  if (!file.ok()) return Explain(file.status(), 0);
  return file;
}

Status SpillDisk::Reserve(int64_t bytes) {
  const int64_t before = on_disk_.fetch_add(bytes);
  if (before + bytes <= options_.quota_bytes) return Status::OK();
  on_disk_ -= bytes;
  return Full(bytes, std::max<int64_t>(options_.quota_bytes - before, 0));
}

Status SpillDisk::Full(int64_t bytes, int64_t free_bytes) const {
  return MakeError(ErrorKind::kDiskFull, "The spill directory '" + options_.directory + "' is full: " + FormatBytes(bytes) + " more are needed, " +
                                             FormatBytes(free_bytes) + " are free, " + FormatBytes(on_disk_) + " of a quota of " +
                                             FormatBytes(options_.quota_bytes) + " are in use. Free some space there, or " + kRemedy);
}

Status SpillDisk::Explain(const Status& error, int64_t bytes) const {
  if (error.ok()) return error;
  if (KindOf(error) == ErrorKind::kDiskFull) {
    const auto space = env_->SpaceOf(options_.directory);
    return Full(bytes, space.ok() ? space->free_bytes : 0);
  }
  return WithContext(error, "Spilling to '" + options_.directory + "' failed");
}

Status SpillDisk::Damaged(const std::string& what, const FrameLocation& frame) const {
  const RunAddress& run = frame.address;
  return MakeError(ErrorKind::kCorruptData,
                   "Spilled data in '" + options_.directory + "' came back changed: " + what + " (stage " + std::to_string(run.stage) + ", task " +
                       std::to_string(run.task) + ", attempt " + std::to_string(run.attempt) + ", partition " + std::to_string(run.partition) +
                       ", offset " + std::to_string(frame.offset) + "). The disk may be failing: " + kRemedy);
}

Status SpillFile::Grow(int64_t bytes) {
  ARROW_RETURN_NOT_OK(disk_->Reserve(bytes));
  live_bytes_ += bytes;
  return Status::OK();
}

void SpillFile::Shrink(int64_t bytes) {
  live_bytes_ -= bytes;
  disk_->Release(bytes);
}

uint32_t SpillFiles::Add(std::shared_ptr<SpillFile> file) {
  std::lock_guard lock(mutex_);
  files_[next_] = {std::move(file), true};
  return next_++;
}

std::shared_ptr<SpillFile> SpillFiles::Find(uint32_t number) {
  std::lock_guard lock(mutex_);
  const auto found = files_.find(number);
  return found == files_.end() ? nullptr : found->second.file;
}

void SpillFiles::CloseIfEmptyLocked(uint32_t number, std::shared_ptr<SpillFile>* closed) {
  const auto found = files_.find(number);
  if (found == files_.end() || found->second.writing || found->second.file->live_bytes() > 0) return;
  *closed = std::move(found->second.file);
  files_.erase(found);
}

void SpillFiles::EndWriting(uint32_t number) {
  if (inherited()) return;
  std::shared_ptr<SpillFile> closed;  // after the lock, for closing frees the file's blocks
  std::lock_guard lock(mutex_);
  const auto found = files_.find(number);
  if (found != files_.end()) found->second.writing = false;
  CloseIfEmptyLocked(number, &closed);
}

void SpillFiles::CloseIfEmpty(uint32_t number) {
  std::shared_ptr<SpillFile> closed;
  std::lock_guard lock(mutex_);
  CloseIfEmptyLocked(number, &closed);
}

}  // namespace millstream
