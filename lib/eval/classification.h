// How often a classifier is wrong, and how often labels agree.
#pragma once

#include "lib/base/progress_callback.h"
#include "lib/image/image_source.h"
#include "lib/model/model.h"

namespace pie {

// Percentage of `images` whose class, the head's largest score, is not that of `labels`. Throws
// ShapeError unless there is one label for each image, UsageError without a classifier.
double classification_error(Model& model, const ImageSource& images, const Bytes& labels,
                            const ProgressCallback& progress = {});

// Percentage of the labels `found` that are the `right` ones; NaN of none. Throws ShapeError unless
// there are as many of both.
double percent_right(const Bytes& found, const Bytes& right);

}  // namespace pie
