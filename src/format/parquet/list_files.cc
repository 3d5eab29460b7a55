#include <fnmatch.h>

#include <algorithm>

#include "format/parquet/parquet_dataset.h"

namespace millstream {
namespace {

bool IsGlob(const std::string& path) { return path.find_first_of("*?[") != std::string::npos; }

bool IsHidden(const std::string& path) {
  const auto slash = path.rfind('/');
  const char first = path[slash == std::string::npos ? 0 : slash + 1];
  return first == '.' || first == '_';
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string WithoutTrailingSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string Parent(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status Walk(Env& env, const std::string& directory, size_t root_length, const std::string& extension, std::vector<ListedFile>* out) {
  ARROW_ASSIGN_OR_RAISE(const auto entries, env.List(directory));
  for (const FileEntry& entry : entries) {
    if (IsHidden(entry.path)) continue;
    if (entry.is_directory) {
      ARROW_RETURN_NOT_OK(Walk(env, entry.path, root_length, extension, out));
    } else if (EndsWith(entry.path, extension)) {
      out->push_back({entry.path, entry.path.substr(root_length + 1), entry.size_bytes});
    }
  }
  return Status::OK();
}

/// Matches one component of the pattern after another, listing only directories that can match.
Status Expand(Env& env, const std::string& pattern, std::vector<FileEntry>* out) {
  const std::string parent = Parent(pattern);
  const std::string name = pattern.substr(pattern.rfind('/') == std::string::npos ? 0 : pattern.rfind('/') + 1);
  std::vector<FileEntry> directories;
  if (IsGlob(parent)) {
    ARROW_RETURN_NOT_OK(Expand(env, parent, &directories));
  } else {
    directories.push_back({parent, 0, true});
  }
  for (const FileEntry& directory : directories) {
    if (!directory.is_directory) continue;
    ARROW_ASSIGN_OR_RAISE(const auto entries, env.List(directory.path));
    for (const FileEntry& entry : entries) {
      const std::string base = entry.path.substr(entry.path.rfind('/') + 1);
      if (fnmatch(name.c_str(), base.c_str(), FNM_PERIOD) == 0) out->push_back(entry);
    }
  }
  return Status::OK();
}

Status AddEntry(Env& env, const FileEntry& entry, const std::string& extension, std::vector<ListedFile>* files) {
  if (!entry.is_directory) {
    files->push_back({entry.path, entry.path.substr(entry.path.rfind('/') + 1), entry.size_bytes});
    return Status::OK();
  }
  const size_t before = files->size();
  ARROW_RETURN_NOT_OK(Walk(env, entry.path, entry.path.size(), extension, files));
  if (files->size() == before) {
    return MakeError(ErrorKind::kInvalidArgument, "directory " + entry.path + " has no file ending in " + extension +
                                                      "; name the files themselves if they end otherwise");
  }
  std::sort(files->begin() + before, files->end(), [](const ListedFile& a, const ListedFile& b) { return a.relative < b.relative; });
  return Status::OK();
}

}  // namespace

Result<std::vector<ListedFile>> ListFiles(Env& env, const std::vector<std::string>& paths, const std::string& extension) {
  std::vector<ListedFile> files;
  for (const std::string& raw : paths) {
    const std::string path = WithoutTrailingSlash(raw);
    auto entry = env.Stat(path);
    if (entry.ok()) {
      ARROW_RETURN_NOT_OK(AddEntry(env, *entry, extension, &files));
      continue;
    }
    if (!IsGlob(path)) return entry.status();
    std::vector<FileEntry> matches;
    ARROW_RETURN_NOT_OK(Expand(env, path, &matches));
    if (matches.empty()) return MakeError(ErrorKind::kFileNotFound, "no file matches " + path);
    for (const FileEntry& match : matches) ARROW_RETURN_NOT_OK(AddEntry(env, match, extension, &files));
  }
  if (files.empty()) return MakeError(ErrorKind::kInvalidArgument, "no path was given");
  return files;
}

}  // namespace millstream
