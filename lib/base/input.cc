#include "lib/base/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>

#include "lib/base/error.h"
#include "lib/base/used_files.h"

namespace pie {
namespace {

// Closes a descriptor at the end of a scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(const std::string& name, int error_number) {
  throw OperationError(name + ": cannot read: " + std::strerror(error_number));
}

// Reads up to `count` bytes to `to`, from `offset` on or, if negative, from where the file stands.
std::size_t read_some(int fd, std::uint8_t* to, std::size_t count, off_t offset,
                      const std::string& name) {
  std::size_t used = 0;
  while (used < count) {
    const ssize_t got =
        offset < 0 ? ::read(fd, to + used, count - used)
                   : ::pread(fd, to + used, count - used, offset + static_cast<off_t>(used));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(name, errno);
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  return used;
}

}  // namespace

struct Input::State {
  // Which file a path named at the first question.
  struct Identity {
    dev_t device;
    ino_t inode;
    off_t size;
    bool operator==(const Identity& other) const {
      return device == other.device && inode == other.inode && size == other.size;
    }
  };

  std::string path;
  std::string name;
  std::mutex mutex;  // guards all below
  std::optional<Bytes> held;
  std::optional<ByteSpan> memory;  // what is held, or was given
  std::optional<Identity> file;

  // Opens the file; a stream is then held in memory, and -1 returned.
  int open(std::uint64_t max_bytes) {
    if (memory) return -1;
    const bool from_stdin = path == "-";
    if (from_stdin && ::isatty(STDIN_FILENO) != 0) {
      throw UsageError("stdin is a terminal; give a file, or - behind a pipe");
    }
    const int fd = from_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail(name, errno);
    struct stat status {};
    if (::fstat(fd, &status) != 0) fail(name, errno);
    if (S_ISDIR(status.st_mode)) {
      const Descriptor closed(fd);
      throw OperationError(name + ": is a folder, not a file");
    }
    if (S_ISREG(status.st_mode) && !from_stdin) {
      const Identity found{status.st_dev, status.st_ino, status.st_size};
      if (file && !(*file == found)) {
        const Descriptor closed(fd);
        throw OperationError(name + ": was changed while it was read; try again");
      }
      if (!file) remember_used_file(status);
      file = found;
      return fd;
    }
    const Descriptor closed(fd);
    hold(fd, max_bytes);
    return -1;
  }

  void hold(int fd, std::uint64_t max_bytes) {
    Bytes bytes(1 << 16);
    std::size_t used = 0;
    for (;;) {
      const std::size_t got = read_some(fd, bytes.data() + used, bytes.size() - used, -1, name);
      used += got;
      if (used > max_bytes) refuse_length(max_bytes);
      if (used < bytes.size()) break;
      bytes.resize(2 * bytes.size());
    }
    bytes.resize(used);
    held = std::move(bytes);
    memory = ByteSpan{held->data(), held->size()};
  }

  [[noreturn]] void refuse_length(std::uint64_t max_bytes) const {
    throw DamagedError(name + ": longer than " + std::to_string(max_bytes) + " bytes");
  }
};

Input::Input(const std::string& path) : state_(std::make_shared<State>()) {
  state_->path = path;
  state_->name = path == "-" ? "stdin" : path;
}

Input::Input(ByteSpan bytes, const std::string& name) : Input(name) { state_->memory = bytes; }

const std::string& Input::path() const { return state_->path; }
std::string Input::name() const { return state_->name; }

bool Input::exists() const {
  struct stat status {};
  return state_->memory || state_->path == "-" || ::stat(state_->path.c_str(), &status) == 0;
}

bool Input::is_folder() const {
  struct stat status {};
  return !state_->memory && ::stat(state_->path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool Input::is_regular_file() const {
  struct stat status {};
  return !state_->memory && state_->path != "-" && ::stat(state_->path.c_str(), &status) == 0 &&
         S_ISREG(status.st_mode);
}

std::uint64_t Input::size() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  const Descriptor file(state_->open(std::numeric_limits<std::uint64_t>::max()));
  return state_->memory ? state_->memory->size : static_cast<std::uint64_t>(state_->file->size);
}

Bytes Input::read(std::uint64_t offset, std::uint64_t count) const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  const Descriptor file(state_->open(std::numeric_limits<std::uint64_t>::max()));
  const std::uint64_t size =
      state_->memory ? state_->memory->size : static_cast<std::uint64_t>(state_->file->size);
  const std::uint64_t first = std::min(offset, size);
  const auto wanted = static_cast<std::size_t>(std::min(count, size - first));
  if (state_->memory) {
    const std::uint8_t* from = state_->memory->data + first;
    return Bytes(from, from + wanted);
  }
  Bytes bytes(wanted);
  bytes.resize(
      read_some(file.get(), bytes.data(), wanted, static_cast<off_t>(first), state_->name));
  return bytes;
}

Bytes Input::all(std::uint64_t max_bytes) const {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    const Descriptor file(state_->open(max_bytes));
    const std::uint64_t size =
        state_->memory ? state_->memory->size : static_cast<std::uint64_t>(state_->file->size);
    if (size > max_bytes) state_->refuse_length(max_bytes);
    // What has no size until it is read, such as a file of /proc.
    if (!state_->memory && size == 0) state_->hold(file.get(), max_bytes);
  }
  return read(0, max_bytes);
}

Bytes read_file(const std::string& path, std::uint64_t max_bytes) {
  return Input(path).all(max_bytes);
}

}  // namespace pie
