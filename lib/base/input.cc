#include "lib/base/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/used_files.h"

namespace pie {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

[[noreturn]] void fail(const std::string& name, int error_number) {
  throw OperationError(name + ": cannot read: " + std::strerror(error_number));
}

// Reads up to `count` bytes to `to`, from `offset` on or, if negative, from where the file stands.
std::size_t read_some(int fd, std::uint8_t* to, std::size_t count, const std::string& name,
                      off_t offset = -1) {
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

// Closes a descriptor at the end of its life.
class Input::Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_;
};

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
  std::mutex mutex;                // guards all below
  std::optional<Identity> file;    // of a regular file
  std::optional<ByteSpan> memory;  // what was given in memory
  bool is_stream = false;          // anything else
  Descriptor stream;               // until its end
  Bytes held;                      // what was read of it

  // The file to read from; none if the bytes before `end`, or as many as there are, are in memory.
  Descriptor open(std::uint64_t end) {
    if (memory) return Descriptor();
    if (!is_stream) {
      Descriptor opened = open_path();
      if (!is_stream) return opened;
      stream = std::move(opened);
    }
    hold(end);
    return Descriptor();
  }

  Descriptor open_path() {
    const bool from_stdin = path == "-";
    if (from_stdin && ::isatty(STDIN_FILENO) != 0) {
      throw UsageError("stdin is a terminal; give a file, or - behind a pipe");
    }
    Descriptor opened(from_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened.is_open()) fail(name, errno);
    struct stat status {};
    if (::fstat(opened.get(), &status) != 0) fail(name, errno);
    if (S_ISDIR(status.st_mode)) throw OperationError(name + ": is a folder, not a file");
    const Identity found{status.st_dev, status.st_ino, status.st_size};
    if (file && !(*file == found)) {
      throw OperationError(name + ": was changed while it was read; try again");
    }
    const bool is_file = S_ISREG(status.st_mode) && !from_stdin;
    if (is_file && !file) remember_used_file(status);
    // What has no size until it is read, such as a file of /proc, is read like a pipe.
    is_stream = !is_file || status.st_size == 0;
    if (!is_stream) file = found;
    return opened;
  }

  // Reads the stream on until the bytes before `end` are held, or to its end.
  void hold(std::uint64_t end) {
    constexpr std::size_t kStep = 1 << 16;
    while (stream.is_open() && held.size() < end) {
      const std::size_t used = held.size();
      held.resize(used + std::max(used, kStep));
      const std::size_t got = read_some(stream.get(), held.data() + used, held.size() - used, name);
      if (used + got < held.size()) stream = Descriptor();
      held.resize(used + got);
    }
  }

  ByteSpan in_memory() const { return memory ? *memory : ByteSpan{held.data(), held.size()}; }
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
  const Descriptor file = state_->open(kNoLimit);
  return file.is_open() ? static_cast<std::uint64_t>(state_->file->size) : state_->in_memory().size;
}

Bytes Input::read(std::uint64_t offset, std::uint64_t count) const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  const Descriptor file = state_->open(count > kNoLimit - offset ? kNoLimit : offset + count);
  const ByteSpan memory = state_->in_memory();
  const std::uint64_t size =
      file.is_open() ? static_cast<std::uint64_t>(state_->file->size) : memory.size;
  const std::uint64_t first = std::min(offset, size);
  const auto wanted = static_cast<std::size_t>(std::min(count, size - first));
  if (!file.is_open()) return Bytes(memory.data + first, memory.data + first + wanted);
  Bytes bytes(wanted);
  bytes.resize(
      read_some(file.get(), bytes.data(), wanted, state_->name, static_cast<off_t>(first)));
  return bytes;
}

Bytes Input::all(std::uint64_t max_bytes) const {
  // One byte more tells what is longer, of which no more is read.
  Bytes bytes = read(0, max_bytes == kNoLimit ? kNoLimit : max_bytes + 1);
  if (bytes.size() > max_bytes) {
    throw DamagedError(name() + ": longer than " + std::to_string(max_bytes) + " bytes");
  }
  return bytes;
}

Bytes read_file(const std::string& path, std::uint64_t max_bytes) {
  return Input(path).all(max_bytes);
}

}  // namespace pie
