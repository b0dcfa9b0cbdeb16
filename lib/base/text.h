// Text taken apart. Streams can do that too, but where memory ends they end early and say nothing.
#pragma once

#include <string>
#include <vector>

namespace pie {

// The parts between separators; a separator at the end has none behind it.
std::vector<std::string> parts_of(const std::string& text, char separator);

// The parts between white space.
std::vector<std::string> words_of(const std::string& text);

}  // namespace pie
