#pragma once
/// Where a job's files go until they are all complete, and how they become visible.
///
///   ARROW_ASSIGN_OR_RAISE(auto commit, OpenDirectoryCommit(env, "/data/out", SaveMode::kAppend));
///   if (commit->skipped()) return;                      // kIgnore, and the target is there
///   ARROW_ASSIGN_OR_RAISE(auto path, commit->Stage("a_000000.parquet"));
///   ... create and write the file `path`, close it ...
///   ARROW_RETURN_NOT_OK(commit->Publish());
///
/// What happens when something fails:
/// - Before Publish: nothing under a final name has been touched. Abort, or the destructor, removes what was staged and the directories that were made.
/// - In Publish: what was published is taken back and what an overwrite moved away is moved back, in reverse order, and the error of the
///   first failure is returned. Should taking back fail as well, the undo list stays and the next job on this target finishes the work.
/// - The process is killed before Publish: the staged files stay under a hidden name, which readers ignore; the next job removes them.
/// - Killed in Publish: each file under a final name is complete, but some may be missing, until the next job on this target takes them back.
/// - Killed after Publish returned: all files are there, also after a power cut; old ones that an overwrite replaced may still take up space under a
///   hidden name, until the next job.
/// A lock tells a killed job from one that is running, so that any number of jobs may append to one target at once.

#include <memory>
#include <string>

#include "base/status.h"
#include "millstream/save_mode.h"

namespace millstream {

/// "append", "overwrite", "ignore", "error"; kInvalidArgument for another.
Result<SaveMode> ParseSaveMode(const std::string& name);

/// One thread at a time.
class OutputCommit {
 public:
  /// Aborts what was not published.
  virtual ~OutputCommit() = default;

  /// True where the mode says that nothing is to be written: at once, or after Publish where another job came first.
  virtual bool skipped() const = 0;
  /// The path at which the caller creates the file that will be called `name`; `name` must be new to the job, and not hidden. It may be in folders ("a=1/x.parquet"),
  /// which are made.
  virtual Result<std::string> Stage(const std::string& name) = 0;
  /// Where `name` will be seen.
  virtual std::string FinalPath(const std::string& name) const = 0;
  /// Makes all staged files last over a power cut, then visible in the order in which they were staged. Each must have been created and
  /// closed. A name that the target already has is an error: nothing is ever written over. Called once.
  virtual Status Publish() = 0;
  /// Removes what was staged; does nothing after Publish or a second time.
  virtual Status Abort() = 0;
};

}  // namespace millstream
