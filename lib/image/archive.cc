#include "lib/image/archive.h"

#include "lib/image/cifar.h"
#include "lib/image/idx.h"

namespace pie {

std::unique_ptr<Archive> open_archive(const Input& input) {
  if (is_idx(input)) return open_idx_images(input);
  if (is_cifar(input)) return open_cifar(input);
  return nullptr;
}

}  // namespace pie
