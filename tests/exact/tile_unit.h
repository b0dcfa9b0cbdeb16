// A stand-in for a processor's tiles (AMX): their instructions fault where there are none, and are
// done here instead, so that the kernel itself is tested on every x86-64 machine.
#pragma once

#include <ucontext.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>

namespace pie {

// Stands in while it lives. One at a time.
class TileUnit {
 public:
  TileUnit() {
    state() = {};
    struct sigaction action {};
    action.sa_sigaction = &TileUnit::fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, &before_);
  }
  ~TileUnit() { sigaction(SIGILL, &before_, nullptr); }
  TileUnit(const TileUnit&) = delete;
  TileUnit& operator=(const TileUnit&) = delete;

 private:
  struct Tile {
    std::size_t rows, bytes;  // as configured
    std::uint8_t data[16][64];
  };
  static std::array<Tile, 8>& state() {
    static std::array<Tile, 8> tiles;
    return tiles;
  }

  // An instruction with a three-byte VEX prefix: C4 ~R~X~Bmmmmm W~v~v~v~vLpp opcode ModRM.
  struct Instruction {
    std::uint8_t opcode, prefix;  // pp: none, 66, F3, F2
    std::size_t reg, rm, vvvv;
    bool in_memory;
    std::uint8_t* address;  // of base and displacement
    std::int64_t index;     // of the index register, scaled
    std::size_t length;
  };

  static std::int64_t register_of(const ucontext_t& context, std::size_t number) {
    constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                REG_R12, REG_R13, REG_R14, REG_R15};
    return context.uc_mcontext.gregs[kOrder[number]];
  }

  static Instruction decode(const ucontext_t& context, const std::uint8_t* code) {
    const auto inverted = [](unsigned byte, int bit) { return (~byte >> bit & 1U) << 3; };
    Instruction is{};
    is.prefix = code[2] & 3;
    is.vvvv = ~code[2] >> 3 & 15;
    is.opcode = code[3];
    const unsigned mod = code[4] >> 6, rm = code[4] & 7;
    is.reg = code[4] >> 3 & 7;
    is.rm = rm;
    is.in_memory = mod != 3;
    const std::uint8_t* next = code + 5;
    if (is.in_memory) {
      bool has_base = true;
      std::size_t base = rm | inverted(code[1], 5);
      if (rm == 4) {
        const unsigned sib = *next++;
        const std::size_t index = (sib >> 3 & 7) | inverted(code[1], 6);
        if (index != 4) is.index = register_of(context, index) << (sib >> 6);
        base = (sib & 7) | inverted(code[1], 5);
      }
      std::int32_t offset = 0;
      const bool by_rip = mod == 0 && rm == 5;
      if (mod == 0 && (base & 7) == 5) has_base = false;
      if (mod == 1) {
        offset = static_cast<std::int8_t>(*next++);
      } else if (mod == 2 || !has_base) {
        std::memcpy(&offset, next, sizeof offset);
        next += sizeof offset;
      }
      std::int64_t address = offset;
      if (has_base) address += register_of(context, base);
      if (by_rip) address += reinterpret_cast<std::int64_t>(next);
      is.address = reinterpret_cast<std::uint8_t*>(address);
    }
    is.length = static_cast<std::size_t>(next - code);
    return is;
  }

  // False if it is none of a tile's.
  static bool run(const Instruction& is) {
    auto& tiles = state();
    const auto key = std::size_t{is.opcode} << 4 | is.prefix;
    auto& tile = tiles[is.reg];
    if (is.in_memory && key == 0x490) {  // ldtilecfg
      if (is.address[0] != 1) return false;
      for (std::size_t t = 0; t < tiles.size(); ++t) {
        tiles[t] = {is.address[48 + t], is.address[16 + 2 * t], {}};
        if (tiles[t].rows > 16 || tiles[t].bytes > 64) return false;
      }
    } else if (!is.in_memory && key == 0x490) {  // tilerelease
      tiles = {};
    } else if (!is.in_memory && key == 0x493) {  // tilezero
      std::memset(tile.data, 0, sizeof tile.data);
    } else if (is.in_memory && key == 0x4b3) {  // tileloadd
      std::memset(tile.data, 0, sizeof tile.data);
      for (std::size_t row = 0; row < tile.rows; ++row) {
        std::memcpy(tile.data[row], is.address + static_cast<std::int64_t>(row) * is.index,
                    tile.bytes);
      }
    } else if (is.in_memory && key == 0x4b2) {  // tilestored
      for (std::size_t row = 0; row < tile.rows; ++row) {
        std::memcpy(is.address + static_cast<std::int64_t>(row) * is.index, tile.data[row],
                    tile.bytes);
      }
    } else if (!is.in_memory && key == 0x5e1) {  // tdpbusd
      const auto &unsigned_bytes = tiles[is.rm], &signed_bytes = tiles[is.vvvv];
      if (unsigned_bytes.rows != tile.rows || signed_bytes.bytes != tile.bytes ||
          unsigned_bytes.bytes != 4 * signed_bytes.rows) {
        return false;
      }
      for (std::size_t m = 0; m < tile.rows; ++m) {
        for (std::size_t n = 0; n < tile.bytes / 4; ++n) {
          std::int32_t sum;
          std::memcpy(&sum, tile.data[m] + 4 * n, sizeof sum);
          for (std::size_t k = 0; k < unsigned_bytes.bytes; ++k) {
            sum += unsigned_bytes.data[m][k] *
                   static_cast<std::int8_t>(signed_bytes.data[k / 4][4 * n + k % 4]);
          }
          std::memcpy(tile.data[m] + 4 * n, &sum, sizeof sum);
        }
      }
    } else {
      return false;
    }
    return true;
  }

  static void fault(int signal, siginfo_t*, void* data) {
    auto& context = *static_cast<ucontext_t*>(data);
    auto& at = context.uc_mcontext.gregs[REG_RIP];
    const auto* code = reinterpret_cast<const std::uint8_t*>(at);
    if (code[0] == 0xc4 && (code[1] & 31) == 2) {
      const auto is = decode(context, code);
      if (run(is)) {
        at += static_cast<std::int64_t>(is.length);
        return;
      }
    }
    ::signal(signal, SIG_DFL);  // and it faults again
  }

  struct sigaction before_ {};
};

}  // namespace pie
