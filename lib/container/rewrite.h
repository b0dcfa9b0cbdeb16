// Code files made of others, without a model: parts of them, or several as one.
#pragma once

#include <vector>

#include "lib/base/spool.h"
#include "lib/container/stored_frame.h"

namespace pie {

// Hands over the frame with its first `layers` layers only, and what is present of its metadata.
// Needs no model. Throws UsageError unless 1 <= layers <= the stored ones, TruncatedError if these
// are not whole, DamagedError if one of their checksums is wrong, UnsupportedError for an unknown
// chunk that must not be skipped.
void cut_layers(const StoredFrame& frame, int layers, const Sink& sink);

// Hands over the frames one after the other. Those of successive parts of an archive, of which all
// but the last have whole blocks, become the one frame of the whole archive, byte by byte, unless
// that could not keep all of their metadata. Throws DamagedError for a wrong checksum,
// TruncatedError for a frame that is not whole, UnsupportedError for an unknown chunk that must not
// be skipped.
void join_frames(const std::vector<StoredFrame>& frames, const Sink& sink);

}  // namespace pie
