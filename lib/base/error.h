// Typed exceptions: what went wrong decides the exit code of a tool.
#pragma once

#include <stdexcept>
#include <string>

namespace pie {

// Exit codes of every tool; the worst of several files wins (see `worse`).
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kDamaged = 3,
  kUnsupported = 4,
  kVerification = 5,
  kWarnings = 6,
};

// The graver of two outcomes, in the order 2 > 5 > 4 > 3 > 1 > 6 > 0.
ExitCode worse(ExitCode a, ExitCode b);

// Base of all errors that the library raises on purpose. The message names the
// file (where there is one), the cause and the remedy, in one lower-case line.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// A file cannot be opened, written, ... (exit 1).
class OperationError : public Error {
 public:
  explicit OperationError(const std::string& m) : Error(ExitCode::kFailed, m) {}
};

// A file that would be written is there already, and may not be replaced (exit 1).
class ExistsError : public OperationError {
 public:
  using OperationError::OperationError;
};

// The caller asked for something impossible: options, configuration, sizes (exit 2).
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& m) : Error(ExitCode::kUsage, m) {}
};

// Two shapes do not fit; the message names both (exit 2).
class ShapeError : public UsageError {
 public:
  using UsageError::UsageError;
};

// The input's bytes are not what its checksums or its format promise (exit 3).
class DamagedError : public Error {
 public:
  explicit DamagedError(const std::string& m) : Error(ExitCode::kDamaged, m) {}
};

// The input ends early (exit 3).
class TruncatedError : public DamagedError {
 public:
  using DamagedError::DamagedError;
};

// Intact, but made by a newer version, or the model it needs is missing or another (exit 4).
class UnsupportedError : public Error {
 public:
  explicit UnsupportedError(const std::string& m) : Error(ExitCode::kUnsupported, m) {}
};

// Larger than the caller accepts (exit 4).
class LimitError : public UnsupportedError {
 public:
  using UnsupportedError::UnsupportedError;
};

// Intact bytes, but the decoded symbols, pixels or inverse disagree (exit 5).
class VerificationError : public Error {
 public:
  explicit VerificationError(const std::string& m) : Error(ExitCode::kVerification, m) {}
};

// An iterative inverse did not reach its tolerance; its last iterate would be a wrong answer.
class ConvergenceError : public VerificationError {
 public:
  using VerificationError::VerificationError;
};

}  // namespace pie
