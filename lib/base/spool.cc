#include "lib/base/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

constexpr std::size_t kInMemory = std::size_t{1} << 20;

[[noreturn]] void fail(int error_number) {
  throw OperationError(std::string("a temporary file cannot be used: ") +
                       std::strerror(error_number) + "; set TMPDIR to a folder with room");
}

int open_nameless() {
  const char* folder = std::getenv("TMPDIR");
  std::string path = (folder != nullptr && *folder != '\0' ? folder : "/tmp");
  path += "/pie-XXXXXX";
  const int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) fail(errno);
  ::unlink(path.c_str());
  return fd;
}

}  // namespace

Spool::~Spool() {
  if (fd_ >= 0) ::close(fd_);
}

Spool::Spool(Spool&& other) noexcept
    : memory_(std::move(other.memory_)),
      in_file_(std::exchange(other.in_file_, 0)),
      fd_(std::exchange(other.fd_, -1)) {}

Spool& Spool::operator=(Spool&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(in_file_, other.in_file_);
  std::swap(fd_, other.fd_);
  return *this;
}

void Spool::append(const Bytes& bytes) {
  memory_.insert(memory_.end(), bytes.begin(), bytes.end());
  if (memory_.size() > kInMemory) flush();
}

void Spool::flush() {
  if (fd_ < 0) fd_ = open_nameless();
  for (std::size_t done = 0; done < memory_.size();) {
    const ssize_t written = ::write(fd_, memory_.data() + done, memory_.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno);
    done += static_cast<std::size_t>(written);
  }
  in_file_ += memory_.size();
  memory_.clear();
}

void Spool::copy_to(const Sink& sink) const {
  Bytes piece(static_cast<std::size_t>(std::min<std::uint64_t>(in_file_, kInMemory)));
  for (std::uint64_t done = 0; done < in_file_;) {
    const ssize_t got = ::pread(fd_, piece.data(), piece.size(), static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail(got < 0 ? errno : EIO);
    sink({piece.data(), static_cast<std::size_t>(got)});
    done += static_cast<std::uint64_t>(got);
  }
  sink({memory_.data(), memory_.size()});
}

}  // namespace pie
