// Encodes an image to a code file and decodes it again, through the installed library.
//   round_trip MODEL IMAGE CODE_FILE
#include <iostream>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/codec/codec.h"
#include "lib/container/code_file.h"
#include "lib/image/image_io.h"
#include "lib/model/model_store.h"

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw pie::UsageError("round_trip MODEL IMAGE CODE_FILE");
    const auto model = pie::find_model(argv[1]);
    const auto image = pie::read_image(argv[2]).image;
    pie::OutputFile file(argv[3], /*overwrite=*/true);
    pie::encode_images(model, pie::feed_of(image), {},
                       [&](pie::ByteSpan bytes) { file.write(bytes.data, bytes.size); });
    file.commit();

    const pie::CodeFile code{pie::Input(argv[3])};
    pie::Image decoded;
    pie::decode_images(model, code.frames()[0], /*layers=*/0, {0},
                       [&](uint64_t, const pie::Image& found) { decoded = found; });
    std::cout << image.samples.size() << " samples, " << code.bytes() << " bytes, "
              << (decoded == image ? "lossless" : "lossy") << "\n";
  } catch (const pie::Error& error) {
    std::cerr << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
