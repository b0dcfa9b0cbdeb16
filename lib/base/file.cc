#include "lib/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <random>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/used_files.h"

namespace pie {
namespace {

// Paths of temporary files, where a signal handler can read them: fixed storage, no locks. While a
// slot is kClaimed, its file is being made; that is not for long, and the thread that makes it
// takes no signals.
struct Slot {
  enum State : int { kFree, kClaimed, kInUse };
  std::atomic<int> state{kFree};
  std::array<char, PATH_MAX> path{};
};
static_assert(std::atomic<int>::is_always_lock_free, "the signal handler must not wait");
std::array<Slot, 64> slots;

constexpr int kNoSlot = -1, kNoFile = -2;
constexpr mode_t kPermissions = 0777;

int claim_slot() {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    int expected = Slot::kFree;
    if (slots[i].state.compare_exchange_strong(expected, Slot::kClaimed))
      return static_cast<int>(i);
  }
  return kNoSlot;
}

void free_slot(int slot) {
  if (slot >= 0) slots[static_cast<std::size_t>(slot)].state = Slot::kFree;
}

// No signal reaches this thread while it lives.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

// Makes a file and registers it as temporary, in one step as signal handlers see it: they remove
// what is ours, and never a file of that name that was there before. -1 if it cannot: `claimed` is
// then kNoSlot, or kNoFile with errno.
int make_registered(const std::string& path, int* claimed) {
  const SignalsBlocked blocked;
  const int slot = *claimed = claim_slot();
  if (slot < 0) return -1;
  auto& own = slots[static_cast<std::size_t>(slot)];
  std::memcpy(own.path.data(), path.c_str(), path.size() + 1);
  // Not mkstemp: the final file gets the mode that the umask asks for.
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  const int error_number = errno;
  own.state = fd >= 0 ? Slot::kInUse : Slot::kFree;
  if (fd < 0) *claimed = kNoFile;
  errno = error_number;
  return fd;
}

// Where a file of this name will be: symbolic links are followed, also to what is not there yet.
std::string resolved(const std::string& path) {
  std::string target = path;
  constexpr int kMostLinks = 40;  // as many as Linux follows
  for (int i = 0; i < kMostLinks; ++i) {
    std::array<char, PATH_MAX> link{};
    const ssize_t length = ::readlink(target.c_str(), link.data(), link.size() - 1);
    if (length <= 0) return target;
    const std::string next(link.data(), static_cast<std::size_t>(length));
    const std::size_t slash = target.rfind('/');
    const bool relative = next[0] != '/' && slash != std::string::npos;
    target = relative ? target.substr(0, slash + 1) + next : next;
  }
  return target;
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
    refuse_used_file(status, path_);
    if (!overwrite_) throw ExistsError(path_ + ": exists already");
  }
  struct stat link {};
  const bool dangling = status.st_ino == 0 && ::lstat(path_.c_str(), &link) == 0;
  if (dangling && !overwrite_) throw ExistsError(path_ + ": is a symbolic link to nothing");
  target_ = resolved(path_);
  const std::size_t slash = target_.rfind('/');
  open_temporary(slash == std::string::npos ? "" : target_.substr(0, slash + 1));
  if (status.st_ino != 0) take_access(status);
}

void OutputFile::take_access(const struct stat& status) {
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

void OutputFile::restrict_to(const std::string& path) {
  const auto given = file_status(path);
  struct stat own {};
  if (slot_ < 0 || !given || ::fstat(fd_, &own) != 0) return;
  ::fchmod(fd_, own.st_mode & kPermissions & given->mode);
}

void OutputFile::take(const FileStatus& status) {
  if (slot_ < 0) return;
  ::fchmod(fd_, static_cast<mode_t>(status.mode));
  timespec modified{};
  modified.tv_sec = static_cast<time_t>(status.seconds);
  modified.tv_nsec = static_cast<long>(status.nanoseconds);
  times_ = {modified, modified};
}

std::optional<FileStatus> file_status(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return FileStatus{status.st_mode & kPermissions, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

void OutputFile::open_temporary(const std::string& folder) {
  std::random_device random;
  for (int attempt = 0; attempt < 100; ++attempt) {
    // Names that nobody can guess, and so not occupy.
    std::array<char, 40> name{};
    std::snprintf(name.data(), name.size(), ".pie-%08x%08x.tmp", random(), random());
    temporary_ = folder + name.data();
    if (temporary_.size() >= PATH_MAX) fail("cannot write", ENAMETOOLONG);
    fd_ = make_registered(temporary_, &slot_);
    if (fd_ >= 0) return;
    if (slot_ == kNoSlot) throw OperationError(path_ + ": cannot write: too many unfinished files");
    if (errno != EEXIST) fail("cannot write", errno);
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
  struct stat own {};
  if (::fstat(fd_, &own) != 0) fail("cannot write", errno);
  // Some file systems cannot sync, which is no reason to lose the file; a full disk is.
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != ENOSYS) fail("cannot write", errno);
  if (::close(std::exchange(fd_, -1)) != 0) fail("cannot write", errno);
  refuse_used_file(target_);  // what was read, or written, since this one was opened
  move_into_place();
  remember_used_file(own);
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
    while (slot.state == Slot::kClaimed) {  // another thread is about to know
    }
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
