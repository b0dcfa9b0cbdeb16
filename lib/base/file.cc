#include "lib/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "lib/base/error.h"

namespace pie {
namespace {

// Paths of temporary files, where a signal handler can read them: fixed storage, no locks.
struct Slot {
  enum State : int { kFree, kClaimed, kInUse };
  std::atomic<int> state{kFree};
  std::array<char, PATH_MAX> path{};
};
static_assert(std::atomic<int>::is_always_lock_free, "the signal handler must not wait");
std::array<Slot, 64> slots;

int claim_slot(const std::string& path) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    int expected = Slot::kFree;
    if (!slots[i].state.compare_exchange_strong(expected, Slot::kClaimed)) continue;
    std::memcpy(slots[i].path.data(), path.c_str(), path.size() + 1);
    slots[i].state = Slot::kInUse;
    return static_cast<int>(i);
  }
  return -1;
}

void free_slot(int slot) {
  if (slot >= 0) slots[static_cast<std::size_t>(slot)].state = Slot::kFree;
}

std::string reason(int error_number) { return std::strerror(error_number); }

// So that a name survives a power cut, as the bytes under it do; where a system cannot, it need
// not.
void sync_folder(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const auto folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

OutputFile::OutputFile(std::string path, bool overwrite)
    : path_(std::move(path)), target_(path_), overwrite_(overwrite) {
  if (path_ == "-") {
    path_ = "stdout";
    fd_ = STDOUT_FILENO;
    return;
  }
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) throw OperationError(path_ + ": is a folder, not a file");
    if (!S_ISREG(status.st_mode)) {
      // Renaming over a device would destroy it.
      fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
      if (fd_ < 0) fail("cannot write", errno);
      return;
    }
    if (!overwrite_) throw ExistsError(path_ + ": exists already");
    if (char* resolved = ::realpath(path_.c_str(), nullptr)) {
      target_ = resolved;
      std::free(resolved);
    }
  }
  const std::size_t slash = target_.rfind('/');
  open_temporary(slash == std::string::npos ? "" : target_.substr(0, slash + 1));
  if (status.st_ino != 0) take_access(status);
}

void OutputFile::take_access(const struct stat& status) {
  constexpr mode_t kPermissions = 0777;
  // Without the right to give files away, the group may be.
  if (::fchown(fd_, status.st_uid, status.st_gid) != 0 &&
      ::fchown(fd_, static_cast<uid_t>(-1), status.st_gid) != 0) {
    errno = 0;
  }
  ::fchmod(fd_, status.st_mode & kPermissions);
}

void OutputFile::take_after(const std::string& path) {
  struct stat status {};
  if (slot_ < 0 || ::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  take_access(status);
  times_ = {status.st_atim, status.st_mtim};
}

void OutputFile::open_temporary(const std::string& folder) {
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; attempt < 1000; ++attempt) {
    temporary_ =
        folder + ".pie-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp";
    if (temporary_.size() >= PATH_MAX) fail("cannot write", ENAMETOOLONG);
    // Registered first: a signal between the two calls finds nothing to remove, which is harmless.
    slot_ = claim_slot(temporary_);
    if (slot_ < 0) throw OperationError(path_ + ": cannot write: too many unfinished files");
    // Not mkstemp: the final file gets the mode that the umask asks for.
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ >= 0) return;
    const int error_number = errno;
    free_slot(std::exchange(slot_, -1));
    if (error_number != EEXIST) fail("cannot write", error_number);
  }
  fail("cannot write", EEXIST);
}

OutputFile::~OutputFile() { discard(); }

void OutputFile::discard() noexcept {
  if (fd_ > STDERR_FILENO) ::close(fd_);
  fd_ = -1;
  if (slot_ >= 0) {
    ::unlink(temporary_.c_str());
    free_slot(std::exchange(slot_, -1));
  }
}

void OutputFile::fail(const char* what, int error_number) const {
  throw OperationError(path_ + ": " + what + ": " + reason(error_number));
}

void OutputFile::write(const void* data, std::size_t size) {
  if (fd_ < 0) throw OperationError(path_ + ": cannot write: the file is finished");
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd_, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write", errno);
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
}

void OutputFile::commit() {
  if (fd_ < 0) return;
  if (slot_ < 0) {  // stdout, a device or a pipe
    if (fd_ > STDERR_FILENO && ::close(std::exchange(fd_, -1)) != 0) fail("cannot write", errno);
    fd_ = -1;
    return;
  }
  if (times_) ::futimens(fd_, times_->data());
  // Some file systems cannot sync, which is no reason to lose the file; a full disk is.
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != ENOSYS) fail("cannot write", errno);
  if (::close(std::exchange(fd_, -1)) != 0) fail("cannot write", errno);
  move_into_place();
  free_slot(std::exchange(slot_, -1));
  sync_folder(target_);
}

void OutputFile::move_into_place() const {
  if (!overwrite_) {
    // A hard link refuses to replace a file that has appeared since the constructor looked.
    if (::link(temporary_.c_str(), target_.c_str()) == 0) {
      ::unlink(temporary_.c_str());
      return;
    }
    if (errno == EEXIST) throw ExistsError(path_ + ": exists already");
    // Other errors: a file system without links, where rename has to do.
  }
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot rename", errno);
}

void remove_temporary_files() noexcept {
  const int saved = errno;
  for (Slot& slot : slots) {
    if (slot.state == Slot::kInUse) ::unlink(slot.path.data());
  }
  errno = saved;
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat first {};
  struct stat second {};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace pie
