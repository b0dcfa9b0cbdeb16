#include "lib/numerics/batches.h"

#include <ATen/Parallel.h>
#include <pthread.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#include <torch/torch.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "lib/base/thread_storage.h"

namespace pie {
namespace {

// Set on threads that are one of several: what they call has no others.
thread_local bool is_one_of_several = false;

// While it lives, loops of LibTorch on this thread have no others.
class OneThread {
 public:
  OneThread() {
    is_one_of_several = true;
#ifdef _OPENMP
    // LibTorch sets a thread's number once, at its first loop: not after ours.
    at::internal::lazy_init_num_threads();
    before_ = omp_get_max_threads();
    omp_set_num_threads(1);
#endif
  }
  ~OneThread() {
    is_one_of_several = false;
#ifdef _OPENMP
    omp_set_num_threads(before_);
#endif
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  [[maybe_unused]] int before_ = 0;
};

// Threads that wait for work until the process ends: what LibTorch does in each thread at first
// takes longer than a step of a small training.
class Workers {
 public:
  // Calls `work` here and on up to `others` other threads, as many as there are to be had and not
  // busy with another thread's work, side by side.
  void run(std::size_t others, const std::function<void()>& work) {
    const std::unique_lock<std::mutex> in_use(in_use_, std::try_to_lock);
    if (!in_use) return work();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      add_threads(others);
      work_ = &work;
      wanted_ = std::min(others, count_);
    }
    wake_.notify_all();
    work();
    std::unique_lock<std::mutex> lock(mutex_);
    wanted_ = 0;
    // Also for those that have not yet begun to wait: at the end of the process, LibTorch must not
    // be called by a thread that nobody knows of.
    done_.wait(lock, [&] { return running_ == 0 && ready_ == count_; });
  }

 private:
  void add_threads(std::size_t count) {
    try {
      for (; count_ < count; ++count_) std::thread([this] { serve(); }).detach();
    } catch (const std::system_error&) {
      // The system gives no more.
    }
  }

  void serve() {
    try {
      take_thread_storage();
    } catch (const std::bad_alloc&) {
      const std::lock_guard<std::mutex> lock(mutex_);
      --count_;
      done_.notify_one();
      return;
    }
    const OneThread alone;
    pthread_setname_np(pthread_self(), "pie-worker");
    std::unique_lock<std::mutex> lock(mutex_);
    ++ready_;
    done_.notify_one();
    for (;;) {
      wake_.wait(lock, [&] { return wanted_ > 0; });
      --wanted_;
      ++running_;
      const auto& work = *work_;
      lock.unlock();
      work();
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }

  std::mutex in_use_, mutex_;
  std::condition_variable wake_, done_;
  // Threads; those that can work; yet to begin; at work.
  std::size_t count_ = 0, ready_ = 0, wanted_ = 0, running_ = 0;
  const std::function<void()>* work_ = nullptr;
};

}  // namespace

void for_each_on_one_thread(std::size_t count, const std::function<void(std::size_t)>& body) {
  const auto threads = std::min(count, static_cast<std::size_t>(at::get_num_threads()));
  if (threads <= 1 || is_one_of_several || at::in_parallel_region()) {
    for (std::size_t i = 0; i < count; ++i) body(i);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  static auto& workers = *new Workers;  // never gone while its threads are there
  const OneThread alone;
  workers.run(threads - 1, [&] {
    try {
      for (std::size_t i; (i = next++) < count;) body(i);
    } catch (...) {
      next = count;
      const std::lock_guard<std::mutex> lock(mutex);
      if (!error) error = std::current_exception();
    }
  });
  if (error) std::rethrow_exception(error);
}

void for_each_batch(std::size_t count, std::size_t size,
                    const std::function<void(std::size_t begin, std::size_t end)>& body,
                    const ProgressCallback& progress) {
  const std::size_t batches = (count + size - 1) / size;
  std::mutex mutex;
  std::size_t done = 0;
  for_each_on_one_thread(batches, [&](std::size_t i) {
    const torch::NoGradGuard no_grad;  // of this thread
    body(i * size, std::min(count, (i + 1) * size));
    if (!progress) return;
    const std::lock_guard<std::mutex> lock(mutex);
    progress(static_cast<double>(++done) / static_cast<double>(batches));
  });
}

}  // namespace pie
