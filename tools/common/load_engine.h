// The part of the tools that needs LibTorch, loaded only when a command reaches it: merely loading
// LibTorch takes half a second, too long for --help, --version, --list and the structural --test.
#pragma once

#include "tools/common/options.h"

namespace pie {

struct TrainOptions;
struct EncodeOptions;
struct DecodeOptions;
struct SampleOptions;
struct EvalOptions;

// The commands of the engine (libpie_engine). Each returns the exit code and throws what the
// library throws.
struct Engine {
  int (*version)(const CommonOptions&);  // prints which LibTorch this is
  int (*train)(const CommonOptions&, const TrainOptions&);
  int (*encode)(const CommonOptions&, const EncodeOptions&);
  int (*decode)(const CommonOptions&, const DecodeOptions&);
  int (*sample)(const CommonOptions&, const SampleOptions&);
  int (*eval)(const CommonOptions&, const EvalOptions&);
};

// The threads that the options ask for, bounded to what can help.
int thread_count(const CommonOptions& common);

// From here on, what would take `bytes` more than the process has now is std::bad_alloc, whoever
// asks.
void limit_memory(uint64_t bytes);

// Loads the engine, which then computes with as many threads as the options say, and in the memory
// that they allow. Throws
// OperationError if there is none, or no LibTorch, or neither memory nor threads for it.
const Engine& load_engine(const CommonOptions& common);

// Whether LibTorch is in this process.
bool engine_is_loaded();

}  // namespace pie

// The one symbol that the engine exports, which load_engine calls.
extern "C" const pie::Engine* pie_open_engine(const pie::CommonOptions& common);
