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

}  // namespace patchbay::os
