#include "core/os/elf_machine.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/os/file.hpp"

namespace patchbay::os {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

/// The front of this very program.
std::string our_header() {
  return read_file("/proc/self/exe", 1024UL * 1024 * 1024).value().substr(0, sizeof(Elf64_Ehdr));
}

std::string built_for(unsigned char machine, unsigned char order) {
  auto header = our_header();
  header[EI_DATA] = static_cast<char>(order);
  header[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(order == ELFDATA2LSB ? machine : 0);
  header[offsetof(Elf64_Ehdr, e_machine) + 1] =
      static_cast<char>(order == ELFDATA2LSB ? 0 : machine);
  return header;
}

TEST(ElfMachine, GivenAProgramOfThisMachine_WhenLookedAt_ThenItIsNotForeign) {
  EXPECT_EQ(foreign_machine(our_header()), std::nullopt);
  EXPECT_NE(this_machine(), "machine number 0");
}

TEST(ElfMachine, GivenProgramsOfOtherMachines_WhenLookedAt_ThenTheyAreNamed) {
  EXPECT_THAT(foreign_machine(built_for(EM_MIPS, ELFDATA2MSB)), Optional(HasSubstr("MIPS")));
  EXPECT_THAT(foreign_machine(built_for(EM_SPARC, ELFDATA2LSB)),
              Optional(HasSubstr("machine number 2")));
}

TEST(ElfMachine, GivenProgramsOf32And64BitsOfOneProcessor_WhenLookedAt_ThenTheKernelDecides) {
  EXPECT_FALSE(is_for_another_processor(our_header()));
  EXPECT_TRUE(is_for_another_processor(built_for(EM_MIPS, ELFDATA2MSB)));
  EXPECT_FALSE(is_for_another_processor("#!/bin/sh\n"));
#if defined(__x86_64__) || defined(__i386__)
  EXPECT_FALSE(is_for_another_processor(built_for(EM_386, ELFDATA2LSB)));
  EXPECT_FALSE(is_for_another_processor(built_for(EM_X86_64, ELFDATA2LSB)));
  EXPECT_TRUE(is_for_another_processor(built_for(EM_ARM, ELFDATA2LSB)));
#elif defined(__aarch64__) || defined(__arm__)
  EXPECT_FALSE(is_for_another_processor(built_for(EM_ARM, ELFDATA2LSB)));
  EXPECT_FALSE(is_for_another_processor(built_for(EM_AARCH64, ELFDATA2LSB)));
#endif
}

TEST(ElfMachine, GivenTheOtherWordSize_WhenLookedAt_ThenItIsForeign) {
  auto header = our_header();
  header[EI_CLASS] = static_cast<char>(header[EI_CLASS] == ELFCLASS64 ? ELFCLASS32 : ELFCLASS64);

  EXPECT_THAT(foreign_machine(header), Optional(HasSubstr("another word size")));
}

TEST(ElfMachine, GivenWhatIsNoProgram_WhenLookedAt_ThenNothingIsSaid) {
  EXPECT_EQ(foreign_machine("#!/bin/sh\n"), std::nullopt);
  EXPECT_EQ(foreign_machine("\x7f"
                            "ELF"),
            std::nullopt);
  EXPECT_EQ(foreign_machine(""), std::nullopt);
}

}  // namespace
}  // namespace patchbay::os
