// Names and destinations of output files, and the manners around them.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/file.h"

namespace pie {

// Where a tool that maps files to files writes: at most one of the three is set.
struct Destination {
  std::string file;             // -o
  std::string folder;           // -O
  bool to_stdout = false;       // -c
  bool overwrite = false;       // -f
  bool remove = false;          // --rm: inputs whose output is complete
  std::string suffix = ".pie";  // -S: of code files

  // The path for the output called `name`, which stands beside the input: `file`, or `name` in
  // `folder`, or "-" for stdout, or `name` itself. In `folder` it keeps the folders that it has
  // below `root`, the folder that was given as input.
  std::string path_for(const std::string& name, const std::string& root = "") const;
};

// The files that one run reads and writes: no output replaces an input, by device and inode, and
// none stands for two inputs.
class OutputPaths {
 public:
  // No effect if there is no such file.
  void add_input(const std::string& path);
  // Throws UsageError if `output` is one of the inputs, or that of another input already; stdout,
  // "-", is for all.
  void claim(const std::string& output, const std::string& input);

 private:
  std::map<std::string, std::string> inputs_;  // by the output's path in its shortest form
};

// Throws UsageError if `path` is stdout and stdout is a terminal.
void refuse_terminal(const std::string& path);

// Makes the folder `path` and those that it lies in, where they are missing. Throws OperationError.
void make_folder(const std::string& path);

// The file at `path`, to be written and committed. Throws OperationError if it exists and
// `overwrite` is false, UsageError if it is a terminal.
std::unique_ptr<OutputFile> open_output(const std::string& path, bool overwrite);

// Writes all bytes under the final name at once, with no permission that one of the files they are
// made of does not give. Throws like open_output.
void write_output(const std::string& path, const Bytes& bytes, bool overwrite,
                  const std::vector<std::string>& made_of = {});

// The name under which an archive keeps the file at `path`: below the folder `root` if that is
// given, else what there is of the path, without what leads to the root of all or out of this
// folder. Empty for stdin.
std::string member_name(const std::string& path, const std::string& root);

// An input as it was when its work began, which may be removed when that is done.
class RemovableInput {
 public:
  explicit RemovableInput(std::string path);
  // Removes the file. Warns where it cannot, and where the file is another than before; does
  // nothing to stdin, a symbolic link or anything else that is no regular file.
  void remove() const;

 private:
  std::string path_;
  struct stat before_ {};
};

// Whether the name of the file at `path` ends in `suffix`, and has more; and `path` without it.
bool has_suffix(const std::string& path, const std::string& suffix);
std::string without_suffix(const std::string& path, const std::string& suffix);

// The name of an image, or of a set, that was called so: itself if its suffix is one that can be
// written for such; else ".png", or ".idx" for a set, is added.
std::string image_name(const std::string& name, bool set);

// The format that a name asks for by its suffix, "" if it has none, and whether it asks for it in
// gzip: "x.idx.gz" does. A set may also be called "x.idx3-ubyte" or "x-idx3-ubyte".
struct NamedFormat {
  std::string name;
  bool gzip = false;
};
NamedFormat format_named_by(const std::string& path);

// Formats of sets: one file holds many images.
inline constexpr const char* kIdx = "idx";
inline constexpr const char* kCifar = "bin";
inline bool is_set_format(const std::string& name) { return name == kIdx || name == kCifar; }

}  // namespace pie
