// The files that a command has used: what it has read, or has written once, no output of it may
// replace.
#pragma once

#include <sys/stat.h>

#include <string>

namespace pie {

// From now on this process remembers, by device and inode, the regular files that Inputs read and
// OutputFiles make, and OutputFile refuses to replace one of them. Off before: other processes than
// commands may read a file and write it anew. Safe to use from several threads, as is all below.
void protect_used_files();

void remember_used_file(const struct stat& status);
void remember_used_file(const std::string& path);

// Throws UsageError if the file, or the one at `path`, was remembered; `path` is for the message.
void refuse_used_file(const struct stat& status, const std::string& path);
void refuse_used_file(const std::string& path);

// The file at `path` may be replaced after all: by a newer state of the same work.
void forget_used_file(const std::string& path);

}  // namespace pie
