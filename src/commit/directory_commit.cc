#include "commit/directory_commit.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "commit/staging_folder.h"
#include "env/store_env.h"

namespace millstream {
namespace {

std::string Parent(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string WithoutTrailingSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/' && !path.ends_with("://")) path.pop_back();
  return path;
}

class DirectoryCommit final : public OutputCommit {
 public:
  DirectoryCommit(std::shared_ptr<Env> env, std::string directory, SaveMode mode)
      : env_(std::move(env)), directory_(std::move(directory)), mode_(mode), process_id_(getpid()) {}
  ~DirectoryCommit() override {
    if (process_id_ == getpid()) (void)Abort();
  }

  Status Open();
  bool skipped() const override { return skipped_; }
  Result<std::string> Stage(const std::string& name) override;
  std::string FinalPath(const std::string& name) const override { return directory_ + "/" + name; }
  Status Publish() override;
  Status Abort() override;

 private:
  /// What the directory holds beside staging folders.
  Result<std::vector<std::string>> Existing() const;
  /// Sets skipped_, or fails, where the mode does not bear what is there.
  Status CheckMode(bool exists);
  Status MakeDirectory();
  Status SyncStaged();
  Status MoveAll(const std::vector<std::string>& old_names);
  void RemoveMadeDirectories();

  const std::shared_ptr<Env> env_;
  const std::string directory_;
  const SaveMode mode_;
  const int64_t process_id_;
  bool skipped_ = false;
  std::vector<std::string> made_directories_;  // the deepest first
  std::optional<StagingFolder> staging_;
  std::vector<std::string> names_;
  std::unordered_set<std::string> staged_;   // the same names
  std::unordered_set<std::string> folders_;  // of the names
};

Result<std::vector<std::string>> DirectoryCommit::Existing() const {
  ARROW_ASSIGN_OR_RAISE(const auto entries, env_->List(directory_));
  std::vector<std::string> names;
  for (const FileEntry& entry : entries) {
    if (!StagingFolder::IsStaging(entry.path)) names.push_back(entry.path.substr(entry.path.rfind('/') + 1));
  }
  return names;
}

Status DirectoryCommit::CheckMode(bool exists) {
  if (!exists) return Status::OK();
  if (mode_ == SaveMode::kError) {
    return MakeError(ErrorKind::kInvalidArgument,
                     "Path '" + directory_ + "' already exists; write to a new one, or use mode 'append', 'overwrite' or 'ignore'");
  }
  skipped_ = mode_ == SaveMode::kIgnore;
  return Status::OK();
}

Status DirectoryCommit::Open() {
  const auto entry = env_->Stat(directory_);
  if (!entry.ok() && KindOf(entry.status()) != ErrorKind::kFileNotFound) return entry.status();
  if (!entry.ok()) {
    ARROW_RETURN_NOT_OK(MakeDirectory());
  } else if (!entry->is_directory) {
    return MakeError(ErrorKind::kInvalidArgument, "Path '" + directory_ + "' is a file; give a directory, in which the files will be made");
  } else {
    ARROW_ASSIGN_OR_RAISE(const int leftovers, StagingFolder::RemoveLeftovers(env_, directory_));
    ARROW_ASSIGN_OR_RAISE(const auto existing, Existing());
    // A directory that holds nothing but staging folders is one that a job has made and not yet, or never, published.
    ARROW_RETURN_NOT_OK(CheckMode(!existing.empty() || leftovers == 0));
  }
  if (skipped_) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto staging, StagingFolder::Create(env_, directory_));
  staging_.emplace(std::move(staging));
  return Status::OK();
}

Status DirectoryCommit::MakeDirectory() {
  std::string missing = directory_;
  while (KindOf(env_->Stat(missing).status()) == ErrorKind::kFileNotFound) {
    made_directories_.push_back(missing);
    if (Parent(missing) == missing) break;
    if (Parent(missing).ends_with(":/")) break;
    missing = Parent(missing);
  }
  if (!made_directories_.empty()) ARROW_RETURN_NOT_OK(env_->CreateDirectories(made_directories_.back()));
  return env_->CreateDirectories(directory_);
}

void DirectoryCommit::RemoveMadeDirectories() {
  // Stops at the first that others have put something into.
  for (const std::string& path : std::exchange(made_directories_, {})) {
    if (!env_->Remove(path).ok()) return;
  }
}

Result<std::string> DirectoryCommit::Stage(const std::string& name) {
  if (!staging_) return MakeError(ErrorKind::kInvalidArgument, "Cannot stage file '" + name + "': the job has ended");
  if (!StagingFolder::IsStageable(name)) {
    return MakeError(ErrorKind::kInvalidArgument,
                     "Cannot stage a file under the name '" + name + "': no part of it may be empty, hidden, or hold a line break");
  }
  if (!staged_.insert(name).second) return MakeError(ErrorKind::kInvalidArgument, "Cannot stage file '" + name + "' twice");
  names_.push_back(name);
  const std::string path = staging_->NewPath(name);
  if (const size_t slash = name.rfind('/'); slash != std::string::npos && folders_.insert(name.substr(0, slash)).second) {
    ARROW_RETURN_NOT_OK(staging_->MakeFolderOf(path));
  }
  return path;
}

Status DirectoryCommit::SyncStaged() {
  for (const std::string& name : names_) ARROW_RETURN_NOT_OK(env_->Sync(staging_->NewPath(name)));
  for (const std::string& path : made_directories_) {
    if (!IsStorePath(path)) ARROW_RETURN_NOT_OK(env_->Sync(Parent(path)));
  }
  return Status::OK();
}

Status DirectoryCommit::MoveAll(const std::vector<std::string>& old_names) {
  for (const std::string& name : old_names) ARROW_RETURN_NOT_OK(staging_->MoveAway(name));
  for (const std::string& name : names_) ARROW_RETURN_NOT_OK(staging_->MoveIn(name));
  return staging_->EndPublish(names_);
}

Status DirectoryCommit::Publish() {
  if (skipped_) return Status::OK();
  if (!staging_) return MakeError(ErrorKind::kInvalidArgument, "Cannot publish to '" + directory_ + "': the job has ended");
  ARROW_RETURN_NOT_OK(SyncStaged());
  ARROW_ASSIGN_OR_RAISE(auto existing, Existing());
  ARROW_RETURN_NOT_OK(CheckMode(!existing.empty()));
  if (skipped_) return Abort();
  for (const std::string& name : names_) {
    if (!std::binary_search(existing.begin(), existing.end(), name.substr(0, name.find('/')))) continue;
    const auto entry = env_->Stat(FinalPath(name));
    if (KindOf(entry.status()) == ErrorKind::kFileNotFound) continue;
    ARROW_RETURN_NOT_OK(entry.status());
    return MakeError(ErrorKind::kIo, "Cannot publish file '" + FinalPath(name) + "': it exists already");
  }
  if (mode_ != SaveMode::kOverwrite) existing.clear();
  ARROW_RETURN_NOT_OK(staging_->BeginPublish(names_, mode_ == SaveMode::kOverwrite));
  const Status moved = MoveAll(existing);
  if (!moved.ok()) {
    const Status undone = staging_->Undo(names_);
    if (undone.ok()) return moved;
    staging_.reset();  // keeps the folder, for the next job to undo
    return WithContext(moved, "Publishing to '" + directory_ + "' failed half way, and so did taking it back (" + undone.message() +
                                  "); the next write to this directory takes it back");
  }
  made_directories_.clear();
  // The old files may stay under the hidden name, for the next job to remove: the new ones are published.
  (void)staging_->Remove();
  staging_.reset();
  return Status::OK();
}

Status DirectoryCommit::Abort() {
  if (!staging_ && made_directories_.empty()) return Status::OK();
  const Status removed = staging_ ? staging_->Remove() : Status::OK();
  staging_.reset();
  RemoveMadeDirectories();
  return removed;
}

}  // namespace

Result<SaveMode> ParseSaveMode(const std::string& name) {
  static const std::pair<const char*, SaveMode> kModes[] = {{"append", SaveMode::kAppend}, {"overwrite", SaveMode::kOverwrite},
                                                            {"ignore", SaveMode::kIgnore}, {"error", SaveMode::kError}};
  for (const auto& [known, mode] : kModes) {
    if (name == known) return mode;
  }
  return MakeError(ErrorKind::kInvalidArgument, "Unknown mode '" + name + "': use 'append', 'overwrite', 'ignore' or 'error'");
}

Result<std::unique_ptr<OutputCommit>> OpenDirectoryCommit(std::shared_ptr<Env> env, std::string directory, SaveMode mode) {
  directory = WithoutTrailingSlash(std::move(directory));
  if (directory.empty()) return MakeError(ErrorKind::kInvalidArgument, "The path to write to is empty");
  auto commit = std::make_unique<DirectoryCommit>(std::move(env), std::move(directory), mode);
  ARROW_RETURN_NOT_OK(commit->Open());
  return commit;
}

}  // namespace millstream
