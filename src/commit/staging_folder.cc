#include "commit/staging_folder.h"

#include <arrow/buffer.h>

#include <set>
#include <sstream>
#include <string_view>

#include "commit/job_name.h"
#include "env/store_env.h"

namespace millstream {
namespace {

constexpr char kPrefix[] = ".millstream-staging-";
constexpr int kAttempts = 8;

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool IsComponent(std::string_view name) {
  return !name.empty() && name[0] != '.' && name[0] != '_' && name.find_first_of(std::string_view("\n\0", 2)) == std::string_view::npos;
}

/// The folders inside the target that files of these names are in, those inside others behind them.
std::set<std::string> FoldersOf(const std::vector<std::string>& names) {
  std::set<std::string> folders;
  for (const std::string& name : names) {
    for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) folders.insert(name.substr(0, slash));
  }
  return folders;
}

}  // namespace

bool StagingFolder::IsStaging(const std::string& path) { return NameOf(path).starts_with(kPrefix); }

bool StagingFolder::IsStageable(const std::string& name) {
  size_t begin = 0;
  for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', begin)) {
    if (!IsComponent(std::string_view(name).substr(begin, slash - begin))) return false;
    begin = slash + 1;
  }
  return IsComponent(std::string_view(name).substr(begin));
}

Result<StagingFolder> StagingFolder::Create(std::shared_ptr<Env> env, const std::string& directory) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    StagingFolder folder(env, directory, directory + "/" + kPrefix + NewJobName(*env));
    auto made = folder.Make();
    if (made.ok() && *made) return folder;
    if (!made.ok()) {
      (void)folder.Remove();
      return made.status();
    }
  }
  return MakeError(ErrorKind::kIo, "Cannot keep a staging folder in directory '" + directory + "': other jobs keep removing it");
}

Result<bool> StagingFolder::Make() {
  ARROW_RETURN_NOT_OK(env_->CreateDirectories(path_));
  auto lock = env_->TryLock(path_ + "/lock");
  if (!lock.ok() && KindOf(lock.status()) != ErrorKind::kFileNotFound) return lock.status();
  if (!lock.ok() || *lock == nullptr) return false;
  lock_ = std::move(*lock);
  ARROW_RETURN_NOT_OK(env_->CreateDirectories(path_ + "/new"));
  ARROW_RETURN_NOT_OK(env_->CreateDirectories(path_ + "/old"));
  return true;
}

Result<int> StagingFolder::RemoveLeftovers(const std::shared_ptr<Env>& env, const std::string& directory) {
  ARROW_ASSIGN_OR_RAISE(const auto entries, env->List(directory));
  int found = 0;
  for (const FileEntry& entry : entries) {
    if (!entry.is_directory || !IsStaging(entry.path)) continue;
    ++found;
    StagingFolder leftover(env, directory, entry.path);
    auto lock = env->TryLock(entry.path + "/lock");
    if (!lock.ok() || *lock == nullptr) continue;
    leftover.lock_ = std::move(*lock);
    if (leftover.UndoByList().ok()) (void)leftover.Remove();
  }
  return found;
}

Status StagingFolder::BeginPublish(const std::vector<std::string>& names, bool replaces) {
  made_folders_.clear();
  for (const std::string& folder : FoldersOf(names)) {
    const auto entry = env_->Stat(FinalPath(folder));
    const bool is_there = entry.ok() && !replaces;
    if (is_there && !entry->is_directory) return MakeError(ErrorKind::kIo, "Cannot publish below '" + FinalPath(folder) + "': it is a file");
    if (!is_there) made_folders_.push_back(folder);
  }
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  for (const std::string& folder : made_folders_) text += folder + "/\n";
  const std::string undo = path_ + "/undo";
  ARROW_ASSIGN_OR_RAISE(auto out, env_->CreateForWrite(undo));
  ARROW_RETURN_NOT_OK(out->Write(text.data(), static_cast<int64_t>(text.size())));
  ARROW_RETURN_NOT_OK(out->Close());
  ARROW_RETURN_NOT_OK(env_->Sync(undo));
  for (const std::string& folder : {path_ + "/new", path_, directory_}) ARROW_RETURN_NOT_OK(env_->Sync(folder));
  return Status::OK();
}

Status StagingFolder::MakeFolderOf(const std::string& path) {
  return env_->CreateDirectories(path.substr(0, path.rfind('/')));
}

Status StagingFolder::MoveIn(const std::string& name) {
  if (name.find('/') != std::string::npos) ARROW_RETURN_NOT_OK(MakeFolderOf(FinalPath(name)));
  return env_->Rename(NewPath(name), FinalPath(name));
}

Status StagingFolder::EndPublish(const std::vector<std::string>& names) {
  for (const std::string& folder : FoldersOf(names)) ARROW_RETURN_NOT_OK(env_->Sync(FinalPath(folder)));
  ARROW_RETURN_NOT_OK(env_->Sync(directory_));
  ARROW_RETURN_NOT_OK(env_->Remove(path_ + "/undo"));
  return env_->Sync(path_);
}

Result<bool> StagingFolder::Exists(const std::string& path) const {
  const auto entry = env_->Stat(path);
  if (entry.ok()) return true;
  if (KindOf(entry.status()) == ErrorKind::kFileNotFound) return false;
  return entry.status();
}

Result<std::vector<std::string>> StagingFolder::ReadUndo() {
  ARROW_ASSIGN_OR_RAISE(auto file, env_->OpenForRead(path_ + "/undo"));
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  ARROW_ASSIGN_OR_RAISE(const auto bytes, file->ReadAt(0, size));
  std::istringstream lines(bytes->ToString());
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('/') && IsStageable(line.substr(0, line.size() - 1))) made_folders_.push_back(line.substr(0, line.size() - 1));
    if (IsStageable(line)) names.push_back(line);
  }
  return names;
}

Status StagingFolder::UndoByList() {
  ARROW_ASSIGN_OR_RAISE(const bool publishing, Exists(path_ + "/undo"));
  if (!publishing) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto names, ReadUndo());
  return Undo(names);
}

Status StagingFolder::Undo(const std::vector<std::string>& names) {
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    ARROW_ASSIGN_OR_RAISE(const bool waiting, Exists(NewPath(*name)));
    ARROW_ASSIGN_OR_RAISE(const bool published, Exists(FinalPath(*name)));
    if (!published) continue;
    if (!waiting) ARROW_RETURN_NOT_OK(env_->Rename(FinalPath(*name), NewPath(*name)));
    // Of a store a rename is a copy, which may have come half way.
    if (waiting && IsStorePath(directory_)) ARROW_RETURN_NOT_OK(env_->Remove(FinalPath(*name)));
  }
  // Where others have put something into a folder it stays.
  for (auto folder = made_folders_.rbegin(); folder != made_folders_.rend(); ++folder) {
    const auto entry = env_->Stat(FinalPath(*folder));
    if (entry.ok() && entry->is_directory) (void)env_->Remove(FinalPath(*folder));
  }
  const auto moved = env_->List(path_ + "/old");
  // A store has no folder that nothing is in.
  if (!moved.ok() && !(IsStorePath(directory_) && KindOf(moved.status()) == ErrorKind::kFileNotFound)) return moved.status();
  for (const FileEntry& entry : moved.ok() ? *moved : std::vector<FileEntry>{}) ARROW_RETURN_NOT_OK(env_->Rename(entry.path, FinalPath(NameOf(entry.path))));
  ARROW_RETURN_NOT_OK(env_->Sync(directory_));
  const Status removed = env_->Remove(path_ + "/undo");
  return KindOf(removed) == ErrorKind::kFileNotFound ? Status::OK() : removed;
}

Status StagingFolder::Remove() { return env_->RemoveTree(path_); }

}  // namespace millstream
