#pragma once

#include <optional>
#include <string>
#include <string_view>

/// For which machine a program or shared object was built.
namespace patchbay::os {

/// This machine, as this program was built for it: "x86-64".
std::string this_machine();

/// Which other machine the ELF file that begins with `start` was built for; nothing for one of this
/// machine, and for what is no ELF file.
std::optional<std::string> foreign_machine(std::string_view start);

/// Whether no kernel for this kind of processor runs the program that begins with `start`. Kernels
/// of 64 bits run programs of 32, so word size and byte order decide nothing here.
bool is_for_another_processor(std::string_view start);

}  // namespace patchbay::os
