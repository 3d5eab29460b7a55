#include "format/list_files.h"

#include <fnmatch.h>

#include <algorithm>
#include <cctype>

namespace millstream {
namespace {

bool IsGlob(const std::string& path) { return path.find_first_of("*?[") != std::string::npos; }

bool IsHidden(const std::string& path) {
  const auto slash = path.rfind('/');
  const char first = path[slash == std::string::npos ? 0 : slash + 1];
  return first == '.' || first == '_';
}

bool EndsWith(const std::string& text, const std::string& end) {
  const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
  return text.size() >= end.size() && std::equal(end.begin(), end.end(), text.end() - static_cast<std::ptrdiff_t>(end.size()), same);
}

using Extensions = std::vector<std::string>;

bool HasOneOf(const Extensions& extensions, const std::string& path) {
  return extensions.empty() || std::any_of(extensions.begin(), extensions.end(), [&](const std::string& extension) { return EndsWith(path, extension); });
}

Status NoFile(const std::string& directory, const Extensions& extensions) {
  if (extensions.empty()) return MakeError(ErrorKind::kInvalidArgument, "directory " + directory + " has no file");
  std::string ends;
  for (const std::string& extension : extensions) ends += (ends.empty() ? "" : " or ") + extension;
  return MakeError(ErrorKind::kInvalidArgument, "directory " + directory + " has no file ending in " + ends + "; name the files themselves if they end otherwise");
}

std::string WithoutTrailingSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/' && !path.ends_with("://")) path.pop_back();
  return path;
}

std::string Parent(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  if (path.substr(0, slash).ends_with(":/")) return path.substr(0, slash + 1);  // the root of a store
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Whether the file, or a directory on the way to it, is hidden; `path`: below its root.
bool IsBelowHidden(const std::string& path) {
  return path.find("/.") != std::string::npos || path.find("/_") != std::string::npos || path.starts_with('.') || path.starts_with('_');
}

Status Walk(Env& env, const std::string& directory, size_t root_length, const Extensions& extensions, std::vector<ListedFile>* out) {
  ARROW_ASSIGN_OR_RAISE(auto tree, env.ListTree(directory));
  if (tree.has_value()) {
    for (FileEntry& entry : *tree) {
      std::string relative = entry.path.substr(root_length + 1);
      if (!IsBelowHidden(relative) && HasOneOf(extensions, entry.path)) out->push_back({std::move(entry.path), std::move(relative), entry.size_bytes});
    }
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto entries, env.List(directory));
  for (const FileEntry& entry : entries) {
    if (IsHidden(entry.path)) continue;
    if (entry.is_directory) {
      ARROW_RETURN_NOT_OK(Walk(env, entry.path, root_length, extensions, out));
    } else if (HasOneOf(extensions, entry.path)) {
      out->push_back({entry.path, entry.path.substr(root_length + 1), entry.size_bytes});
    }
  }
  return Status::OK();
}

std::string Name(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

/// `directory` and all directories below it.
Status AllDirectories(Env& env, const FileEntry& directory, std::vector<FileEntry>* out) {
  out->push_back(directory);
  ARROW_ASSIGN_OR_RAISE(const auto entries, env.List(directory.path));
  for (const FileEntry& entry : entries) {
    if (entry.is_directory && !IsHidden(entry.path)) ARROW_RETURN_NOT_OK(AllDirectories(env, entry, out));
  }
  return Status::OK();
}

/// The entries of `directory` that match one component of a pattern.
Status Match(Env& env, const FileEntry& directory, const std::string& component, std::vector<FileEntry>* out) {
  ARROW_ASSIGN_OR_RAISE(const auto entries, env.List(directory.path));
  for (const FileEntry& entry : entries) {
    const std::string name = Name(entry.path);
    if (IsHidden(name) && name[0] != component[0]) continue;
    if (fnmatch(component.c_str(), name.c_str(), FNM_PERIOD) == 0) out->push_back(entry);
  }
  return Status::OK();
}

/// Matches one component of the pattern after another, listing only directories that can match.
Status Expand(Env& env, const std::string& pattern, std::vector<FileEntry>* out) {
  const std::string parent = Parent(pattern);
  const std::string component = Name(pattern);
  std::vector<FileEntry> directories;
  if (IsGlob(parent)) {
    ARROW_RETURN_NOT_OK(Expand(env, parent, &directories));
  } else {
    directories.push_back({parent, 0, true});
  }
  for (const FileEntry& directory : directories) {
    if (!directory.is_directory) continue;
    if (component == "**") {
      ARROW_RETURN_NOT_OK(AllDirectories(env, directory, out));
    } else {
      ARROW_RETURN_NOT_OK(Match(env, directory, component, out));
    }
  }
  return Status::OK();
}

/// What a pattern matches, sorted, each once. Below ** only files count, for their directories would give them a second time.
Result<std::vector<FileEntry>> Matches(Env& env, const std::string& pattern) {
  std::vector<FileEntry> matches;
  ARROW_RETURN_NOT_OK(Expand(env, pattern, &matches));
  const bool recursive = pattern.find("**") != std::string::npos;
  std::erase_if(matches, [&](const FileEntry& match) { return recursive && match.is_directory; });
  if (matches.empty()) return MakeError(ErrorKind::kFileNotFound, "no file matches " + pattern);
  std::sort(matches.begin(), matches.end(), [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
  matches.erase(std::unique(matches.begin(), matches.end(), [](const FileEntry& a, const FileEntry& b) { return a.path == b.path; }), matches.end());
  return matches;
}

Status AddEntry(Env& env, const FileEntry& entry, const Extensions& extensions, std::vector<ListedFile>* files) {
  if (!entry.is_directory) {
    files->push_back({entry.path, Name(entry.path), entry.size_bytes});
    return Status::OK();
  }
  const size_t before = files->size();
  ARROW_RETURN_NOT_OK(Walk(env, entry.path, entry.path.size(), extensions, files));
  if (files->size() == before) return NoFile(entry.path, extensions);
  std::sort(files->begin() + before, files->end(), [](const ListedFile& a, const ListedFile& b) { return a.relative < b.relative; });
  return Status::OK();
}

}  // namespace

namespace {

Status AddPath(Env& env, const std::string& given, const Extensions& extensions, std::vector<ListedFile>* files) {
  std::string path = WithoutTrailingSlash(given);
  auto entry = env.Stat(path);
  if (!entry.ok() && EndsWith(path, "/**")) {  // directories are walked to the bottom anyway
    path = WithoutTrailingSlash(path.substr(0, path.size() - 2));
    entry = env.Stat(path);
  }
  if (entry.ok()) return AddEntry(env, *entry, extensions, files);
  if (!IsGlob(path)) return entry.status();
  ARROW_ASSIGN_OR_RAISE(const auto matches, Matches(env, path));
  for (const FileEntry& match : matches) ARROW_RETURN_NOT_OK(AddEntry(env, match, extensions, files));
  return Status::OK();
}

}  // namespace

Result<std::vector<ListedFile>> ListFiles(Env& env, const std::vector<std::string>& paths, const std::vector<std::string>& extensions, bool ignore_missing) {
  std::vector<ListedFile> files;
  for (const std::string& path : paths) {
    const Status added = AddPath(env, path, extensions, &files);
    const bool ignored = ignore_missing && KindOf(added) == ErrorKind::kFileNotFound;
    if (!added.ok() && !ignored) return added;
  }
  if (files.empty() && !paths.empty()) return MakeError(ErrorKind::kFileNotFound, "none of the paths is there: " + paths.front() + (paths.size() > 1 ? ", ..." : ""));
  if (files.empty()) return MakeError(ErrorKind::kInvalidArgument, "no path was given; name a file, a directory or a pattern");
  return files;
}

Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenListed(Env& env, const ListedFile& file, arrow::MemoryPool* pool, const std::string& reader) {
  ARROW_ASSIGN_OR_RAISE(auto opened, env.OpenForRead(file.path, pool));
  ARROW_ASSIGN_OR_RAISE(const int64_t size, opened->GetSize());
  if (size == file.size_bytes) return opened;
  return MakeError(ErrorKind::kInvalidArgument, "file " + file.path + " changed after it was listed: it had " + std::to_string(file.size_bytes) + " bytes, now it has " +
                                                    std::to_string(size) + "; call " + reader + "() again");
}

}  // namespace millstream
