// Options of pie-decode, shared by its two halves.
#pragma once

#include <string>
#include <vector>

#include "lib/base/shard.h"
#include "lib/container/code_file.h"
#include "tools/common/files.h"

namespace pie {

struct CodeInput {
  std::string path;
  std::string root;  // the folder that was given, if it lies in one
  std::string name() const { return path == "-" ? "stdin" : path; }
};

struct DecodeOptions {
  std::string model;
  Destination destination;
  int layers = 0;  // 0: all that are stored
  bool allow_partial = false;
  std::string format;   // png, pgm, ppm, idx; "" follows the output's name
  std::string select;   // "5,10-20"
  std::string latents;  // .npy file to decode instead of code files
  bool list = false, test = false, test_all = false, breakpoints = false;
  Shard shard;  // of the images of each file
  std::vector<CodeInput> files;
};

// What to do about a cut file, to be added to the message that says so.
inline std::string how_to_rescue(const CodeFile& file) {
  const auto& last = file.frames().back();
  if (!last.truncated()) return ": use --allow-partial";
  if (last.whole_layers() == 0) return file.frames().size() > 1 ? ": use --allow-partial" : "";
  return ": use --layers " + std::to_string(last.whole_layers()) + " or --allow-partial";
}

}  // namespace pie
