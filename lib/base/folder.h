// What is in a folder.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace pie {

// The files in `folder` whose name `wanted` likes, and with `recursive` those in the folders below
// it, hidden ones too, sorted by path bytewise. What is wanted and cannot be read - a folder, a
// link to nothing, what is no file - goes to `skip` with the cause; so does, with `recursive`, a
// link to a folder, which is not followed. Throws OperationError if `folder` itself cannot be read.
std::vector<std::string> list_files(
    const std::string& folder, bool recursive,
    const std::function<bool(const std::string& path)>& wanted,
    const std::function<void(const std::string& path, const std::string& cause)>& skip);

}  // namespace pie
