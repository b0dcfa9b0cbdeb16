// Whole-file reading and atomic writing, for regular files and for stdin/stdout ("-").
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace pie {

using Bytes = std::vector<std::uint8_t>;

// Reads all of `path` ("-" is stdin). Throws OperationError if it cannot be read, DamagedError if
// it is longer than `max_bytes`.
Bytes read_file(const std::string& path,
                std::uint64_t max_bytes = std::numeric_limits<std::uint64_t>::max());

// A file that appears under its final name only when complete: written to a temporary name in the
// same folder, fsync'd, renamed by `commit`. Destroyed without commit (error, signal handled by the
// tool): nothing is left. `path` "-" writes to stdout.
class OutputFile {
 public:
  // Throws OperationError if `path` exists and `overwrite` is false ("use -f to overwrite"), or if
  // the folder cannot be written.
  OutputFile(std::string path, bool overwrite);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* data, std::size_t size);  // throws OperationError (disk full, closed pipe)
  void write(const Bytes& bytes) { write(bytes.data(), bytes.size()); }
  void commit();

 private:
  std::string path_;
  std::string temporary_;
  int fd_ = -1;
};

// Removes the temporary file of every OutputFile under way; async-signal-safe, for signal handlers.
void remove_temporary_files() noexcept;

// True if both paths name the same existing file (device and inode).
bool same_file(const std::string& a, const std::string& b);

}  // namespace pie
