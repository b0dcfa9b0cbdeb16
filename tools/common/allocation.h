// Memory of the tools, which comes from mimalloc.
#pragma once

namespace pie {

// Whether there was once less than was asked for.
bool memory_has_ended() noexcept;

// Whether the process was given less than there is; so said by whoever limits it.
bool memory_is_limited() noexcept;
void note_limited_memory() noexcept;

}  // namespace pie
