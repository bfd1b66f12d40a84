// The test program as a host of a later version: its own module host, with the header that
// CMakeLists.txt has let grow.

#include <gtest/gtest.h>

#include <string_view>

#include "core/host/module_host.hpp"
#include "patchbay/module.h"

static_assert(PB_INTERFACE_MINOR == 7, "this is not the later header");
static_assert(sizeof(pb_host_t::later) > 0 && sizeof(pb_plugin_t::more) > 0);

int main(int argc, char** argv) {
  if (argc > 1 && argv[1] == std::string_view{patchbay::host::kModuleHostCommand})
    return patchbay::host::run_module_host(argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
