// Lets a test see how much memory the code under test asks for at once.
#pragma once

#include <cstddef>

namespace pie::test {

// The largest single allocation by `new` since the last reset, in bytes.
std::size_t largest_allocation();
void reset_largest_allocation();

}  // namespace pie::test
