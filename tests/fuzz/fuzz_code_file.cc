// Code files as bytes: headers, tables, chunks, what is kept of files, cuts. Most mutations are
// sealed with right checksums, behind which the fields are.
#include "lib/base/checksum.h"
#include "lib/container/code_file.h"
#include "lib/container/member_list.h"
#include "lib/container/rewrite.h"
#include "tests/fuzz/target.h"

namespace pie {
namespace {

void put_crc(std::uint8_t* begin, std::size_t size) {
  const std::uint32_t crc = crc32(begin, size);
  for (std::size_t i = 0; i < 4; ++i) {
    begin[size + i] = static_cast<std::uint8_t>(crc >> (8 * i));
  }
}

// Right checksums for the first frame, if it has the form of one.
void seal(std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kBeforeLength = 5, kCrc = 4;
  if (size < kBeforeLength) return;
  failure([&] {
    ByteReader reader(data + kBeforeLength, size - kBeforeLength);
    const std::uint64_t length = reader.varint();
    reader.raw(length);
    const std::size_t header = kBeforeLength + reader.position();
    reader.raw(kCrc);
    put_crc(data, header);
    const StoredFrame frame = StoredFrame::parse(Input(ByteSpan{data, size}), 0, {});
    const std::uint64_t metadata = frame.size() - frame.payload_bytes() - frame.overhead_bytes();
    if (frame.size() > size) return;
    std::size_t at = frame.size() - metadata;
    while (at < frame.size()) {
      ByteReader chunk(data + at, frame.size() - at);
      chunk.raw(4);
      chunk.raw(chunk.varint());
      put_crc(data + at, chunk.position());
      at += chunk.position() + kCrc;
    }
  });
}

void read_code_file(const Bytes& bytes) {
  const CodeFile file(bytes);
  file.summary();
  failure([&] { file.check(); });
  failure([&] { file.require_layers(); });
  for (const StoredFrame& frame : file.frames()) {
    breakpoints(frame);
    std::vector<std::string> warnings;
    failure([&] { frame.chunks(); });
    failure([&] {
      const std::vector<Member> members = stored_members(frame, &warnings);
      require(members.empty() || members.size() == frame.header().images);
      for (const Member& m : members) require(m.name.empty() || is_member_name(m.name));
      member_chunk(members);
    });
    for (int layers = 1; layers <= frame.layers(); ++layers) {
      Bytes part;
      const bool was_cut = succeeds([&] {
        cut_layers(frame, layers, [&](ByteSpan piece) {
          part.insert(part.end(), piece.data, piece.data + piece.size);
        });
      });
      if (was_cut) CodeFile(part).require_layers();
    }
  }
}

}  // namespace
}  // namespace pie

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pie::failure([&] { pie::read_code_file(pie::Bytes(data, data + size)); });
  return 0;
}

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 != 0) pie::seal(data, size);
  return size;
}
