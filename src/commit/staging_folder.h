#pragma once
/// The hidden folder of one job inside its target directory:
///
///   .millstream-staging-<job name>/
///     lock        held while the job lives
///     new/        files that are being written
///     old/        what an overwrite has moved away
///     undo        while publishing: the names that are being published, one a line, and the folders that are made for them, with a '/' behind
///
/// As long as `undo` is there the job has not published: those names that are no longer in new/ are to be removed from the target, and what is in old/ moved
/// back. Undoing twice does no harm. One thread at a time.

#include <memory>
#include <string>
#include <vector>

#include "env/env.h"

namespace millstream {

class StagingFolder {
 public:
  /// Makes and locks a folder in `directory`, which must exist.
  static Result<StagingFolder> Create(std::shared_ptr<Env> env, const std::string& directory);
  /// Undoes and removes the folders of jobs that are no longer alive; what cannot be removed stays. Returns how many were there.
  static Result<int> RemoveLeftovers(const std::shared_ptr<Env>& env, const std::string& directory);
  /// Whether a path is that of a staging folder.
  static bool IsStaging(const std::string& path);
  /// Whether a name may be staged: each of its components visible to readers and fit for a line of the undo list.
  static bool IsStageable(const std::string& name);

  StagingFolder(StagingFolder&&) = default;

  /// The folder that holds the path.
  Status MakeFolderOf(const std::string& path);
  std::string NewPath(const std::string& name) const { return path_ + "/new/" + name; }
  std::string FinalPath(const std::string& name) const { return directory_ + "/" + name; }

  /// Writes the undo list, to last; nothing may be moved before. `replaces`: all that is in the target will be moved away.
  Status BeginPublish(const std::vector<std::string>& names, bool replaces);
  Status MoveIn(const std::string& name);
  Status MoveAway(const std::string& name) { return env_->Rename(FinalPath(name), path_ + "/old/" + name); }
  /// The job has published from here on: the undo list is gone.
  Status EndPublish(const std::vector<std::string>& names);
  /// Takes back what MoveIn and MoveAway did since BeginPublish(names); folders that it made in the target go where they are empty.
  Status Undo(const std::vector<std::string>& names);
  /// Removes the folder.
  Status Remove();

 private:
  StagingFolder(std::shared_ptr<Env> env, std::string directory, std::string path)
      : env_(std::move(env)), directory_(std::move(directory)), path_(std::move(path)) {}
  /// Makes the folders and takes the lock; false where another job's cleaning came in between.
  Result<bool> Make();
  /// Undo after a killed job: by its undo list, if there is one.
  Status UndoByList();
  Result<std::vector<std::string>> ReadUndo();
  Result<bool> Exists(const std::string& path) const;

  std::shared_ptr<Env> env_;
  std::string directory_;
  std::string path_;
  std::unique_ptr<FileLock> lock_;
  std::vector<std::string> made_folders_;  // in the target, those inside others behind them
};

}  // namespace millstream
