#include "patchbay/dynamic_library.hpp"

#include <gmock/gmock.h>

namespace patchbay::module {
namespace {

using ::testing::HasSubstr;

constexpr const char* kThere = "libc.so.6";

TEST(DynamicLibrary, GivenLibraryAndFunction_ThenItCanBeCalled) {
  auto library = DynamicLibrary::open(kThere);
  ASSERT_TRUE(library) << library.error().message();

  int (*absolute)(int) = nullptr;
  library->find("abs", absolute);

  ASSERT_TRUE(library->all_found());
  EXPECT_EQ(absolute(-7), 7);
}

TEST(DynamicLibrary, GivenNoSuchLibrary_ThenTheLoaderSaysWhich) {
  const auto library = DynamicLibrary::open("libnowhere.so.9");

  ASSERT_FALSE(library);
  EXPECT_THAT(library.error().message(), HasSubstr("libnowhere.so.9"));
}

TEST(DynamicLibrary, GivenMissingFunctions_ThenTheFirstIsNamed) {
  auto library = DynamicLibrary::open(kThere);
  ASSERT_TRUE(library);

  int (*function)() = nullptr;
  for (const auto* const name : {"abs", "first_of_tomorrow", "second_of_tomorrow", "getpid"})
    library->find(name, function);

  const auto found = library->all_found();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message(), "libc.so.6 is too old: it has no function first_of_tomorrow");
}

}  // namespace
}  // namespace patchbay::module
