// Lists the layers of a code file, through the installed library and without LibTorch.
//   list_layers CODE_FILE
#include <iostream>

#include "lib/base/error.h"
#include "lib/base/version.h"
#include "lib/container/code_file.h"

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw pie::UsageError("list_layers CODE_FILE");
    const pie::CodeFile code{pie::Input(argv[1])};
    code.check();
    std::cout << "read by version " << pie::version_string() << "\n";
    for (const auto& end : pie::breakpoints(code.frames()[0])) {
      std::cout << end.layer << " ends at byte " << end.offset << "\n";
    }
  } catch (const pie::Error& error) {
    std::cerr << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
