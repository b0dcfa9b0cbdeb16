// Memory of the tools, which comes from mimalloc.
#pragma once

namespace pie {

// Whether there was once less than was asked for.
bool memory_has_ended() noexcept;

}  // namespace pie
