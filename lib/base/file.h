// Atomic writing of files, and of stdout ("-").
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "lib/base/bytes.h"

namespace pie {

// What an archive keeps of a file besides its bytes.
struct FileStatus {
  unsigned mode = 0;                          // permissions of owner, group and others
  std::int64_t seconds = 0, nanoseconds = 0;  // of the last change, since 1970
};

// A file that appears under its final name only when complete: written to a temporary name in the
// same folder, fsync'd, renamed by `commit`. Destroyed without commit (error, signal handled by the
// tool): nothing is left. `path` "-" writes to stdout. A symbolic link is followed; a device or
// pipe is written directly. A closed pipe raises SIGPIPE as usual; where the process ignores that
// signal, it becomes an OperationError. A file that is replaced leaves its permissions and owner.
class OutputFile {
 public:
  // Throws ExistsError if `path` exists and `overwrite` is false, OperationError if the folder
  // cannot be written.
  OutputFile(std::string path, bool overwrite);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* data, std::size_t size);  // throws OperationError (disk full, closed pipe)
  void write(const Bytes& bytes) { write(bytes.data(), bytes.size()); }

  // The permissions and owner of `path`, at once, and its times in the end, as far as the system
  // lets it; of nothing that is no regular file.
  void take_after(const std::string& path);
  // No permissions that the file at `path` does not give, for what holds something of it.
  void restrict_to(const std::string& path);
  // What an archive says of a file that was elsewhere.
  void take(const FileStatus& status);

  // Puts the file in its place; a second call does nothing. Throws OperationError, ExistsError if
  // another program has meanwhile made a file of that name and `overwrite` is false.
  void commit();

 private:
  [[noreturn]] void fail(const char* what, int error_number) const;
  void open_temporary(const std::string& folder);
  void move_into_place() const;
  void discard() noexcept;
  void take_access(const struct stat& status);

  std::string path_;       // as the caller wrote it, for messages
  std::string target_;     // where the file will be
  std::string temporary_;  // empty where bytes go straight to their target
  int fd_ = -1;
  int slot_ = -1;  // place in the registry of temporary files
  bool overwrite_;
  std::optional<std::array<timespec, 2>> times_;  // of access and change
};

// The permissions and the time of last change of the file at `path`; none of what is no regular
// file.
std::optional<FileStatus> file_status(const std::string& path);

// Removes the temporary file of every OutputFile under way; async-signal-safe, for signal handlers.
void remove_temporary_files() noexcept;

// True if both paths name the same existing file (device and inode).
bool same_file(const std::string& a, const std::string& b);

}  // namespace pie
