// Thread-local data of libraries.
#pragma once

namespace pie {

// Gives the calling thread its part of the thread-local data of every library that is loaded. glibc
// does so when the data is first touched, and ends the process where there is no memory for it;
// this asks for the memory first, and throws std::bad_alloc.
void take_thread_storage();

}  // namespace pie
