#include "core/os/elf_machine.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace patchbay::os {
namespace {

struct MachineRow {
  std::uint16_t number;
  const char* name;
};
constexpr std::array kMachines{
    MachineRow{EM_X86_64, "x86-64"},
    MachineRow{EM_386, "x86 of 32 bits"},
    MachineRow{EM_AARCH64, "Arm of 64 bits"},
    MachineRow{EM_ARM, "Arm of 32 bits"},
    MachineRow{EM_RISCV, "RISC-V"},
    MachineRow{EM_MIPS, "MIPS"},
    MachineRow{EM_PPC64, "PowerPC of 64 bits"},
    MachineRow{EM_PPC, "PowerPC of 32 bits"},
    MachineRow{EM_S390, "IBM Z"},
    MachineRow{EM_LOONGARCH, "LoongArch"},
};

#if defined(__x86_64__)
constexpr std::uint16_t kOurs = EM_X86_64;
#elif defined(__i386__)
constexpr std::uint16_t kOurs = EM_386;
#elif defined(__aarch64__)
constexpr std::uint16_t kOurs = EM_AARCH64;
#elif defined(__arm__)
constexpr std::uint16_t kOurs = EM_ARM;
#elif defined(__riscv)
constexpr std::uint16_t kOurs = EM_RISCV;
#elif defined(__mips__)
constexpr std::uint16_t kOurs = EM_MIPS;
#elif defined(__powerpc64__)
constexpr std::uint16_t kOurs = EM_PPC64;
#else
constexpr std::uint16_t kOurs = EM_NONE;  // then no machine is called foreign
#endif

constexpr unsigned char kOurOrder =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
constexpr unsigned char kOurClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

std::string name_of(std::uint16_t number) {
  const auto* const row =
      std::find_if(kMachines.begin(), kMachines.end(),
                   [number](const MachineRow& machine) { return machine.number == number; });
  return row != kMachines.end() ? row->name : "machine number " + std::to_string(number);
}

// The same place in files of 32 and of 64 bits.
constexpr std::size_t kMachineAt = offsetof(Elf64_Ehdr, e_machine);
static_assert(kMachineAt == offsetof(Elf32_Ehdr, e_machine));

unsigned char byte_at(std::string_view start, std::size_t at) {
  return static_cast<unsigned char>(start[at]);
}

/// Nothing for what is no ELF file.
std::optional<std::uint16_t> machine_in(std::string_view start) {
  if (!start.starts_with(ELFMAG) || start.size() < kMachineAt + 2) return std::nullopt;
  const bool little = byte_at(start, EI_DATA) == ELFDATA2LSB;
  const unsigned low = byte_at(start, kMachineAt + (little ? 0 : 1));
  const unsigned high = byte_at(start, kMachineAt + (little ? 1 : 0));
  return static_cast<std::uint16_t>(high << 8U | low);
}

/// The machine of 64 bits whose kernels run programs for `machine`, too.
constexpr std::uint16_t processor_of(std::uint16_t machine) {
  switch (machine) {
    case EM_386:
      return EM_X86_64;
    case EM_ARM:
      return EM_AARCH64;
    case EM_PPC:
      return EM_PPC64;
    default:
      return machine;
  }
}

}  // namespace

std::string this_machine() {
  return name_of(kOurs);
}

std::optional<std::string> foreign_machine(std::string_view start) {
  const auto machine = machine_in(start);
  if (kOurs == EM_NONE || !machine) return std::nullopt;
  if (*machine != kOurs) return name_of(*machine);
  if (byte_at(start, EI_CLASS) != kOurClass) return name_of(*machine) + " of another word size";
  if (byte_at(start, EI_DATA) != kOurOrder) return name_of(*machine) + " of another byte order";
  return std::nullopt;
}

bool is_for_another_processor(std::string_view start) {
  const auto machine = machine_in(start);
  return kOurs != EM_NONE && machine && processor_of(*machine) != processor_of(kOurs);
}

}  // namespace patchbay::os
