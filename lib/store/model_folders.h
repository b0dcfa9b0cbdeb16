// Where model files and presets are found. A folder that is not there, or not for us, is passed
// over; one that cannot be read for another reason, which would hide a model, is an OperationError.
#pragma once

#include <string>
#include <vector>

namespace pie {

// The folders that are searched: $PIE_MODEL_PATH (colon-separated), the install's share folder, the
// source tree's models/.
std::vector<std::string> model_folders();

// Names of the presets (suffix ".json") or models (suffix ".safetensors") that are there, sorted.
std::vector<std::string> names_in_store(const std::string& suffix);

// The first file called `name` in the folders, or "".
std::string path_in_store(const std::string& name);

// All model files, in the order in which they are searched for a fingerprint.
std::vector<std::string> model_paths();

// What the model with this fingerprint (in hexadecimal digits) is called, by its file's own words;
// "" if it is not there.
std::string model_name(const std::string& fingerprint);

}  // namespace pie
