// A library with PIE_BYTES of thread-local data, for thread_storage_test.
thread_local char pie_thread_local_data[PIE_BYTES];
