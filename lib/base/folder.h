// What is in a folder.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace pie {

// The files in `folder` whose name `wanted` likes, and with `recursive` those in the folders below
// it, sorted by path bytewise; symbolic links to folders are not followed, hidden files and folders
// left out. What is wanted and cannot be read - a folder, a link to nothing, what is no file - goes
// to `skip` with the cause. Throws OperationError if `folder` itself cannot be read.
std::vector<std::string> list_files(
    const std::string& folder, bool recursive,
    const std::function<bool(const std::string& path)>& wanted,
    const std::function<void(const std::string& path, const std::string& cause)>& skip);

}  // namespace pie
