#pragma once
/// An Env that reads and writes objects of stores too: paths that begin with a name and "://" are of a store, all others are for the Env below it.
///
/// "s3://", "gs://" (or "gcs://"), "abfs://" (or "abfss://"), "hdfs://" and "viewfs://" are read by Arrow's own clients, which are made when a path names them first
/// (native_stores.h); others are added (Env::AddStore). What will be read is fetched before, several requests at a time (read_ahead.h).
///
/// What a store lacks: renaming copies an object and removes the old one, so that a process that dies in between leaves both; directories are there when something is in
/// them; nothing has to be synced; a lock is an object, which ends with its age (a week), for nobody sees that its owner died.
///
/// Credentials, regions and endpoints come from where the stores' own programs take them, or with the store that is added. They are in no path, plan or message.

#include <memory>
#include <string>
#include <string_view>

#include "env/env.h"

namespace millstream {

bool IsStorePath(std::string_view path);

/// The text without the names of stores that were added for file systems of a program's own ("s3~0f3a9c21://bucket/key"): those say nothing to a person.
std::string WithoutStoreNames(std::string text);

std::shared_ptr<Env> WithStores(std::shared_ptr<Env> below);

}  // namespace millstream
